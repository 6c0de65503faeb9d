/* SPDX-License-Identifier: MIT */
/* tong: what went wrong, as a code, a name and a sentence. */
#ifndef TONG_ERROR_H
#define TONG_ERROR_H

#include <stddef.h>
#include <stdint.h>

#if defined __GNUC__
#define TONG_API __attribute__((visibility("default")))
#define TONG_CHECKED __attribute__((warn_unused_result))
#else
#define TONG_API
#define TONG_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Every function that can fail returns 0 or more on success and less than 0 on failure: -errno verbatim where the
 * system has a name for it (-EAGAIN, -ETIMEDOUT, -ENOMEM ...), otherwise one of tong's own conditions. They come from
 * this list alone: the enum, the names, the texts and the bindings are made from it.
 */
#define TONG_ERROR_MAP(X)                                                                                              \
    X(END, 1, "the peer finished and everything was delivered")                                                        \
    X(GONE, 2, "the peer died, or the stream was cut")                                                                 \
    X(LAPPED, 3, "the reader was overtaken and messages were lost")                                                    \
    X(OWNER, 4, "the owner of a lock died; what it protects must be checked")                                          \
    X(TOOBIG, 5, "the message is larger than the room for it")                                                         \
    X(ABI, 6, "the other side speaks another version")                                                                 \
    X(CORRUPT, 7, "what was read does not hold together")                                                              \
    X(STATE, 8, "the call does not fit the channel's state")                                                           \
    X(NOCAP, 9, "the mechanism cannot do this")                                                                        \
    X(ADDRESS, 10, "the address is not understood")                                                                    \
    X(FORKED, 11, "the channel belongs to the process that forked this one")                                           \
    X(SHUTDOWN, 12, "the channel was shut down")                                                                       \
    X(REFUSED, 13, "the other side refused the conversation")

enum tong_error {
#define TONG_ERROR_ENUM(name, number, text) TONG_E_##name = -5000 - (number),
    TONG_ERROR_MAP (TONG_ERROR_ENUM)
#undef TONG_ERROR_ENUM
};

/*
 * The name of an error, such as "ETIMEDOUT" or "TONG_E_GONE"; "OK" for 0 and more, "UNKNOWN" for a number that nobody
 * gives out. The string is static. Never blocks, never allocates; legal in a signal handler.
 */
TONG_API const char *tong_error_name(int error);

/* A short general text for an error, static, as tong_error_name. */
TONG_API const char *tong_error_text(int error);

/*
 * The sentence about this thread's last failed call of tong: which object, which limit with its value, what to do.
 * Never NULL; "" before the first failure. The string belongs to the library and stays until the same thread's next
 * call of tong; a call that succeeds leaves it alone.
 */
TONG_API const char *tong_error_detail(void);

/* One step of the way an error took through the library, the origin first. The strings are static. */
typedef struct tong_error_frame {
    const char *function;
    const char *file;
    int32_t line;
    int32_t error;
} tong_error_frame;

/*
 * Copies the first steps of this thread's last failure into at most n frames and returns how many were copied. For
 * bug reports; what it shows is not part of the interface's promises.
 */
TONG_API size_t tong_error_trace(tong_error_frame *ret_frames, size_t n);

#ifdef __cplusplus
}
#endif

#endif
