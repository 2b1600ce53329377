/* SPDX-License-Identifier: MIT */
/* text_file.h - what the kernel tells in files of a line or a few. */
#ifndef MEASURE_TEXT_FILE_H
#define MEASURE_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* NULL: it cannot be read. `root` stands before the path; "" but in tests. */
FILE *text_file_open(const char *root, const char *path);

/*
 * The first line of the file at that path, without its end; as much as fits. Bytes that are no
 * printable ASCII become '?'. False, and "": there is none.
 */
bool text_file_line(char *line, size_t size, const char *root, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The number behind "name:" at the beginning of a line, in bytes if it is in kB. False: none. */
bool text_file_bytes(const char *root, const char *path, const char *name, uint64_t *ret_bytes);

#endif
