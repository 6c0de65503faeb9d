/* SPDX-License-Identifier: MIT */
/* What surrounds a test: a place of its own before it, and stock-taking after it. */
#ifndef SANDBOX_H
#define SANDBOX_H

/*
 * Once per program: makes the directory in which tests get theirs, and, where the process may, a /dev/shm, a directory
 * of message queues and System V objects that no other process sees. Where it may not, programs of one user run one
 * after the other, since the objects of one would be leaks of the other.
 */
void sandbox_begin(void);
/* Removes the directory and kills what processes are left. */
void sandbox_end(void);

/* Before each test, in its process. */
void sandbox_enter(void);
/* After each test that did not fail, in its process: fails it if it left anything behind. */
void sandbox_leave(void);

#endif
