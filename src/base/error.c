/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"

/* One record per thread: a failure and its sentence belong to the call that failed, not to the process. */
static _Thread_local struct {
    const char *literal; /* instead of the sentence, when not NULL */
    uint32_t frame_count;
    int error;
    tong_error_frame frames[TONGI_TRACE_MAX];
    char sentence[TONGI_SENTENCE_MAX];
} failure;

static void trace_add(const struct tongi_site *site, int error)
{
    if (failure.frame_count < TONGI_TRACE_MAX) {
        failure.frames[failure.frame_count] = (tong_error_frame){site->function, site->file, site->line, error};
        failure.frame_count++;
    }
}

int tongi_fail(const struct tongi_site *site, int error, const char *format, ...)
{
    va_list arguments;

    /* A caller may pass the old sentence as an argument, so it is read before it is overwritten. */
    char sentence[TONGI_SENTENCE_MAX];
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    memcpy(failure.sentence, sentence, sizeof sentence);
    failure.literal = NULL;
    failure.error = error;
    failure.frame_count = 0;
    trace_add(site, error);
    return error;
}

int tongi_fail_fast(int error, const char *literal)
{
    failure.literal = literal;
    failure.error = error;
    failure.frame_count = 0;
    return error;
}

int tongi_trace(const struct tongi_site *site, int error)
{
    /* An error that came without a sentence must not be given that of an older one. */
    if (failure.error != error)
        tongi_fail_fast(error, "");
    trace_add(site, error);
    return error;
}

int tongi_error_is(int error)
{
    return failure.error == error && tong_error_detail()[0];
}

const char *tong_error_detail(void)
{
    return failure.literal ? failure.literal : failure.sentence;
}

size_t tong_error_trace(tong_error_frame *ret_frames, size_t n)
{
    size_t count = failure.frame_count < n ? failure.frame_count : n;

    if (count)
        memcpy(ret_frames, failure.frames, count * sizeof *ret_frames);
    return count;
}

const char *tong_error_name(int error)
{
    if (error >= 0)
        return "OK";
    switch (error) {
#define NAME_CASE(name, number, text)                                                                                  \
    case TONG_E_##name:                                                                                                \
        return "TONG_E_" #name;
        TONG_ERROR_MAP (NAME_CASE)
#undef NAME_CASE
        default:
            break;
    }
    const char *name = error > -4096 ? strerrorname_np(-error) : NULL;
    return name ? name : "UNKNOWN";
}

const char *tong_error_text(int error)
{
    if (error >= 0)
        return "success";
    switch (error) {
#define TEXT_CASE(name, number, text)                                                                                  \
    case TONG_E_##name:                                                                                                \
        return text;
        TONG_ERROR_MAP (TEXT_CASE)
#undef TEXT_CASE
        default:
            break;
    }
    const char *text = error > -4096 ? strerrordesc_np(-error) : NULL;
    return text ? text : "unknown error";
}
