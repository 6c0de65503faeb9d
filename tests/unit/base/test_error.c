/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "base/limits.h"
#include "runner/runner.h"

#define FRAMES (TONGI_TRACE_MAX + 4)

TONG_TEST(own_conditions)
{
    ck_assert_str_eq(tong_error_name(TONG_E_END), "TONG_E_END");
#define OWN(name, number, text)                                                                                        \
    ck_assert_int_eq(TONG_E_##name, -5000 - (number));                                                                 \
    ck_assert_str_eq(tong_error_name(TONG_E_##name), "TONG_E_" #name);                                                 \
    ck_assert_str_eq(tong_error_text(TONG_E_##name), text);
    TONG_ERROR_MAP (OWN)
#undef OWN
}

TONG_TEST(no_two_conditions_have_one_number)
{
    static const int numbers[] = {
#define NUMBER(name, number, text) number,
        TONG_ERROR_MAP (NUMBER)
#undef NUMBER
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_int_ne(numbers[i], numbers[j]);
}

TONG_TEST(errno_has_its_name)
{
    ck_assert_str_eq(tong_error_name(-EAGAIN), "EAGAIN");
    ck_assert_str_eq(tong_error_name(-ETIMEDOUT), "ETIMEDOUT");
    ck_assert_str_eq(tong_error_name(-ENOMEM), "ENOMEM");
    ck_assert_str_eq(tong_error_name(-EPERM), "EPERM");
    ck_assert_str_eq(tong_error_text(-ENOENT), "No such file or directory");
    for (int number = 1; number <= EHWPOISON; number++) {
        const char *name = tong_error_name(-number);
        /* Two numbers of Linux were never given out: 41 and 58. */
        ck_assert_int_eq(strcmp(name, "UNKNOWN") == 0, number == 41 || number == 58);
        ck_assert(name[0] == 'E' || name[0] == 'U');
    }
}

TONG_TEST(success_and_nonsense)
{
    ck_assert_str_eq(tong_error_name(0), "OK");
    ck_assert_str_eq(tong_error_name(INT_MAX), "OK");
    ck_assert_str_eq(tong_error_text(0), "success");
    ck_assert_str_eq(tong_error_text(5), "success");
    for (int i = 0; i < 4; i++) {
        const int nobodys[] = {-4095, -4096, -5999, INT_MIN};
        ck_assert_str_eq(tong_error_name(nobodys[i]), "UNKNOWN");
        ck_assert_str_eq(tong_error_text(nobodys[i]), "unknown error");
    }
}

TONG_TEST(nothing_before_the_first_failure)
{
    tong_error_frame frame = {.line = 7};

    ck_assert_str_eq(tong_error_detail(), "");
    ck_assert_uint_eq(tong_error_trace(&frame, 1), 0);
    ck_assert_uint_eq(tong_error_trace(NULL, 0), 0);
    ck_assert_int_eq(frame.line, 7);
    ck_assert(!tongi_error_is(-ENOENT));
}

static int origin(int error)
{
    return TONG_FAIL(error, "x.sock: %s %d", "number", 42);
}

static int middle(int error)
{
    return TONG_TRACE(origin(error));
}

TONG_TEST(sentence_and_trace)
{
    tong_error_frame frames[FRAMES];

    ck_assert_int_eq(TONG_TRACE(middle(-ENOENT)), -ENOENT);
    ck_assert_str_eq(tong_error_detail(), "x.sock: number 42");
    ck_assert(tongi_error_is(-ENOENT));
    ck_assert(!tongi_error_is(-EACCES));
    ck_assert_uint_eq(tong_error_trace(frames, FRAMES), 3);
    ck_assert_str_eq(frames[0].function, "origin");
    ck_assert_str_eq(frames[1].function, "middle");
    ck_assert_str_eq(frames[0].file, "test_error.c");
    ck_assert_int_lt(frames[0].line, frames[1].line);
    ck_assert_int_eq(frames[2].error, -ENOENT);
}

TONG_TEST(fewer_frames_than_steps)
{
    tong_error_frame frames[2] = {{0}, {.line = 7}};

    middle(-ENOENT);
    ck_assert_uint_eq(tong_error_trace(frames, 1), 1);
    ck_assert_str_eq(frames[0].function, "origin");
    ck_assert_int_eq(frames[1].line, 7);
}

TONG_TEST(long_way_keeps_its_origin)
{
    tong_error_frame frames[FRAMES];
    int r = origin(-EIO);

    for (int i = 0; i < 3 * TONGI_TRACE_MAX; i++)
        r = TONG_TRACE(r);
    ck_assert_int_eq(r, -EIO);
    ck_assert_uint_eq(tong_error_trace(frames, FRAMES), TONGI_TRACE_MAX);
    ck_assert_str_eq(frames[0].function, "origin");
}

TONG_TEST(a_new_failure_forgets_the_old_one)
{
    tong_error_frame frames[FRAMES];

    TONG_TRACE(middle(-EIO));
    ck_assert_int_eq(TONG_FAIL(TONG_E_GONE, "y: gone"), TONG_E_GONE);
    ck_assert_str_eq(tong_error_detail(), "y: gone");
    ck_assert_uint_eq(tong_error_trace(frames, FRAMES), 1);
    ck_assert_str_eq(frames[0].function, __func__);
    ck_assert(!tongi_error_is(-EIO));
}

TONG_TEST(fast_failure)
{
    tong_error_frame frames[FRAMES];

    middle(-EIO);
    ck_assert_int_eq(TONG_FAIL_FAST(-EAGAIN, "100 % literal"), -EAGAIN);
    ck_assert_str_eq(tong_error_detail(), "100 % literal");
    ck_assert(tongi_error_is(-EAGAIN));
    ck_assert_uint_eq(tong_error_trace(frames, FRAMES), 0);
    middle(-EIO);
    ck_assert_str_eq(tong_error_detail(), "x.sock: number 42");
}

TONG_TEST(an_error_without_a_sentence_gets_no_old_one)
{
    tong_error_frame frames[FRAMES];

    middle(-EIO);
    ck_assert_int_eq(TONG_TRACE(-ENOMEM), -ENOMEM);
    ck_assert_int_eq(TONG_TRACE(-ENOMEM), -ENOMEM);
    ck_assert_str_eq(tong_error_detail(), "");
    ck_assert(!tongi_error_is(-ENOMEM));
    ck_assert_uint_eq(tong_error_trace(frames, FRAMES), 2);
    ck_assert_int_eq(frames[0].error, -ENOMEM);
}

TONG_TEST(sentence_about_a_sentence)
{
    TONG_FAIL(-EIO, "inner");
    TONG_FAIL(-EIO, "outer: %s", tong_error_detail());
    ck_assert_str_eq(tong_error_detail(), "outer: inner");
}

TONG_TEST(long_sentence_is_cut)
{
    char text[2 * TONGI_SENTENCE_MAX];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    TONG_FAIL(-EIO, "%s", text);
    ck_assert_uint_eq(strlen(tong_error_detail()), TONGI_SENTENCE_MAX - 1);
}

static void *fail_elsewhere(void *context)
{
    ck_assert_str_eq(tong_error_detail(), "");
    TONG_FAIL(-EPERM, "%s", (const char *)context);
    ck_assert_str_eq(tong_error_detail(), (const char *)context);
    return NULL;
}

TONG_TEST(each_thread_has_its_own)
{
    tong_error_frame frames[FRAMES];
    char words[] = "the other thread";
    pthread_t thread;

    middle(-EIO);
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, words), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_str_eq(tong_error_detail(), "x.sock: number 42");
    ck_assert_uint_eq(tong_error_trace(frames, FRAMES), 2);
}
