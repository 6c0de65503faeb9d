/* SPDX-License-Identifier: MIT */
/* Request: a call gets its answer, or an error that says why not. */
#include <errno.h>
#include <string.h>

#include "ends.h"
#include "side.h"

enum { CALLS = 1000, LENGTH_MAX = 5000, CALLERS = 3 };

/* Answers every call with its own bytes, until an empty one. */
static void answer_all(struct side *me, struct conform *c)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL);
    char room[LENGTH_MAX];
    int64_t len;

    side_meet(me);
    do {
        tong_meta meta = {.struct_size = sizeof meta};
        len = ck_ok(tong_recv_meta(rep, room, sizeof room, &meta, conform_patience()));
        CHECK(meta.call != 0);
        ck_ok(tong_reply(rep, meta.call, room, (size_t)len, conform_patience()));
    } while (len > 0);
    side_meet(me);
    tong_close(rep);
}

static void call_and_check(struct conform *c, struct dice *dice, uint32_t caller)
{
    tong_channel *req = conform_open(c, TONG_REQ, NULL);
    char question[LENGTH_MAX], answer[LENGTH_MAX];
    struct ledger ledger = {.taken = 0};

    for (uint64_t i = 0; i < CALLS; i++) {
        size_t len = dice_length(dice, sizeof question);
        ledger_write(question, len, caller, i);
        SAME(tong_call(req, question, len, answer, sizeof answer, conform_patience()), len);
        SAME(ledger_take_next(&ledger, answer, len), caller);
    }
    tong_close(req);
}

static void call_as_another(struct side *me, struct conform *c)
{
    call_and_check(c, &me->dice, *(const uint32_t *)me->arg);
}

CONFORM_TEST(answers_find_their_callers, CONFORM_REQUEST)
{
    uint32_t numbers[CALLERS] = {0, 1, 2};
    struct side callers[CALLERS], answerer;
    tong_channel *req;

    side_start(&answerer, c, answer_all, NULL);
    side_meet(&answerer);
    for (int i = 0; i < CALLERS; i++)
        side_start(&callers[i], c, call_as_another, &numbers[i]);
    for (int i = 0; i < CALLERS; i++)
        side_join(&callers[i]);
    req = conform_open(c, TONG_REQ, NULL);
    SAME(tong_call(req, NULL, 0, NULL, 0, conform_patience()), 0);
    tong_close(req);
    side_meet(&answerer);
    side_join(&answerer);
}

static uint64_t take_call(tong_channel *rep, const char *text)
{
    tong_meta meta = {.struct_size = sizeof meta};
    char room[32];

    SAME(tong_recv_meta(rep, room, sizeof room, &meta, conform_patience()), strlen(text));
    CHECK(memcmp(room, text, strlen(text)) == 0 && meta.call != 0);
    return meta.call;
}

static void send_call(tong_channel *req, uint64_t number, const char *text)
{
    tong_meta meta = {.struct_size = sizeof meta, .call = number};
    tong_view view = {text, strlen(text)};

    ck_ok(tong_send_parts(req, &view, 1, &meta, conform_patience()));
}

static void take_answer(tong_channel *req, uint64_t number, const char *text)
{
    SAME(take_call(req, text), number);
}

CONFORM_TEST(several_calls_at_once, CONFORM_REQUEST)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL), *req = conform_open(c, TONG_REQ, NULL);
    uint64_t calls[3];

    send_call(req, 11, "one");
    send_call(req, 22, "two");
    send_call(req, 33, "three");
    calls[0] = take_call(rep, "one");
    calls[1] = take_call(rep, "two");
    calls[2] = take_call(rep, "three");
    ck_ok(tong_reply(rep, calls[2], "III", 3, conform_patience()));
    ck_ok(tong_reply(rep, calls[0], "I", 1, conform_patience()));
    take_answer(req, 33, "III");
    take_answer(req, 11, "I");
    ck_error(tong_reply(rep, calls[0], "I", 1, conform_patience()), -ENOENT);
    BEGINS(c->address);
    ck_error(tong_reply(rep, 99999, "?", 1, conform_patience()), -ENOENT);
    ck_ok(tong_cancel(req, 22));
    ck_error(tong_reply(rep, calls[1], "II", 2, conform_patience()), -ENOENT);
    ck_error(tong_recv(req, NULL, 0, tong_now()), -EAGAIN);
    tong_close(req);
    tong_close(rep);
}

