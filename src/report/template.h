/* SPDX-License-Identifier: MIT */
/* template.h - the page up to its data and from there on; made by embed.py. */
#ifndef WI_REPORT_TEMPLATE_H
#define WI_REPORT_TEMPLATE_H

#include <stddef.h>

extern const unsigned char wi_report_before[], wi_report_after[];
extern const size_t wi_report_before_size, wi_report_after_size;

#endif
