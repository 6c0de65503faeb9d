/* SPDX-License-Identifier: MIT */
/* Child processes of a test, and what becomes of those that it forgets. The part for tests is in runner.h. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* From now on this process dies with its parent, and orphans below it become its own children. */
void child_tie_to(pid_t parent);

/* Is there a child, running or not yet waited for? */
bool child_exists(void);

/* Kills all children and waits for them, and for those that they leave to us, until there are none. */
void child_kill_all(void);

#endif