CONFORM_TEST(late_and_long_answers_are_dropped, CONFORM_REQUEST)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL), *req = conform_open(c, TONG_REQ, NULL);
    char room[4];

    ck_error(tong_call(req, "late", 4, room, sizeof room, tong_in_ms(5)), -ETIMEDOUT);
    BEGINS(c->address);
    /* What was cancelled before it was taken need not be answered any more. */
    ck_error(tong_recv(rep, room, sizeof room, tong_now()), -EAGAIN);
    send_call(req, 5, "next");
    ck_ok(tong_reply(rep, take_call(rep, "next"), "fine", 4, conform_patience()));
    take_answer(req, 5, "fine");
    tong_close(req);
    tong_close(rep);
}

static void answer_at_length(struct side *me, struct conform *c)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL);

    side_meet(me);
    ck_ok(tong_reply(rep, take_call(rep, "long?"), "too long", 8, conform_patience()));
    ck_ok(tong_reply(rep, take_call(rep, "short?"), "ok", 2, conform_patience()));
    side_meet(me);
    tong_close(rep);
}

CONFORM_TEST(an_answer_too_long_spoils_no_further_call, CONFORM_REQUEST)
{
    struct side answerer;
    tong_channel *req;
    char room[4];

    side_start(&answerer, c, answer_at_length, NULL);
    side_meet(&answerer);
    req = conform_open(c, TONG_REQ, NULL);
    ck_error(tong_call(req, "long?", 5, room, sizeof room, conform_patience()), TONG_E_TOOBIG);
    BEGINS(c->address);
    SAME(tong_call(req, "short?", 6, room, sizeof room, conform_patience()), 2);
    side_meet(&answerer);
    side_join(&answerer);
    tong_close(req);
}

CONFORM_TEST(a_dead_answerer_is_an_error_at_the_caller, CONFORM_REQUEST)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL), *req = conform_open(c, TONG_REQ, NULL);
    tong_meta meta = {.struct_size = sizeof meta};
    char room[8];

    send_call(req, 1, "die");
    take_call(rep, "die");
    tong_close(rep);
    ck_error(tong_recv_meta(req, room, sizeof room, &meta, conform_patience()), TONG_E_GONE);
    BEGINS(c->address);
    rep = conform_open(c, TONG_REP, NULL);
    send_call(req, 2, "live");
    ck_ok(tong_reply(rep, take_call(rep, "live"), "yes", 3, conform_patience()));
    take_answer(req, 2, "yes");
    tong_close(req);
    tong_close(rep);
}

CONFORM_TEST(a_callers_death_frees_the_answerer, CONFORM_REQUEST)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL), *req = conform_open(c, TONG_REQ, NULL);
    uint64_t call;

    send_call(req, 1, "bye");
    call = take_call(rep, "bye");
    tong_close(req);
    ck_error(tong_reply(rep, call, "late", 4, conform_patience()), -ENOENT);
    tong_close(rep);
}

CONFORM_TEST(calls_belong_to_their_roles, CONFORM_REQUEST)
{
    tong_channel *rep = conform_open(c, TONG_REP, NULL), *req = conform_open(c, TONG_REQ, NULL);
    char room[8];

    ck_error(tong_call(rep, "x", 1, room, sizeof room, tong_now()), TONG_E_NOCAP);
    ck_error(tong_reply(req, 1, "x", 1, tong_now()), TONG_E_NOCAP);
    ck_error(tong_cancel(rep, 1), TONG_E_NOCAP);
    ck_error(tong_subscribe(req, "x", 1), TONG_E_NOCAP);
    tong_close(req);
    tong_close(rep);
}
