/* SPDX-License-Identifier: MIT */
/* command_text.h - a command line as one would type it again. */
#ifndef WI_CLI_COMMAND_TEXT_H
#define WI_CLI_COMMAND_TEXT_H

/*
 * The arguments, quoted for a shell where they need it, as valid UTF-8. To be asked before argp
 * changes their order. NULL: out of memory; free().
 */
char *wi_command_text(int argc, char **argv);

#endif
