/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>

int fixture_socket(void);

int fixture_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}
