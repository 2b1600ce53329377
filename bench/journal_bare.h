/* SPDX-License-Identifier: MIT */
/*
 * journal_bare.h - what the journal is measured against: the least that SQLite does to keep the same rows
 * in the same batches, with no hash and no bus.
 */
#ifndef BENCH_JOURNAL_BARE_H
#define BENCH_JOURNAL_BARE_H

#include <stdint.h>

/*
 * Nanoseconds to insert `rows` rows with payloads of `size` bytes into a new database at `path`, which
 * is removed afterwards, `batch` in each transaction; synchronous: "NORMAL" or "FULL". Below 0: failed.
 */
double journal_bare_ns(const char *path, const char *synchronous, uint64_t rows, uint64_t batch,
                       uint32_t size);

#endif
