/* SPDX-License-Identifier: MIT */
/* Writing: whatever the system takes of a batch, and wherever it stops, the same bytes come out at the other side. */
#include "prim/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/limits.h"
#include "prim/frame.h"
#include "runner/runner.h"
#include "support/faulty.h"

/* An assertion that costs nothing when it holds, for what is asserted thousands of times. */
#define CHECK(condition) ((condition) ? (void)0 : ck_abort_msg("not so: %s", #condition))

/* ---- a socket that takes what it is told to -------------------------------------------------------------------- */

static struct {
    uint8_t *bytes;
    size_t len, room;
    size_t take; /* at most so many bytes per call; 0: -EAGAIN */
    size_t once; /* the next call takes this many instead, if not 0 */
    size_t calls;
    int error;
} wire;

static ssize_t wire_take(const struct iovec *vector, size_t n)
{
    size_t left = wire.once ? wire.once : wire.take, before = wire.len;

    wire.calls++;
    wire.once = 0;
    if (wire.error || !left) {
        errno = wire.error ? wire.error : EAGAIN;
        return -1;
    }
    for (size_t i = 0; i < n && left; i++) {
        size_t part = vector[i].iov_len < left ? vector[i].iov_len : left;
        if (wire.len + part > wire.room) {
            wire.room = 2 * (wire.len + part);
            wire.bytes = realloc(wire.bytes, wire.room);
        }
        memcpy(wire.bytes + wire.len, vector[i].iov_base, part);
        wire.len += part;
        left -= part;
    }
    return (ssize_t)(wire.len - before);
}

static ssize_t wire_send(int fd, const void *data, size_t len, int flags)
{
    union {
        const void *from;
        void *to;
    } base = {.from = data};

    (void)fd;
    CHECK(flags == (MSG_DONTWAIT | MSG_NOSIGNAL));
    return wire_take(&(struct iovec){base.to, len}, 1);
}

static ssize_t wire_sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)fd;
    CHECK(flags == (MSG_DONTWAIT | MSG_NOSIGNAL));
    return wire_take(message->msg_iov, message->msg_iovlen);
}

static struct tongi_link *conn;
static uint8_t stage[TONGI_CHUNK_BYTES];

static void begin(void)
{
    faulty_install();
    tongi_sys_table.send = wire_send;
    tongi_sys_table.sendmsg = wire_sendmsg;
    memset(&wire, 0, sizeof wire);
    wire.take = SIZE_MAX;
    conn = tongi_link_new(-1, -1, TONGI_WIRE_SOCKET);
    ck_assert_ptr_nonnull(conn);
}

static void end(void)
{
    tongi_link_free(conn, false);
    free(wire.bytes);
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

enum { PARTS_MAX = 200 };

static tong_view parts[PARTS_MAX];
static uint8_t *text;

/* Parts of these lengths, with bytes that tell each place from every other. */
static void parts_fill(const size_t *lens, uint32_t n)
{
    size_t total = 0, at = 0;

    for (uint32_t i = 0; i < n; i++)
        total += lens[i];
    text = malloc(total + 1);
    for (size_t i = 0; i < total; i++)
        text[i] = (uint8_t)(i * 31 + (i >> 8) * 7);
    for (uint32_t i = 0; i < n; i++) {
        parts[i] = (tong_view){lens[i] ? text + at : NULL, lens[i]};
        at += lens[i];
    }
}

/* What must come out, written by hand. */
static uint8_t *due;
static size_t due_len;

static void due_add(const void *bytes, size_t len)
{
    due = realloc(due, due_len + len + 1);
    if (len)
        memcpy(due + due_len, bytes, len);
    due_len += len;
}

static void due_header(size_t len)
{
    uint8_t header[TONGI_FRAME_BYTES] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), (uint8_t)(len >> 24),
                                         TONGI_FRAME_DATA};

    due_add(header, sizeof header);
}

static void due_batch(const struct tongi_batch *batch)
{
    size_t all = 0;

    for (uint32_t i = 0; i < batch->n; i++)
        all += batch->parts[i].len;
    if (batch->gather)
        due_header(all);
    for (uint32_t i = 0; i < batch->n; i++) {
        if (!batch->gather)
            due_header(batch->parts[i].len);
        due_add(batch->parts[i].data, batch->parts[i].len);
    }
}

static void due_clear(void)
{
    free(due);
    free(text);
    due = text = NULL;
    due_len = 0;
}

static void wire_is_due(void)
{
    CHECK(wire.len == due_len);
    CHECK(memcmp(wire.bytes, due, due_len) == 0);
}

