/* SPDX-License-Identifier: MIT */
/* The ends of two pipes, one each way, or of one: how they are made, and how a program finds those it was given. */
#ifndef TONGI_TRANSPORT_PIPE_ENDS_H
#define TONGI_TRANSPORT_PIPE_ENDS_H

#include <stddef.h>
#include <stdint.h>

/* The variable that tells a program of its ends: two descriptors, each with its pipe's inode number, so that neither a
 * number that means something else by now nor a variable of somebody else's is taken for ours. docs/FORMATS.md. */
#define TONGI_PIPE_VARIABLE "TONG_PIPE"

struct tongi_pipe_ends {
    int in, out; /* -1: no pipe in that direction */
};
#define TONGI_PIPE_ENDS_NONE ((struct tongi_pipe_ends){-1, -1})

/* Two joined ends, close-on-exec: directions, TONG_IN and TONG_OUT, are those of the first. -EMFILE, -ENFILE, with a
 * sentence about the address. */
int tongi_pipe_make(struct tongi_pipe_ends ret_ends[2], uint32_t directions, const char *address);
void tongi_pipe_close(struct tongi_pipe_ends *ends);

/* Reading and writing these ends never waits; the others of the same pipes are not concerned. */
int tongi_pipe_set_nonblocking(const struct tongi_pipe_ends *ends);

/* "TONG_PIPE=..." for a program that has the ends under these numbers. */
int tongi_pipe_tell(const struct tongi_pipe_ends *ends, char *ret_variable, size_t room);
/*
 * The ends that this process was given, the caller's from now on and close-on-exec, by which it is known that they are
 * taken. Errors: -ENOENT (it was given none), -EBUSY (they are taken), TONG_E_CORRUPT (the variable makes no sense).
 */
int tongi_pipe_take(struct tongi_pipe_ends *ret_ends, const char *address);

#endif
