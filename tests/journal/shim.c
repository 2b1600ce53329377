/* SPDX-License-Identifier: MIT */
/* shim.c - a VFS around SQLite's own. See shim.h; power loss is in power.c. */
#include "shim.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "power.h"

struct shim *shim;

static sqlite3_vfs *real;

struct file {
	sqlite3_file base;
	struct power_file *power;
	sqlite3_file *inner;
};

#define get(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define set(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

/* Whether this call is to fail. Tests set the words while a journal's thread is in here. */
static bool
count(uint32_t kind)
{
	uint64_t number, fail_at;

	if (!(get(&shim->kinds) & kind))
		return false;
	number = __atomic_add_fetch(&shim->calls, 1, __ATOMIC_RELAXED);
	if (number == get(&shim->kill_at)) {
		if (get(&shim->power))
			power_cut();
		kill(getpid(), SIGKILL);
	}
	fail_at = get(&shim->fail_at);
	if (!fail_at || number < fail_at || number > get(&shim->fail_until))
		return false;
	__atomic_add_fetch(&shim->failed, 1, __ATOMIC_RELAXED);
	return true;
}

static sqlite3_file *
inner(sqlite3_file *file)
{
	return ((struct file *)file)->inner;
}

/* -- of a file -------------------------------------------------------------- */

static int
shim_close(sqlite3_file *file)
{
	return inner(file)->pMethods->xClose(inner(file));
}

static int
shim_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
	if (count(SHIM_READ))
		return SQLITE_IOERR_READ;
	return inner(file)->pMethods->xRead(inner(file), bytes, size, at);
}

static int
shim_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
	int code;

	if (count(SHIM_WRITE))
		return SQLITE_IOERR_WRITE;
	if (get(&shim->full))
		return SQLITE_FULL;
	code = inner(file)->pMethods->xWrite(inner(file), bytes, size, at);
	if (get(&shim->power) && code == SQLITE_OK)
		power_wrote(((struct file *)file)->power, bytes, size, at);
	return code;
}

static int
shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code;

	if (count(SHIM_TRUNCATE))
		return SQLITE_IOERR_TRUNCATE;
	code = inner(file)->pMethods->xTruncate(inner(file), size);
	if (get(&shim->power) && code == SQLITE_OK)
		power_truncated(((struct file *)file)->power, size);
	return code;
}

static int
shim_sync(sqlite3_file *file, int flags)
{
	int code;

	if (count(SHIM_SYNC)) {
		if (get(&shim->power))
			power_forgot(((struct file *)file)->power);
		return SQLITE_IOERR_FSYNC;
	}
	code = inner(file)->pMethods->xSync(inner(file), flags);
	if (get(&shim->power) && code == SQLITE_OK)
		power_synced(((struct file *)file)->power);
	return code;
}

static int
shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return inner(file)->pMethods->xFileSize(inner(file), size);
}

static int
shim_lock(sqlite3_file *file, int lock)
{
	return inner(file)->pMethods->xLock(inner(file), lock);
}

static int
shim_unlock(sqlite3_file *file, int lock)
{
	return inner(file)->pMethods->xUnlock(inner(file), lock);
}

static int
shim_reserved(sqlite3_file *file, int *out)
{
	return inner(file)->pMethods->xCheckReservedLock(inner(file), out);
}

/* A size hint would let the file grow past what is written. */
static int
shim_control(sqlite3_file *file, int what, void *argument)
{
	if (what == SQLITE_FCNTL_SIZE_HINT)
		return SQLITE_OK;
	return inner(file)->pMethods->xFileControl(inner(file), what, argument);
}

static int
shim_sector(sqlite3_file *file)
{
	return inner(file)->pMethods->xSectorSize(inner(file));
}

static int
shim_device(sqlite3_file *file)
{
	return inner(file)->pMethods->xDeviceCharacteristics(inner(file));
}

static int
shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret_memory)
{
	if (count(SHIM_SHM))
		return SQLITE_IOERR_SHMMAP;
	return inner(file)->pMethods->xShmMap(inner(file), page, size, extend, ret_memory);
}

static int
shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return inner(file)->pMethods->xShmLock(inner(file), offset, n, flags);
}

static void
shim_shm_barrier(sqlite3_file *file)
{
	inner(file)->pMethods->xShmBarrier(inner(file));
}

static int
shim_shm_unmap(sqlite3_file *file, int delete)
{
	return inner(file)->pMethods->xShmUnmap(inner(file), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = shim_close, .xRead = shim_read, .xWrite = shim_write, .xTruncate = shim_truncate,
	.xSync = shim_sync, .xFileSize = shim_size, .xLock = shim_lock, .xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved, .xFileControl = shim_control, .xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device, .xShmMap = shim_shm_map, .xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier, .xShmUnmap = shim_shm_unmap,
};

/* -- of the whole ----------------------------------------------------------- */

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct file *own = (struct file *)file;
	int code;

	(void)vfs;
	own->base.pMethods = NULL;
	own->inner = (sqlite3_file *)(own + 1);
	if (count(SHIM_OPEN))
		return SQLITE_CANTOPEN;
	code = real->xOpen(real, name, own->inner, flags, ret_flags);
	if (code != SQLITE_OK)
		return code;
	own->power = get(&shim->power) && name ? power_find(name) : NULL;
	own->base.pMethods = &methods;
	return SQLITE_OK;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	if (count(SHIM_DELETE))
		return SQLITE_IOERR_DELETE;
	if (get(&shim->power))
		power_deleted(name);
	return real->xDelete(real, name, sync);
}

void
shim_begin(void)
{
	static sqlite3_vfs own;

	shim = mmap(NULL, sizeof *shim, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	real = sqlite3_vfs_find(NULL);
	own = *real;
	own.szOsFile = (int)sizeof(struct file) + real->szOsFile;
	own.zName = "shim";
	own.xOpen = shim_open;
	own.xDelete = shim_delete;
	if (shim == MAP_FAILED || sqlite3_vfs_register(&own, 1) != SQLITE_OK)
		abort();
}

void
shim_reset(uint32_t kinds)
{
	set(&shim->fail_at, 0);
	set(&shim->fail_until, 0);
	set(&shim->kill_at, 0);
	set(&shim->calls, 0);
	set(&shim->failed, 0);
	set(&shim->full, 0);
	set(&shim->power, 0);
	set(&shim->kinds, kinds);
}