/* How far an arithmetic of the test's own says that so many written bytes reach. */
static void check_written(const struct tongi_batch *batch, size_t bytes, const struct tongi_written *written)
{
    uint32_t messages = 0;
    uint32_t n = batch->gather ? 1 : batch->n;

    while (messages < n && bytes >= TONGI_FRAME_BYTES + tongi_batch_len(batch, messages))
        bytes -= TONGI_FRAME_BYTES + tongi_batch_len(batch, messages++);
    CHECK(written->messages == messages);
    CHECK(written->begun == bytes);
}

/* One call that takes `first` bytes; what remains is borrowed on or kept, and everything after comes in pieces. */
static void write_all(const struct tongi_batch *batch, size_t first, size_t before, bool keep)
{
    struct tongi_batch left = *batch;
    struct tongi_written written;
    size_t skip = 0;

    wire.once = first;
    for (;;) {
        size_t had = wire.len;
        uint32_t n = left.gather ? 1 : left.n;
        CHECK(tongi_link_write(conn, &left, skip, stage, &written) == 0);
        size_t went = wire.len - had;
        size_t ours = went > before ? went - before : 0;
        before -= went - ours;
        check_written(&left, ours + skip, &written);
        if (written.messages == n)
            return;
        if (!left.gather) {
            left.parts += written.messages;
            left.n -= written.messages;
        }
        skip = written.begun;
        if (keep && skip) {
            CHECK(tongi_link_keep(conn, &left, 0, skip) == 0);
            if (left.gather || left.n == 1)
                break;
            left.parts++;
            left.n--;
            before = conn->rest_end - conn->rest_at;
            skip = 0;
        }
    }
    CHECK(tongi_link_push(conn) == 0);
}

/* The next place to cut at, the very end included; 0 behind that. */
static size_t next_cut(size_t first, size_t stride)
{
    if (first == due_len)
        return 0;
    return first + stride < due_len ? first + stride : due_len;
}

static void every_cut(const size_t *lens, uint32_t n, bool gather, size_t rest, size_t stride)
{
    const struct tongi_batch batch = {.parts = parts, .n = n, .gather = gather};
    uint8_t *earlier = malloc(rest + 1);

    memset(earlier, 'e', rest + 1);
    parts_fill(lens, n);
    if (rest)
        due_add(earlier, rest);
    due_batch(&batch);
    for (size_t first = 1; first; first = next_cut(first, stride))
        for (int keep = 0; keep < 2; keep++) {
            begin();
            if (rest)
                CHECK(tongi_link_keep_bytes(conn, earlier, rest) == 0);
            write_all(&batch, first, rest, keep);
            wire_is_due();
            CHECK(conn->rest_at == conn->rest_end);
            end();
        }
    free(earlier);
    due_clear();
}

#define LENS(...) (const size_t[]){__VA_ARGS__}, (uint32_t)(sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

TONG_TEST_TIMEOUT(a_small_batch_cut_everywhere, 30)
{
    every_cut(LENS(5, 0, 1, 40, 0, 0, 7), false, 0, 1);
    every_cut(LENS(5, 0, 1, 40, 0, 0, 7), false, 33, 1);
    every_cut(LENS(0), false, 0, 1);
    every_cut(LENS(1), false, 1, 1);
}

TONG_TEST_TIMEOUT(one_gathered_message_cut_everywhere, 30)
{
    every_cut(LENS(5, 0, 1, 40, 0, 7), true, 0, 1);
    every_cut(LENS(5, 0, 1, 40, 0, 7), true, 33, 1);
    every_cut(LENS(0, 0), true, 3, 1);
    every_cut(LENS(TONGI_GATHER_BYTES, TONGI_GATHER_BYTES + 1, 3), true, 10, 97);
}

TONG_TEST_TIMEOUT(small_and_large_mixed_cut_everywhere, 30)
{
    every_cut(LENS(3, TONGI_GATHER_BYTES + 1, 2, TONGI_GATHER_BYTES, 0), false, 0, 61);
    every_cut(LENS(TONGI_GATHER_BYTES + 7, 2, TONGI_GATHER_BYTES + 9), false, 50, 53);
}

/* More pieces than fit one call, and more small bytes than fit the stage. */
TONG_TEST_TIMEOUT(more_than_one_call_takes, 30)
{
    size_t lens[PARTS_MAX];

    for (uint32_t i = 0; i < PARTS_MAX; i++)
        lens[i] = i % 3 ? TONGI_GATHER_BYTES + i : i;
    every_cut(lens, PARTS_MAX, false, 20, 30011);
    every_cut(lens, PARTS_MAX, true, 20, 30011);
    for (uint32_t i = 0; i < PARTS_MAX; i++)
        lens[i] = 1000;
    every_cut(lens, PARTS_MAX, false, 0, 7919);
    every_cut(lens, PARTS_MAX, true, 0, 7919);
}

