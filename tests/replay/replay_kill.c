/* SPDX-License-Identifier: MIT */
/*
 * replay_kill.c - SIGKILL of the client, of the host, or of both, at random moments of a replay.
 *
 * Each event is seen at least once, a kill repeats a batch at most, and what keeps the last number in
 * its own transaction has done each exactly once. $WEIR_REPLAY_KILLS: how many kills.
 *
 * usage: replay_kill WEIR JOURNAL_MAKE
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/host.h>

#include "host_rig.h"
#include "replay_run.h"

enum { EVENTS = 20000, BATCH = 500, FIRST_ROW = 2 };

static const char *const modules[] = { NULL };

/* It outlives the hosts. */
static struct shared {
	uint64_t ready;         /* the host has opened */
	uint64_t wrong;         /* events that are not what was recorded */
	uint64_t live;          /* seen by who wants no replay */
	uint32_t seen[EVENTS];
} *shared;

static const char *weir, *maker;
static char journal[RIG_PATH_SIZE], database[RIG_PATH_SIZE], position[RIG_PATH_SIZE], config[RIG_PATH_SIZE],
	socket_path[RIG_PATH_SIZE], messages[RIG_PATH_SIZE];

/* -- the host: who sees, and a projection ------------------------------------------- */

static int
on_live(const weir_event *event, const weir_delivery *delivery, void *context)
{
	(void)event, (void)delivery, (void)context;
	add(&shared->live, 1);
	return 0;
}

static int
on_event(const weir_event *event, const weir_delivery *delivery, void *context)
{
	const weir_origin *origin = weir_event_origin(event);
	const uint64_t *payload = weir_event_data(event);

	(void)delivery, (void)context;
	if (!origin || origin->number < FIRST_ROW || origin->number >= FIRST_ROW + EVENTS ||
	    payload[0] != origin->number - FIRST_ROW + 1 || payload[1] != mix(payload[0]))
		add(&shared->wrong, 1);
	else
		add(&shared->seen[origin->number - FIRST_ROW], 1);
	return 0;
}

struct projection {
	sqlite3 *database;
	int64_t last, count, sum;
	bool begun;
};

static void
execute(struct projection *projection, const char *sql)
{
	char *problem = NULL;

	CHECK(sqlite3_exec(projection->database, sql, NULL, NULL, &problem) == SQLITE_OK, "%s: %s", sql, problem);
}

static int
take_columns(void *context, int count, char **texts, char **names)
{
	struct projection *projection = context;

	(void)count, (void)names;
	projection->last = strtoll(texts[0], NULL, 10);
	projection->count = strtoll(texts[1], NULL, 10);
	projection->sum = strtoll(texts[2], NULL, 10);
	return 0;
}

static void
open_projection(struct projection *projection)
{
	memset(projection, 0, sizeof *projection);
	CHECK(sqlite3_open(database, &projection->database) == SQLITE_OK, "%s", database);
	execute(projection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
	        "CREATE TABLE IF NOT EXISTS state(id INTEGER PRIMARY KEY, last, count, sum)");
	execute(projection, "INSERT OR IGNORE INTO state VALUES(1, 0, 0, 0)");
	CHECK(sqlite3_exec(projection->database, "SELECT last, count, sum FROM state", take_columns, projection,
	                   NULL) == SQLITE_OK, "state");
}

/* The number is kept with what was done, in one transaction: the next to it is done, what was is not again. */
static int
project(const weir_event *event, const weir_delivery *delivery, void *context)
{
	int64_t number = (int64_t)weir_event_origin(event)->number;
	struct projection *projection = context;

	(void)delivery;
	if (number <= projection->last)
		return 0;
	projection->last = number;
	projection->count++;
	projection->sum += number;
	projection->begun = true;
	return 0;
}

static int
end_batch(const weir_delivery *delivery, void *context)
{
	struct projection *projection = context;
	char sql[160];

	(void)delivery;
	if (projection->begun) {
		snprintf(sql, sizeof sql, "BEGIN; UPDATE state SET last=%lld, count=%lld, sum=%lld; COMMIT",
		         (long long)projection->last, (long long)projection->count, (long long)projection->sum);
		execute(projection, sql);
		/* As a disk takes it: what was not waited for is still in the ring when the host is killed. */
		sleep_ns(4 * MILLISECOND);
	}
	projection->begun = false;
	return 0;
}

static void
run_host(void)
{
	weir_subscription_options options = WEIR_SUBSCRIPTION_OPTIONS_INIT;
	struct projection projection;
	weir_subscription subscription;
	weir_host *host;
	weir_bus *bus;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	open_projection(&projection);
	CHECK(rig_open(config, NULL, &host) == WEIR_OK, "%s", rig_problem);
	bus = weir_host_bus(host);
	CHECK_OK(weir_subscribe(bus, ">", on_live, NULL, NULL, &subscription));
	options.flags = WEIR_SUBSCRIPTION_REPLAYED;
	CHECK_OK(weir_subscribe(bus, ">", on_event, NULL, &options, &subscription));
	options.pool = weir_host_pool(host, "work");
	options.batch_end = end_batch;
	CHECK_OK(weir_subscribe(bus, ">", project, &projection, &options, &subscription));
	set(&shared->ready, 1);
	for (;;)
		pause();
}

