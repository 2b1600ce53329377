/* SPDX-License-Identifier: MIT */
/* host_rig.h - a directory of this user alone, configuration files in it, a host, and its log. */
#ifndef WI_TESTS_HOST_RIG_H
#define WI_TESTS_HOST_RIG_H

#include <stddef.h>
#include <weir/host.h>

#include "support.h"

#define RIG_PATH_SIZE 100

extern char rig_directory[32];
extern char rig_problem[WEIR_HOST_PROBLEM_SIZE];

/* Makes the directory, with the modules of $WEIR_PLUGIN_MODULES that are named (up to NULL). */
void rig_begin(const char *const *modules);
void rig_end(void);

/* In the directory. Text that is valid until the fourth call after this. */
const char *rig_path(const char *name);
/* Writes the file, with %D in the text for the directory; returns its path. */
const char *rig_write(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

weir_status rig_open(const char *config, weir_bus *bus, weir_host **ret_host);
/* Publishes to "load.after.create". */
void rig_send(weir_host *host, uint64_t count);
/* The same; all is delivered, and the books balance. For a bus on which nobody else publishes. */
void rig_publish(weir_host *host, uint64_t count);
/* Closes; nothing is left. */
void rig_close(weir_host *host);

/* Ends the program unless rig_problem contains it. */
void rig_check_problem(const char *text);
/* The answer to a request, until the next call, contains the text. */
const char *rig_ask(weir_host *host, const char *request);
void rig_check_answer(weir_host *host, const char *request, const char *text);

/* A connection to a socket's path, -1: nobody listens; to c.sock in the directory, where somebody must. */
int rig_try_connect(const char *path);
int rig_connect(void);
/* All of it, however long that takes. False: the other end has gone. */
bool rig_say(int fd, const void *bytes, size_t size);

/* Since the last rig_forget(). */
bool rig_logged(const char *text);
void rig_forget(void);

#endif
