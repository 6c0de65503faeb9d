/* SPDX-License-Identifier: MIT */
#include "output.h"

#include "escape.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static enum output_form form_choose(const struct tool_options *opt, enum output_form otherwise)
{
    if (opt->json)
        return OUTPUT_JSON;
    if (opt->hex)
        return OUTPUT_HEX;
    if (opt->null)
        return OUTPUT_NULS;
    if (opt->lines)
        return OUTPUT_LINES;
    return opt->raw ? OUTPUT_RAW : otherwise;
}

int output_init(struct output *out, const struct tool *tool, enum output_form otherwise)
{
    const struct tool_options *opt = &tool->opt;

    *out = (struct output){.fd = STDOUT_FILENO, .form = form_choose(opt, otherwise)};
    if (opt->json + opt->hex + (opt->null || opt->lines || opt->raw) > 1 || (opt->null && opt->lines))
        return tool_usage(tool, _("the output takes one form: --lines, --null, --hex or --json"));
    out->asked = opt->json || opt->hex || opt->null || opt->lines || opt->raw || opt->block;
    out->escape = !opt->raw && isatty(out->fd);
    out->text = open_memstream(&out->composed, &out->composed_len);
    return out->text ? TOOL_DONE : tool_fail_file(tool, _("standard output"), errno);
}

void output_follow(struct output *out, uint32_t bits)
{
    if (out->asked)
        return;
    if (bits & TONG_CAP_LINES)
        out->form = OUTPUT_LINES;
    if (bits & TONG_CAP_BYTES)
        out->form = OUTPUT_RAW;
}

void output_fini(struct output *out)
{
    if (out->text)
        fclose(out->text);
    free(out->composed);
    *out = (struct output){.fd = -1};
}

bool output_wants_metas(const struct output *out)
{
    return out->form == OUTPUT_JSON;
}

static void hex_compose(FILE *text, const unsigned char *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        putc_unlocked(digits[data[i] >> 4], text);
        putc_unlocked(digits[data[i] & 15], text);
    }
}

/* Text as text, everything else in base64; jansson tells which is which, as it takes only UTF-8. */
static int data_pack(json_t *object, const void *data, size_t len)
{
    json_t *text = json_stringn(data, len);
    const char *encoding = text ? "utf8" : "base64";

    if (!text) {
        char *packed = base64_dup(data, len);

        text = packed ? json_string(packed) : NULL;
        free(packed);
    }
    return json_object_set_new(object, "data", text) < 0 ||
                   json_object_set_new(object, "encoding", json_string(encoding)) < 0
               ? -ENOMEM
               : 0;
}

static int json_compose(const struct output *out, const tong_span *span, const tong_meta *meta)
{
    size_t flags = JSON_COMPACT;
    json_t *object = json_pack("{s:i, s:I}", "schema", 1, "size", (json_int_t)span->len);
    int r = object ? 0 : -ENOMEM;

    if (r == 0 && meta->sequence)
        r = json_object_set_new(object, "sequence", json_integer((json_int_t)meta->sequence));
    if (r == 0 && meta->lost)
        r = json_object_set_new(object, "lost", json_integer((json_int_t)meta->lost));
    if (r == 0 && meta->flags & TONG_REDELIVERED)
        r = json_object_set_new(object, "redelivered", json_true());
    if (r == 0)
        r = data_pack(object, span->data, span->len);
    if (out->escape && !text_is_plain(span->data, span->len))
        flags |= JSON_ENSURE_ASCII;
    if (r == 0)
        r = json_dumpf(object, out->text, flags);
    json_decref(object);
    return r == 0 ? 0 : -ENOMEM;
}

static int message_compose(struct output *out, const tong_span *span, const tong_meta *meta)
{
    int r = 0;

    if (out->form == OUTPUT_JSON)
        r = json_compose(out, span, meta);
    else if (out->form == OUTPUT_HEX)
        hex_compose(out->text, span->data, span->len);
    else
        text_escape(out->text, span->data, span->len);
    if (out->form == OUTPUT_NULS)
        putc_unlocked('\0', out->text);
    else if (out->form != OUTPUT_RAW)
        putc_unlocked('\n', out->text);
    return r;
}

/* A standard output that somebody made non-blocking is waited for; a signal that says stop ends the wait. */
static ssize_t write_some(int fd, const struct iovec *parts, int n)
{
    for (;;) {
        struct pollfd wait[2] = {{.fd = fd, .events = POLLOUT}, {.fd = tool_stop_fd(), .events = POLLIN}};
        ssize_t written = writev(fd, parts, n);

        if (written >= 0 || tool_stopped() || (errno != EINTR && errno != EAGAIN))
            return written;
        if (errno == EAGAIN)
            poll(wait, 2, -1);
    }
}

/* Writes all parts; *ret_written is the number of bytes that went out, also on failure. */
static int write_fully(int fd, struct iovec *parts, int n, size_t *ret_written)
{
    *ret_written = 0;
    while (n > 0) {
        ssize_t written = write_some(fd, parts, n);

        if (written < 0)
            return -errno;
        *ret_written += (size_t)written;
        for (; n > 0 && (size_t)written >= parts->iov_len; parts++, n--)
            written -= (ssize_t)parts->iov_len;
        if (n > 0) {
            parts->iov_base = (char *)parts->iov_base + written;
            parts->iov_len -= (size_t)written;
        }
    }
    return 0;
}

/* Composes all messages in memory; ends[i] is where message i ends. */
static int compose(struct output *out, const tong_span *spans, const tong_meta *metas, uint32_t n, size_t *ret_ends)
{
    rewind(out->text);
    for (uint32_t i = 0; i < n; i++) {
        int r = message_compose(out, &spans[i], metas ? &metas[i] : NULL);

        if (r < 0)
            return r;
        ret_ends[i] = (size_t)ftello(out->text);
    }
    return fflush(out->text) == 0 ? 0 : -errno;
}

/* Points at the messages where they lie. */
static int gather(const struct output *out, const tong_span *spans, uint32_t n, struct iovec *parts, size_t *ret_ends)
{
    static char newline = '\n', nul = '\0';
    size_t end = 0;
    int used = 0;

    for (uint32_t i = 0; i < n; i++) {
        parts[used++] = (struct iovec){spans[i].data, spans[i].len};
        end += spans[i].len;
        if (out->form != OUTPUT_RAW) {
            parts[used++] = (struct iovec){out->form == OUTPUT_NULS ? &nul : &newline, 1};
            end++;
        }
        ret_ends[i] = end;
    }
    return used;
}

int output_write(struct output *out, const tong_span *spans, const tong_meta *metas, uint32_t n, uint32_t *ret_written)
{
    bool composed = out->escape || out->form == OUTPUT_HEX || out->form == OUTPUT_JSON;
    struct iovec parts[2 * OUTPUT_BATCH];
    size_t ends[OUTPUT_BATCH], written = 0;
    int r, used = 1;

    *ret_written = 0;
    if (composed) {
        r = compose(out, spans, metas, n, ends);
        if (r < 0)
            return r;
        parts[0] = (struct iovec){out->composed, ends[n - 1]};
    } else {
        used = gather(out, spans, n, parts, ends);
    }
    r = write_fully(out->fd, parts, used, &written);
    while (*ret_written < n && ends[*ret_written] <= written)
        ++*ret_written;
    return r;
}
