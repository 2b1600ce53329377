/* SPDX-License-Identifier: MIT */
/* page_write.c PATH - the page of the JSON on standard input; 2 with a message if it cannot be. */
#include "report/report_page.h"

#include <stdio.h>

int
main(int argc, char **argv)
{
	char problem[WI_REPORT_PROBLEM_SIZE] = "";
	json_error_t error;
	json_t *result;
	bool written;

	if (argc != 2)
		return 64;
	result = json_loadf(stdin, 0, &error);
	if (result == NULL) {
		fprintf(stderr, "page_write: %s\n", error.text);
		return 65;
	}
	written = wi_report_page_check(argv[1], problem) &&
		  wi_report_page_write(result, argv[1], problem);
	json_decref(result);
	if (!written)
		fprintf(stderr, "page_write: %s\n", problem);
	return written ? 0 : 2;
}
