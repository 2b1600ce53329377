/* SPDX-License-Identifier: MIT */
/* export_buses.h - which buses `weir export` shows, and looks at all of them. */
#ifndef WI_CLI_EXPORT_BUSES_H
#define WI_CLI_EXPORT_BUSES_H

#include "export_text.h"

struct wi_export_target {
	const char *file;       /* NULL: by pid */
	uint64_t pid;
};

struct wi_export_source {
	const char *program;
	struct wi_export_target *targets;
	size_t target_count;    /* 0: all buses of this user's processes that live */
	struct wi_export_limits limits;
	bool quiet;
};

/*
 * The exit code of `weir top` for the first bus that is not as it should be, which was said; all that
 * could be looked at is in *buses all the same. With WI_EXIT_FAILED it may be empty for want of memory.
 */
int wi_export_buses_take(struct wi_export_buses *buses, const struct wi_export_source *source);
void wi_export_buses_fini(struct wi_export_buses *buses);

/* Looks, and the text, to be freed. NULL: no memory. */
char *wi_export_buses_text(const struct wi_export_source *source, size_t *ret_size, int *ret_code);

#endif
