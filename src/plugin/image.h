/* SPDX-License-Identifier: MIT */
/* image.h - whether a file is a whole shared object for this machine. */
#ifndef WI_PLUGIN_IMAGE_H
#define WI_PLUGIN_IMAGE_H

#include <stdint.h>

/*
 * NULL, or what is wrong: "is cut short". The loader maps what the headers name without a look at
 * the file's size, and a process that touches what is not there gets SIGBUS.
 */
const char *wi_image_problem(int fd, uint64_t size);

#endif
