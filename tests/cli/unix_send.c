/* SPDX-License-Identifier: MIT */
/* unix_send.c - copies standard input to a Unix socket, which it waits for up to 10 s; then
 * ends. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int
reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timespec pause = {.tv_nsec = 10000000};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (int i = 0; fd >= 0 && i < 1000; i++) {
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		nanosleep(&pause, NULL);
	}
	return -1;
}

int
main(int argc, char **argv)
{
	char buffer[65536];
	ssize_t count;
	int fd = argc == 2 ? reach(argv[1]) : -1;

	if (fd < 0)
		return 1;
	while ((count = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
		for (ssize_t sent = 0, part; sent < count; sent += part)
			if ((part = send(fd, buffer + sent, (size_t)(count - sent), MSG_NOSIGNAL)) <
			    0)
				return 2;
	return 0;
}
