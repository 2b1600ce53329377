/* SPDX-License-Identifier: MIT */
/* checked.h - src/measure for programs that end, after a message, where it fails. */
#ifndef BENCH_CHECKED_H
#define BENCH_CHECKED_H

/* machine_begin(); 0 after a message if there are less than two processors. */
int checked_begin(void);

void checked_pin(int cpu);
void checked_unpin(void);

/* What a yardstick answered. */
double checked_ns(double ns);

#endif
