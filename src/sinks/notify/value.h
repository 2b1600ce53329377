/* SPDX-License-Identifier: MIT */
/*
 * value.h - look into JSON without making values of it: members by path, characters, numbers.
 *
 * Every text here is one value of JSON that was found valid, and something that ends a number follows.
 * Absent: `at` is NULL. Nothing allocates or recurses.
 */
#ifndef WI_NOTIFY_VALUE_H
#define WI_NOTIFY_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "text/json_text.h"

/* A member of an object, the last one of that name; an element of an array, by its digits from 0. */
struct wi_json_text wi_value_step(struct wi_json_text value, const char *name, size_t size);

/* The same for each of "customer.address.0". An empty path: the value. */
struct wi_json_text wi_value_walk(struct wi_json_text value, const char *path, size_t size);

/*
 * The next character of a string, in UTF-8, and how long it is; 0 at the end. *at: behind the opening
 * quote at first.
 */
size_t wi_value_character(const char **at, char ret_character[4]);

/* Whether a string is, or contains, these bytes. */
bool wi_value_is(struct wi_json_text string, const char *bytes, size_t size);
bool wi_value_contains(struct wi_json_text string, const char *bytes, size_t size);

/* A number, also one that is in a string: the text of it. False: neither. */
bool wi_value_number(struct wi_json_text value, struct wi_json_text *ret_number);

/* Whether this is a number as JSON writes it, and nothing else. */
bool wi_number_valid(const char *text, size_t size);

/* Below, at or above 0: a < b, a = b, a > b. Exactly, however long they are. */
int wi_number_compare(struct wi_json_text a, struct wi_json_text b);

#endif
