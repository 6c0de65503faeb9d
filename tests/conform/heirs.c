/* SPDX-License-Identifier: MIT */
#include "heirs.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conform.h"

/* Each test is a process of its own, so this is the test's. */
static struct {
    pthread_mutex_t lock; /* both ends may be opened by threads, and the environment is the process's */
    int fds[2][2];        /* of each end, to read from and to write to; 0: none */
    bool made;
    bool apart;        /* the other end is another process's */
    int next;          /* which end the next opening gets */
    char variable[80]; /* in the environment itself: setenv would keep every old value */
} heirs = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void end_forget(int end)
{
    for (int i = 0; i < 2; i++) {
        /* One that is close-on-exec was taken: it is a channel's. */
        if (heirs.fds[end][i] && fcntl(heirs.fds[end][i], F_GETFD) == 0)
            close(heirs.fds[end][i]);
        heirs.fds[end][i] = 0;
    }
}

void heirs_forget(void)
{
    end_forget(0);
    end_forget(1);
    heirs.made = false;
}

static void make(bool apart)
{
    heirs_forget();
    for (int from = 0; from < 2; from++) {
        int fds[2];
        CHECK(pipe(fds) == 0);
        heirs.fds[1 - from][0] = fds[0];
        heirs.fds[from][1] = fds[1];
    }
    heirs.made = true;
    heirs.apart = apart;
    heirs.next = 0;
}

void heirs_bear(void)
{
    make(true);
}

void heirs_leave_home(void)
{
    heirs.next = 1;
}

static void environment_set(const int fds[2])
{
    struct stat in, out;

    CHECK(fstat(fds[0], &in) == 0 && fstat(fds[1], &out) == 0);
    snprintf(heirs.variable, sizeof heirs.variable, "TONG_PIPE=%d:%ju,%d:%ju", fds[0], (uintmax_t)in.st_ino, fds[1],
             (uintmax_t)out.st_ino);
    CHECK(putenv(heirs.variable) == 0);
}

int heirs_open(tong_channel **ret_ch, const char *address, uint32_t role, const tong_opts *opts, tong_deadline deadline)
{
    pthread_mutex_lock(&heirs.lock);
    if (!heirs.made)
        make(false);
    environment_set(heirs.fds[heirs.next]);
    int r = tong_open(ret_ch, address, role, opts, deadline);
    if (r < 0 || heirs.apart) {
        /* What was opened stays open; what a forked side has is its own. */
        if (r >= 0 || !heirs.apart)
            heirs_forget();
    } else {
        end_forget(heirs.next++);
        heirs.made = heirs.next < 2;
    }
    pthread_mutex_unlock(&heirs.lock);
    return r;
}
