/* SPDX-License-Identifier: MIT */
/*
 * The reader's side of a FIFO that many write, on any bytes: fragments are decoded, what is none is passed over, and
 * senders gather. Beside it a slow model that keeps every fragment says which messages are due.
 */
#include <stdlib.h>
#include <string.h>

#include <tong/tong.h>

#include "prim/senders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_LIMIT = 600, MODELS = 8 };

/* What one sender has said of its message, unless that was given up. */
struct model {
    uint32_t number, sequence;
    bool known, gathering;
    uint8_t body[SIZE_LIMIT];
    size_t got;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* A whole message: 1, into the model's body. Everything else is 0. */
static int model_take(struct model *model, const struct tongi_fragment *fragment, const uint8_t *body)
{
    if (fragment->at == 0) {
        model->gathering = true;
        model->sequence = fragment->sequence;
        model->got = 0;
    }
    if (!model->gathering || fragment->sequence != model->sequence || fragment->at != model->got ||
        model->got + fragment->len > SIZE_LIMIT) {
        model->gathering = false;
        return 0;
    }
    if (fragment->len)
        memcpy(model->body + model->got, body, fragment->len);
    model->got += fragment->len;
    model->gathering = !(fragment->flags & TONGI_FRAGMENT_LAST);
    return !model->gathering;
}

static void check(struct tongi_senders *senders, struct model *model, const struct tongi_fragment *fragment,
                  const uint8_t *body)
{
    struct tongi_sender *sender = tongi_senders_find(senders, fragment->sender);

    must((sender != NULL) == model->known);
    if (!sender)
        sender = tongi_senders_add(senders, fragment->sender);
    must(sender && sender->number == fragment->sender);
    model->known = true;
    int due = model_take(model, fragment, body);
    int r = tongi_sender_gather(sender, fragment, body, SIZE_LIMIT);
    if (r == TONGI_GATHERED_TORN)
        r = tongi_sender_gather(sender, fragment, body, SIZE_LIMIT);
    must(r != TONGI_GATHERED_TORN && r >= 0);
    must((r == TONGI_GATHERED_HERE || r == TONGI_GATHERED_THERE) == due);
    must(sender->block.room <= 2 * SIZE_LIMIT + TONGI_FRAGMENT_MAX);
    if (r == TONGI_GATHERED_HERE)
        must(fragment->len == model->got && memcmp(body, model->body, model->got) == 0);
    if (r == TONGI_GATHERED_THERE)
        must(sender->got == model->got && memcmp(sender->block.data, model->body, model->got) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model *models = calloc(MODELS, sizeof *models);
    struct tongi_senders senders = {0};
    uint8_t *bytes = malloc(size ? size : 1);
    size_t at = 0;

    must(models && bytes);
    if (size)
        memcpy(bytes, data, size);
    while (size - at >= TONGI_FRAGMENT_BYTES) {
        struct tongi_fragment fragment;
        if (tongi_fragment_decode(bytes + at, &fragment) < 0 || fragment.len > size - at - TONGI_FRAGMENT_BYTES) {
            size_t step = tongi_fragment_seek(bytes + at, size - at);
            must(step >= 1 && step <= size - at);
            at += step;
            continue;
        }
        uint8_t again[TONGI_FRAGMENT_BYTES];
        tongi_fragment_encode(again, &fragment);
        must(memcmp(again, bytes + at, sizeof again) == 0);
        fragment.sender %= MODELS;
        if (!(fragment.flags & ~(uint32_t)TONGI_FRAGMENT_LAST))
            check(&senders, &models[fragment.sender], &fragment, bytes + at + TONGI_FRAGMENT_BYTES);
        at += TONGI_FRAGMENT_BYTES + fragment.len;
    }
    tongi_senders_fini(&senders);
    free(bytes);
    free(models);
    return 0;
}
