/* SPDX-License-Identifier: MIT */
/* Tests that take more than one user, which only root can play. */
#ifndef TONG_CONFORM_USERS_H
#define TONG_CONFORM_USERS_H

#include <stdbool.h>
#include <sys/types.h>

enum { NOBODY = 65534, SOMEBODY = 65533, THEIR_GROUP = 65532 };

/* False: this process cannot become another user. Otherwise the working directory and the runner's, in which it lies,
 * are open to all from now on. */
bool users_can_change(void);
/* This process is another user's for good. */
void users_become(uid_t uid);

/* Somebody who takes a name in a directory, and says so by a byte through a pipe. */
struct users_squat {
    const char *directory;
    int ready[2];
};

#endif
