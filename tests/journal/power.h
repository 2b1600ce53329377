/* SPDX-License-Identifier: MIT */
/*
 * power.h - what a loss of power may leave of files: of the writes that were not synchronized any part,
 *           in any order, each sector for itself.
 *
 * It does not model names: a file that was made or removed is so at once.
 */
#ifndef WI_TESTS_POWER_H
#define WI_TESTS_POWER_H

#include <stdint.h>

struct power_file;

/* In the child that is to be cut; seed: of what is left. */
void power_begin(uint64_t seed);
struct power_file *power_find(const char *path);
void power_wrote(struct power_file *file, const void *bytes, int size, int64_t at);
void power_truncated(struct power_file *file, int64_t size);
void power_synced(struct power_file *file);
/* A synchronization failed: what did not come to the disk never will, though reads go on seeing it. */
void power_forgot(struct power_file *file);
void power_deleted(const char *path);
/* Makes the files what the loss leaves of them. */
void power_cut(void);

#endif
