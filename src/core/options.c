/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. */
#include "core/options.h"

#include <string.h>

#include "base/compiler.h"

bool
wi_options_take(void *known, size_t known_size, const void *given)
{
	const unsigned char *bytes = given;
	size_t size;

	memset(known, 0, known_size);
	if (given) {
		memcpy(&size, given, sizeof size);
		if (size < sizeof size)
			return false;
		for (size_t i = known_size; i < size; i++)
			if (bytes[i])
				return false;
		memcpy(known, given, WI_MIN(size, known_size));
	}
	memcpy(known, &known_size, sizeof known_size);
	return true;
}

bool
wi_options_give(void *ret, const void *known, size_t known_size)
{
	size_t size;

	memcpy(&size, ret, sizeof size);
	if (size < sizeof size)
		return false;
	memcpy((char *)ret + sizeof size, (const char *)known + sizeof size,
	       WI_MIN(size, known_size) - sizeof size);
	return true;
}
