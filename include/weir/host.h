/* SPDX-License-Identifier: MIT */
/*
 * host.h - a program whose bus, pools and plugins are described by a file, and that can be asked
 *          and told things through a socket while it runs.
 *
 *   options.config = "/etc/orders.ini";
 *   weir_host_open(&options, &host, problem, sizeof problem);
 *   ... publish on weir_host_bus(host) ...
 *   weir_host_close(host, 10000000000, NULL);
 *
 * The file, the socket's protocol and what a reload changes are in docs/host.md. A host has threads
 * of its own for the socket alone; it touches no signal, and prints nothing but, without
 * options.log, warnings and errors to stderr. Its conventions are those of <weir/weir.h>. No
 * function here may be called by a handler (WEIR_EDEADLK where one waits) or by a plugin.
 *
 * Library: weir-host (pkg-config).
 */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include <weir/weir.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_host weir_host;

/* Room for the longest problem that any function here tells. */
#define WEIR_HOST_PROBLEM_SIZE 512

typedef struct weir_host_options {
	size_t size;
	const char *config;     /* the file; read again by each reload */
	weir_bus *bus;          /* NULL: the host opens one as [bus] says, and closes it */
	/* Any thread; level as in syslog. Also that of the bus which the host opens. */
	void (*log)(void *context, int level, const char *id, const char *text);
	void *log_context;
} weir_host_options;

#define WEIR_HOST_OPTIONS_INIT WEIR_INIT_(weir_host_options)

/*
 * weir_host_open - read the file, open bus and pools, load and enable the plugins, open the socket.
 *
 * On failure nothing is left behind (but shared objects, which are never unmapped), and `problem`,
 * if it is not NULL, holds one sentence that names the place: "/etc/orders.ini:12: [pool.slow]
 * after: there is no pool 'fast'".
 * Returns: WEIR_OK, WEIR_EINVAL (the file is wrong), WEIR_ENOENT (a file is not there), WEIR_EIO (also
 *          what a plugin refuses), WEIR_EBUSY (the socket is another's), WEIR_ENOMEM, WEIR_ELIMIT.
 */
WEIR_API weir_status weir_host_open(const weir_host_options *options, weir_host **ret_host,
                                    char *problem, size_t problem_size);

/* The bus. The host's own is open until weir_host_close(). */
WEIR_API weir_bus *weir_host_bus(const weir_host *host);

/* weir_host_pool - a pool of the bus by its name, also one of the file; NULL: there is none. */
WEIR_API weir_pool *weir_host_pool(const weir_host *host, const char *name);

/* weir_host_socket - the control socket's path, valid as long as the host; NULL: there is none. */
WEIR_API const char *weir_host_socket(const weir_host *host);

/*
 * weir_host_reload - read the file again and make what runs what the file says.
 *
 * All or nothing: where the file is bad, wants what needs a restart, or a plugin refuses, what was
 * done is undone and `problem` says why. Plugins that are to end, end last; one whose handler does
 * not return within 5 s goes on ending by itself ("draining"), which is logged and no failure.
 * Any thread. Returns also: WEIR_EBUSY (a reload or a change to a plugin is under way).
 */
WEIR_API weir_status weir_host_reload(weir_host *host, char *problem, size_t problem_size);

/*
 * weir_host_drain - weir_bus_flush(): wait until what was committed before the call is through all
 *                   pools.
 */
WEIR_API weir_status weir_host_drain(weir_host *host, uint64_t timeout_ns);

/*
 * weir_host_control - one request of the control protocol (a JSON object, with or without a line
 *                     end), answered as on the socket: one JSON object without a line end, to be
 *                     given to free().
 *
 * Blocks as long as what is asked for. NULL: no memory, or a forked child. Any thread.
 */
WEIR_API char *weir_host_control(weir_host *host, const char *request, size_t size);

/*
 * weir_host_close - deliver what was committed, disable the plugins (the last enabled first), close
 *                   the pools and, if it is the host's, the bus; remove the socket.
 *
 * After WEIR_OK and WEIR_ETIMEDOUT the host is gone; what a handler or a plugin that does not return
 * uses is leaked, and logged. ret_report: that of weir_bus_close(), which comes after a flush; if
 * the bus is the program's, the sum over the pools of the file.
 */
WEIR_API weir_status weir_host_close(weir_host *host, uint64_t timeout_ns,
                                     weir_close_report *ret_report);

#ifdef __cplusplus
}
#endif
#endif
