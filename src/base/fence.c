/* SPDX-License-Identifier: MIT */
/* fence.c - see fence.h. */
#include "base/fence.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/atomic.h"

static bool
membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool
wi_fence_heavy_available(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && wi_fence_heavy();
}

bool
wi_fence_heavy(void)
{
	wi_fence_full();
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}
