/* SPDX-License-Identifier: MIT */
/* tls.h - TLS in front of a receiver, with certificates that are made at that moment, good and bad ones. */
#ifndef WI_TESTS_NOTIFY_TLS_H
#define WI_TESTS_NOTIFY_TLS_H

#include "receiver.h"

enum tls_fault {
	TLS_GOOD,               /* of localhost and 127.0.0.1, by the authority of tls_authority() */
	TLS_EXPIRED,
	TLS_NOT_YET,
	TLS_OTHER_NAME,
	TLS_ODD_NAME,           /* no name but one with control characters */
	TLS_SELF_SIGNED,
	TLS_OTHER_AUTHORITY,
	TLS_WEAK_KEY,           /* RSA with 1024 bits */
	TLS_OLD,                /* a good one, but TLS 1.1 at most */
	TLS_NOT_NEW,            /* a good one, TLS 1.2 at most */
	TLS_FAULT_COUNT
};

/* The good authority's certificate, PEM; valid until the program ends. */
const char *tls_authority(void);

/* Valid until the program ends. */
const struct receiver_wire *tls_wire(enum tls_fault fault);

#endif
