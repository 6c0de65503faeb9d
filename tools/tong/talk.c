/* SPDX-License-Identifier: MIT */
/* Everything the tool says to a person, and the exit code that belongs to an error. */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One write per sentence, so that the sentences of two processes on one terminal do not mix. */
static void say(const struct tool *tool, const char *verb, const char *format, va_list arguments, const char *end)
{
    char text[2048];

    vsnprintf(text, sizeof text, format, arguments);
    fprintf(stderr, "%stong%s%s:%s %s%s\n", tool->color_err ? "\033[1m" : "", verb ? " " : "", verb ? verb : "",
            tool->color_err ? "\033[0m" : "", text, end);
}

void tool_complain(const struct tool *tool, const char *format, ...)
{
    va_list arguments;

    if (tool->opt.quiet)
        return;
    va_start(arguments, format);
    say(tool, NULL, format, arguments, "");
    va_end(arguments);
}

void tool_tell(const struct tool *tool, const char *format, ...)
{
    va_list arguments;

    if (tool->opt.quiet || !tool->opt.verbose)
        return;
    va_start(arguments, format);
    say(tool, NULL, format, arguments, "");
    va_end(arguments);
}

int tool_usage(const struct tool *tool, const char *format, ...)
{
    const char *verb = tool->verb ? tool->verb->name : NULL;
    char end[64];
    va_list arguments;

    snprintf(end, sizeof end, _("; see 'tong help%s%s'"), verb ? " " : "", verb ? verb : "");
    va_start(arguments, format);
    say(tool, verb, format, arguments, end);
    va_end(arguments);
    return TOOL_USAGE;
}

/* Errors not named here are plain failures. */
static const struct {
    int error;
    enum tool_exit code;
} exit_codes[] = {
    {TONG_E_ADDRESS, TOOL_USAGE}, {TONG_E_NOCAP, TOOL_USAGE},     {-ERANGE, TOOL_USAGE},
    {-EINVAL, TOOL_USAGE},        {-ETIMEDOUT, TOOL_TIMEOUT},     {-EAGAIN, TOOL_TIMEOUT},
    {TONG_E_GONE, TOOL_ABSENT},   {TONG_E_REFUSED, TOOL_ABSENT},  {-ENOENT, TOOL_ABSENT},
    {-ECONNREFUSED, TOOL_ABSENT}, {-ECONNRESET, TOOL_ABSENT},     {-EPIPE, TOOL_ABSENT},
    {-ENOSPC, TOOL_FULL},         {-EDQUOT, TOOL_FULL},           {-EBUSY, TOOL_FULL},
    {-ENOBUFS, TOOL_FULL},        {TONG_E_CORRUPT, TOOL_CORRUPT}, {TONG_E_ABI, TOOL_CORRUPT},
    {-EACCES, TOOL_LIMIT},        {-EPERM, TOOL_LIMIT},           {TONG_E_TOOBIG, TOOL_LIMIT},
    {-EMFILE, TOOL_LIMIT},        {-ENFILE, TOOL_LIMIT},          {-ENOMEM, TOOL_LIMIT},
    {-ENAMETOOLONG, TOOL_LIMIT},
};

enum tool_exit tool_exit_code(int64_t error)
{
    if (error >= 0 || error == TONG_E_END)
        return TOOL_DONE;
    for (size_t i = 0; i < sizeof exit_codes / sizeof exit_codes[0]; i++)
        if (exit_codes[i].error == error)
            return exit_codes[i].code;
    return TOOL_FAILED;
}

int tool_fail(const struct tool *tool, int64_t error)
{
    const char *detail = tong_error_detail();

    if (tool_stopped())
        return TOOL_SIGNAL + tool_stopped();
    tool_complain(tool, "%s", *detail ? detail : tong_error_text((int)error));
    return (int)tool_exit_code(error);
}

int tool_fail_file(const struct tool *tool, const char *name, int error_number)
{
    if (tool_stopped())
        return TOOL_SIGNAL + tool_stopped();
    tool_complain(tool, "%s: %s", name, strerror(error_number));
    return error_number == EACCES || error_number == EPERM ? TOOL_LIMIT : TOOL_FAILED;
}

/* A time as people write it: in the largest unit that leaves no rest. */
static const char *time_text(char *text, size_t len, int64_t ns)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{3600000000000, "h"}, {60000000000, "m"}, {1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};
    size_t i = 0;

    while (ns % units[i].ns != 0)
        i++;
    snprintf(text, len, "%" PRId64 "%s", ns / units[i].ns, ns ? units[i].name : "s");
    return text;
}

int tool_timed_out(const struct tool *tool, const char *address, const char *what)
{
    char text[32];

    tool_complain(tool, _("%s: %s within %s"), address, what, time_text(text, sizeof text, tool->opt.timeout_ns));
    return TOOL_TIMEOUT;
}
