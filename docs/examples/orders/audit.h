/* SPDX-License-Identifier: MIT */
/* audit.h - what stands in the journal, once it is closed. */
#ifndef ORDERS_AUDIT_H
#define ORDERS_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

struct audit {
	uint64_t events[3]; /* rows of order.before.>, after, failed, as SQLite counts them */
	uint64_t rows;                  /* all of them: also those about the journal itself */
	uint64_t verified;              /* as `weir journal verify` counts them */
	bool whole;                     /* as it says: each row is tied to the one before */
};

/* path: as the plugin's setting has it, "DIR/audit.db". */
void audit_look(const char *path, struct audit *ret_audit);

#endif