TONG_TEST_TIMEOUT(at_most_so_many_bytes_a_call, 30)
{
    static const size_t lens[] = {10, 0, 5000, 1, TONGI_GATHER_BYTES, 300, 0};
    const struct tongi_batch batch = {.parts = parts, .n = 7};

    parts_fill(lens, 7);
    due_batch(&batch);
    for (size_t take = 1; take < 300; take += 7) {
        begin();
        wire.take = take;
        write_all(&batch, take, 0, false);
        wire_is_due();
        end();
    }
    due_clear();
}

TONG_TEST(small_messages_share_a_call)
{
    size_t lens[100] = {0};
    struct tongi_written written;

    for (int i = 0; i < 100; i++)
        lens[i] = 64;
    parts_fill(lens, 100);
    begin();
    ck_ok(tongi_link_write(conn, &(struct tongi_batch){.parts = parts, .n = 100}, 0, stage, &written));
    ck_assert_uint_eq(written.messages, 100);
    ck_assert_uint_eq(wire.calls, 1);
    end();
    due_clear();
}

/* ---- what is kept ---------------------------------------------------------------------------------------------- */

TONG_TEST(nothing_went_in)
{
    const struct tongi_batch batch = {.parts = parts, .n = 2};
    struct tongi_written written;

    parts_fill(LENS(10, 20));
    due_batch(&batch);
    begin();
    ck_ok(tongi_link_push(conn));
    ck_ok(tongi_link_keep(conn, &batch, 0, 0));
    wire.take = 0;
    ck_error(tongi_link_push(conn), -EAGAIN);
    ck_error(tongi_link_write(conn, &(struct tongi_batch){.parts = parts + 1, .n = 1}, 0, stage, &written), -EAGAIN);
    wire.error = EPIPE;
    ck_error(tongi_link_push(conn), -EPIPE);
    ck_error(tongi_link_write(conn, &(struct tongi_batch){.parts = parts + 1, .n = 1}, 0, stage, &written), -EPIPE);
    wire.error = 0;
    wire.take = SIZE_MAX;
    ck_ok(tongi_link_write(conn, &(struct tongi_batch){.parts = parts + 1, .n = 1}, 0, stage, &written));
    ck_assert_uint_eq(written.messages, 1);
    wire_is_due();
    end();
    due_clear();
}

TONG_TEST(without_memory_nothing_is_kept)
{
    const struct tongi_batch batch = {.parts = parts, .n = 1};

    parts_fill(LENS(1000));
    begin();
    faulty_fail_from(FAULTY_realloc, 1, ENOMEM);
    ck_error(tongi_link_keep(conn, &batch, 0, 0), -ENOMEM);
    ck_error(tongi_link_keep_bytes(conn, (const uint8_t *)"x", 1), -ENOMEM);
    ck_ok(tongi_link_push(conn));
    ck_assert_uint_eq(wire.len, 0);
    faulty_install();
    tongi_sys_table.send = wire_send;
    ck_ok(tongi_link_keep(conn, &batch, 0, 0));
    ck_ok(tongi_link_push(conn));
    due_batch(&batch);
    wire_is_due();
    end();
    due_clear();
}

/* Kept, written in part, kept again ...: what was written makes room for what comes. */
TONG_TEST(a_rest_that_never_empties_does_not_grow)
{
    const struct tongi_batch batch = {.parts = parts, .n = 1};

    parts_fill(LENS(992));
    begin();
    for (int i = 0; i < 40; i++) {
        due_batch(&batch);
        ck_ok(tongi_link_keep(conn, &batch, 0, 0));
    }
    for (int i = 0; i < 1000; i++) {
        wire.take = 0;
        wire.once = 1000;
        ck_error(tongi_link_push(conn), -EAGAIN);
        due_batch(&batch);
        ck_ok(tongi_link_keep(conn, &batch, 0, 0));
    }
    ck_assert_uint_eq(conn->rest_end - conn->rest_at, 40 * 1000);
    ck_assert_uint_le(conn->rest.room, 2 * TONGI_CHUNK_BYTES);
    wire.take = SIZE_MAX;
    ck_ok(tongi_link_push(conn));
    wire_is_due();
    end();
    due_clear();
}

TONG_TEST(the_memory_of_a_long_rest_is_given_back)
{
    parts_fill(LENS(10 * TONGI_CHUNK_BYTES));
    begin();
    ck_ok(tongi_link_keep(conn, &(struct tongi_batch){.parts = parts, .n = 1}, 0, 0));
    ck_ok(tongi_link_push(conn));
    ck_assert_uint_eq(conn->rest.room, 0);
    end();
    due_clear();
}
