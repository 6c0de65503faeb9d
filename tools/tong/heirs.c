/* SPDX-License-Identifier: MIT */
#include "heirs.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool heirs_needed(const char *address)
{
    return strncmp(address, "pipe:", strlen("pipe:")) == 0;
}

static void end_close(int end[2])
{
    for (int i = 0; i < 2; i++) {
        if (end[i] >= 0)
            close(end[i]);
        end[i] = -1;
    }
}

void heirs_close(struct heirs *heirs)
{
    end_close(heirs->fds[0]);
    end_close(heirs->fds[1]);
}

/* What the tool starts is forks of its own, which close what is not theirs; so the ends are not close-on-exec, by which
 * tong_open knows that they are not taken yet. */
int heirs_make(struct heirs *ret_heirs)
{
    struct heirs heirs = HEIRS_NULL;

    for (int from = 0; from < 2; from++) {
        int fds[2];
        if (pipe(fds) < 0) {
            int error = errno;
            heirs_close(&heirs);
            return -error;
        }
        heirs.fds[1 - from][0] = fds[0];
        heirs.fds[from][1] = fds[1];
    }
    *ret_heirs = heirs;
    return 0;
}

int heirs_be(struct heirs *heirs, int end)
{
    const int *mine = heirs->fds[end];
    struct stat in, out;
    char text[64];

    end_close(heirs->fds[1 - end]);
    if (fstat(mine[0], &in) < 0 || fstat(mine[1], &out) < 0)
        return -errno;
    snprintf(text, sizeof text, "%d:%ju,%d:%ju", mine[0], (uintmax_t)in.st_ino, mine[1], (uintmax_t)out.st_ino);
    if (setenv("TONG_PIPE", text, 1) < 0)
        return -errno;
    heirs->fds[end][0] = heirs->fds[end][1] = -1; /* the channel's */
    return 0;
}