static pid_t
begin_host(void)
{
	pid_t child;

	set(&shared->ready, 0);
	child = fork();
	CHECK(child >= 0, "fork");
	if (child == 0)
		run_host();
	wait_for(&shared->ready, 1, "the host");
	return child;
}

/* -- the kills ----------------------------------------------------------------------- */

static void
kill_child(pid_t *child)
{
	kill(*child, SIGKILL);
	end_program(*child);
	*child = 0;
}

/* How it ended, within this time; -1: it has not. */
static int
wait_client(pid_t client, uint64_t ns)
{
	uint64_t end = now_ns() + ns;
	int status;

	do {
		if (waitpid(client, &status, WNOHANG) == client)
			return status;
		sleep_ns(200 * MICROSECOND);
	} while (now_ns() < end);
	return -1;
}

static void
check_round(uint64_t kills)
{
	struct projection projection;
	uint64_t repeated = 0;
	int64_t first = FIRST_ROW, last = FIRST_ROW + EVENTS - 1;

	CHECK(get(&shared->wrong) == 0, "%llu events are not what was recorded", (ull)shared->wrong);
	CHECK(get(&shared->live) == 0, "%llu reached who wants no replay", (ull)shared->live);
	for (uint32_t i = 0; i < EVENTS; i++) {
		CHECK(get(&shared->seen[i]) >= 1, "row %u was not seen, after %llu kills", i + FIRST_ROW, (ull)kills);
		repeated += shared->seen[i] - 1;
	}
	CHECK(repeated <= kills * BATCH, "%llu repeated by %llu kills", (ull)repeated, (ull)kills);
	open_projection(&projection);
	CHECK(projection.count == EVENTS && projection.last == last &&
	      projection.sum == (first + last) * EVENTS / 2, "the projection: %lld events, up to %lld, sum %lld",
	      (long long)projection.count, (long long)projection.last, (long long)projection.sum);
	sqlite3_close(projection.database);
}

static void
begin_round(pid_t *host)
{
	char path[RIG_PATH_SIZE + 8];

	if (*host)
		kill_child(host);
	unlink(position);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", database, (const char *const[]){ "", "-wal", "-shm" }[i]);
		unlink(path);
	}
	memset(shared, 0, sizeof *shared);
}

/* Of a client whose host was killed: it says so, or was done just before. */
static void
check_orphan(int status)
{
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 69 || WEXITSTATUS(status) == 0),
	      "the client's status is %#x", (unsigned)status);
}

/* One client; true: it came to the end. */
static bool
attempt(struct chance *chance, pid_t *host, uint64_t *kills, bool killing)
{
	const char *arguments[] = { weir, "replay", "--socket", socket_path, "--position", position, "--batch", "500",
		                    journal, NULL };
	uint32_t who = chance_below(chance, 3);
	pid_t client;
	int status;

	if (!*host)
		*host = begin_host();
	client = begin_program(NULL, messages, arguments);
	status = wait_client(client, killing ? chance_below(chance, 60000) * MICROSECOND : 60 * SECOND);
	if (status >= 0) {
		CHECK(status == 0, "the client's status is %#x", (unsigned)status);
		return true;
	}
	CHECK(killing, "no end in 60 s");
	++*kills;
	if (who != 0)
		kill_child(host);
	if (who != 1)
		kill_child(&client);
	else
		check_orphan(end_program(client));
	return false;
}

static void
kill_often(uint64_t times)
{
	struct chance chance = chance_begin(1);
	uint64_t kills = 0, rounds = 0, of_round = 0, most = 0;
	pid_t host = 0;

	do {
		begin_round(&host);
		of_round = kills;
		while (!attempt(&chance, &host, &kills, kills < times))
			continue;
		check_round(kills - of_round);
		most = kills - of_round > most ? kills - of_round : most;
		rounds++;
	} while (kills < times);
	kill_child(&host);
	printf("killed %llu times in %llu replays of %d events, up to %llu times in one\n", (ull)kills, (ull)rounds,
	       EVENTS, (ull)most);
}

int
main(int argc, char **argv)
{
	const char *given = getenv("WEIR_REPLAY_KILLS");
	uint64_t times = given ? strtoull(given, NULL, 10) : 20;
	char events[16];

	support_begin("replay_kill");
	alarm((unsigned)(80 + times));
	CHECK(argc == 3, "usage: replay_kill WEIR JOURNAL_MAKE");
	weir = argv[1];
	maker = argv[2];
	rig_begin(modules);
	snprintf(journal, sizeof journal, "%s", rig_path("audit.db"));
	snprintf(database, sizeof database, "%s", rig_path("state.db"));
	snprintf(position, sizeof position, "%s", rig_path("position"));
	snprintf(config, sizeof config, "%s", rig_path("host.ini"));
	snprintf(socket_path, sizeof socket_path, "%s", rig_path("c.sock"));
	snprintf(messages, sizeof messages, "%s", rig_path("messages"));
	rig_write("host.ini", "[bus]\nstats_dir = none\n[control]\nsocket = %%D/c.sock\n[pool.work]\nafter = default\n");
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED, "mmap");
	snprintf(events, sizeof events, "%d", EVENTS);
	run_program((const char *const[]){ maker, journal, events, "64", "1000", "400000", NULL });
	kill_often(times);
	rig_end();
	return 0;
}
