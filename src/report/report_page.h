/* SPDX-License-Identifier: MIT */
/*
 * report_page.h - a result of `weir bench` or `weir tune` as one HTML file that shows it and loads
 * nothing. What the page looks like is in page.html, page.css and the .js files beside this.
 */
#ifndef WI_REPORT_PAGE_H
#define WI_REPORT_PAGE_H

#include <stdbool.h>

#include <jansson.h>

enum { WI_REPORT_PROBLEM_SIZE = 512 };

/*
 * Whether the page can be put there, to be asked before anything is measured: makes a file beside
 * it and takes it away again. False: `problem` says why not, naming the path.
 */
bool wi_report_page_check(const char *path, char problem[WI_REPORT_PROBLEM_SIZE]);

/*
 * Writes to a name beside `path`, then renames: what was there before stays until the page is
 * whole. `result` is what --json prints. False as above; then nothing new is left.
 */
bool wi_report_page_write(const json_t *result, const char *path,
			  char problem[WI_REPORT_PROBLEM_SIZE]);

#endif
