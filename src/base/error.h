/* SPDX-License-Identifier: MIT */
/*
 * How an error travels: TONG_FAIL at its origin writes the sentence and the first step of the trace, TONG_TRACE on the
 * way adds a step; both return the code. Sentences begin with the object they speak of ("unix:x.sock: ...").
 */
#ifndef TONGI_BASE_ERROR_H
#define TONGI_BASE_ERROR_H

#include <errno.h>
#include <stdint.h>

#include <tong/error.h>

struct tongi_site {
    const char *function;
    const char *file;
    int line;
};

#define TONGI_SITE (&(const struct tongi_site){__func__, __FILE_NAME__, __LINE__})

/* An error with its sentence, printf-like. */
#define TONG_FAIL(error, ...) tongi_fail(TONGI_SITE, (error), __VA_ARGS__)

/* An error on a path that is taken often, such as -EAGAIN: the sentence is a literal and nothing is formatted. */
#define TONG_FAIL_FAST(error, literal) tongi_fail_fast((error), "" literal)

/* Passes a negative result on and records the step. */
#define TONG_TRACE(error) tongi_trace(TONGI_SITE, (error))

__attribute__((format(printf, 3, 4))) int tongi_fail(const struct tongi_site *site, int error, const char *format, ...);
int tongi_fail_fast(int error, const char *literal);
int tongi_trace(const struct tongi_site *site, int error);

/* Has this thread a sentence for exactly this error? Keeps a general sentence from covering a special one. */
int tongi_error_is(int error);

#endif
