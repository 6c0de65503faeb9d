/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <inttypes.h>
#include <string.h>

#include "conform.h"

struct head {
    uint32_t len, sender;
    uint64_t sequence;
    uint64_t sum;
};

_Static_assert(sizeof(struct head) == LEDGER_HEAD_BYTES, "a message begins with its head");

uint64_t dice_next(struct dice *d)
{
    return runner_random(&d->state);
}

uint64_t dice_below(struct dice *d, uint64_t n)
{
    return dice_next(d) % n;
}

size_t dice_length(struct dice *d, size_t max)
{
    size_t room = max - LEDGER_HEAD_BYTES + 1;
    uint64_t kind = dice_below(d, 16), len;

    if (kind < 11)
        len = dice_below(d, 200);
    else if (kind < 15)
        len = (UINT64_C(1) << dice_below(d, 17)) + dice_below(d, 3);
    else
        len = dice_below(d, room);
    return LEDGER_HEAD_BYTES + (size_t)(len % room);
}

static uint64_t head_sum(const struct head *h)
{
    struct dice d = {h->sequence ^ ((uint64_t)h->sender << 40) ^ ((uint64_t)h->len << 8)};
    return dice_next(&d) >> 8;
}

/* A head as it travels: seven bits a byte, so that none of them ends a line. */
static void head_encode(const struct head *h, unsigned char *bytes)
{
    const uint64_t fields[] = {h->len, h->sender, h->sequence, h->sum};

    for (size_t i = 0, at = 0; i < 4; i++)
        for (size_t end = at + (i < 2 ? 4 : 8), shift = 0; at < end; at++, shift += 7)
            bytes[at] = (unsigned char)(0x80 | (fields[i] >> shift & 0x7f));
}

static uint64_t field_decode(const unsigned char *bytes, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
    return value;
}

/* The body's words follow from the head's sum; the last word may be cut. In a word that holds the end
 * of a line, every byte gets its top bit. */
static uint64_t body_word(uint64_t sum)
{
    const uint64_t ones = 0x0101010101010101U, tops = ones << 7;
    uint64_t differs = sum ^ (ones * '\n');

    return (differs - ones) & ~differs & tops ? sum | tops : sum;
}

static void body_write(unsigned char *at, size_t len, uint64_t sum)
{
    for (uint64_t word; len > 0;) {
        size_t n = len < sizeof word ? len : sizeof word;
        word = body_word(sum += 0x9e3779b97f4a7c15U);
        memcpy(at, &word, n);
        at += n;
        len -= n;
    }
}

static bool body_holds(const unsigned char *at, size_t len, uint64_t sum)
{
    for (uint64_t word; len > 0;) {
        size_t n = len < sizeof word ? len : sizeof word;
        word = body_word(sum += 0x9e3779b97f4a7c15U);
        if (memcmp(at, &word, n) != 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

void ledger_write(void *data, size_t len, uint32_t sender, uint64_t sequence)
{
    struct head h = {.len = (uint32_t)len, .sender = sender, .sequence = sequence};
    unsigned char *bytes = data;

    h.sum = head_sum(&h);
    head_encode(&h, bytes);
    body_write(bytes + sizeof h, len - sizeof h, h.sum);
}

uint32_t ledger_take(struct ledger *l, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    struct head h;

    if (len < sizeof h)
        conform_fail(__FILE__, __LINE__, "a message of %zu bytes is too short to be one that was sent", len);
    h.len = (uint32_t)field_decode(bytes, 4);
    h.sender = (uint32_t)field_decode(bytes + 4, 4);
    h.sequence = field_decode(bytes + 8, 8);
    h.sum = field_decode(bytes + 16, 8);
    if (h.len != len || h.sum != head_sum(&h) || h.sender >= LEDGER_SENDERS)
        conform_fail(__FILE__, __LINE__,
                     "torn: %zu bytes with head {len %" PRIu32 ", sender %" PRIu32 ", sequence %" PRIu64 "}", len,
                     h.len, h.sender, h.sequence);
    if (!body_holds(bytes + sizeof h, len - sizeof h, h.sum))
        conform_fail(__FILE__, __LINE__, "torn: the body of message %" PRIu64 " of sender %" PRIu32 " (%zu bytes)",
                     h.sequence, h.sender, len);
    if (h.sequence < l->next[h.sender])
        conform_fail(__FILE__, __LINE__,
                     "message %" PRIu64 " of sender %" PRIu32 " came twice or late: %" PRIu64 " was next", h.sequence,
                     h.sender, l->next[h.sender]);
    l->missing += h.sequence - l->next[h.sender];
    l->next[h.sender] = h.sequence + 1;
    l->taken++;
    return h.sender;
}

uint32_t ledger_take_next(struct ledger *l, const void *data, size_t len)
{
    uint64_t missing = l->missing;
    uint32_t sender = ledger_take(l, data, len);

    if (l->missing != missing)
        conform_fail(__FILE__, __LINE__, "%" PRIu64 " messages of sender %" PRIu32 " are missing before %" PRIu64,
                     l->missing - missing, sender, l->next[sender] - 1);
    return sender;
}
