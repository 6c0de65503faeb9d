/* SPDX-License-Identifier: MIT */
/* req and rep: answers find their callers, and a call never hangs on an answerer that has gone. */
#include "inproc_ends.h"

static int call_as(struct end *req, const char *text, uint64_t number)
{
    tong_meta meta = {.struct_size = sizeof meta, .call = number};

    return OPS->send_parts(req->state, &(tong_view){text, strlen(text)}, 1, &meta);
}

static int reply(struct end *rep, uint64_t ticket, const char *text)
{
    return call_as(rep, text, ticket);
}

static void open_both(struct end *req, struct end *rep)
{
    end_open(req, "x", TONG_REQ);
    end_open(rep, "x", TONG_REP);
}

TONG_TEST(an_answer_finds_its_call)
{
    struct end req, rep;
    uint64_t tickets[2];

    open_both(&req, &rep);
    ck_ok(call_as(&req, "first", 17));
    ck_ok(call_as(&req, "second", 4));
    tickets[0] = hear(&rep, "first").call;
    tickets[1] = hear(&rep, "second").call;
    ck_assert_uint_ne(tickets[0], tickets[1]);
    ck_ok(reply(&rep, tickets[1], "2"));
    ck_ok(reply(&rep, tickets[0], "1"));
    ck_assert_uint_eq(hear(&req, "2").call, 4);
    ck_assert_uint_eq(hear(&req, "1").call, 17);
    ck_error(try_recv(&req, NULL), -EAGAIN);
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(a_call_without_a_number_gets_its_sequence)
{
    struct end req, rep;
    tong_meta meta;

    open_both(&req, &rep);
    say(&req, "call");
    meta = hear(&rep, "call");
    ck_ok(reply(&rep, meta.call, "answer"));
    ck_assert_uint_eq(hear(&req, "answer").call, meta.sequence);
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(callers_do_not_mix)
{
    struct end reqs[2], reps[2];
    uint64_t tickets[2];

    for (int i = 0; i < 2; i++)
        open_both(&reqs[i], &reps[i]);
    ck_ok(call_as(&reqs[0], "a", 1));
    ck_ok(call_as(&reqs[1], "b", 1));
    tickets[0] = hear(&reps[0], "a").call;
    tickets[1] = hear(&reps[1], "b").call;
    ck_error(reply(&reps[0], tickets[1], "not mine"), -ENOENT);
    expect_sentence(&reps[0], "nobody waits");
    ck_ok(reply(&reps[1], tickets[1], "B"));
    ck_ok(reply(&reps[0], tickets[0], "A"));
    hear(&reqs[0], "A");
    hear(&reqs[1], "B");
    for (int i = 0; i < 2; i++) {
        end_close(&reqs[i]);
        end_close(&reps[i]);
    }
}

TONG_TEST(one_answer_each)
{
    struct end req, rep;
    uint64_t ticket;

    open_both(&req, &rep);
    ck_ok(call_as(&req, "call", 1));
    ticket = hear(&rep, "call").call;
    ck_ok(reply(&rep, ticket, "once"));
    ck_error(reply(&rep, ticket, "twice"), -ENOENT);
    ck_error(reply(&rep, ticket + 1, "to nobody"), -ENOENT);
    ck_error(try_send(&rep, "to whom?"), -EINVAL);
    expect_sentence(&rep, "tong_reply");
    hear(&req, "once");
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(an_answer_in_place)
{
    struct end req, rep;
    tong_span call, span;
    tong_meta meta = {.struct_size = sizeof meta};

    open_both(&req, &rep);
    ck_ok(call_as(&req, "call", 5));
    ck_assert_int_eq(OPS->peek(rep.state, &call, &meta, 1), 1);
    ck_ok(OPS->claim(rep.state, 6, &span));
    memcpy(span.data, "answer", 6);
    ck_ok(OPS->commit(rep.state, &span, 6, &meta));
    ck_assert_mem_eq(call.data, "call", 4); /* answered, and lent still */
    ck_ok(OPS->release(rep.state, &call, 1));
    ck_assert_uint_eq(hear(&req, "answer").call, 5);
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(released_calls_can_still_be_answered)
{
    struct end req, rep;
    tong_span call;
    tong_meta meta = {.struct_size = sizeof meta};

    open_both(&req, &rep);
    ck_ok(call_as(&req, "call", 5));
    ck_assert_int_eq(OPS->peek(rep.state, &call, &meta, 1), 1);
    ck_error(OPS->flush(req.state, TONG_TAKEN), -EAGAIN);
    ck_ok(OPS->release(rep.state, &call, 1));
    ck_ok(OPS->flush(req.state, TONG_TAKEN));
    ck_error(OPS->release(rep.state, &call, 1), -EINVAL);
    ck_ok(reply(&rep, meta.call, "answer"));
    ck_error(OPS->flush(rep.state, TONG_TAKEN), -EAGAIN);
    hear(&req, "answer");
    ck_ok(OPS->flush(rep.state, TONG_TAKEN));
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(calls_and_answers_are_bounded)
{
    struct end req, rep;
    uint64_t tickets[3];

    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.depth = 3});
    end_open(&rep, "x", TONG_REP);
    ck_assert_int_eq(fill(&req, "call"), 3);
    for (int i = 0; i < 3; i++)
        tickets[i] = hear(&rep, "call").call;
    ck_error(try_send(&req, "three are under way"), -EAGAIN);
    for (int i = 0; i < 3; i++)
        ck_ok(reply(&rep, tickets[i], "answer")); /* for each there is room */
    ck_error(try_send(&req, "and their answers wait"), -EAGAIN);
    hear(&req, "answer");
    ck_assert_int_eq(fill(&req, "call"), 1);
    end_close(&req);
    end_close(&rep);
}

/* ---- going ----------------------------------------------------------------------------------------------------- */

TONG_TEST(what_a_rep_leaves_another_gets)
{
    struct end req, first, second;
    uint64_t ticket;

    open_both(&req, &first);
    end_open(&second, "x", TONG_REP);
    ck_ok(call_as(&req, "taken", 1));
    ck_ok(call_as(&req, "lent", 2));
    ck_ok(call_as(&req, "waits", 3));
    hear(&first, "taken");
    look(&first, "lent");
    end_close(&first);
    for (int i = 0; i < 2; i++) {
        tong_meta meta = hear(&second, i ? "lent" : "taken");
        ck_assert_uint_eq(meta.flags, TONG_REDELIVERED);
        ck_ok(reply(&second, meta.call, "late"));
    }
    ticket = hear(&second, "waits").call;
    ck_ok(reply(&second, ticket, "in time"));
    hear(&req, "late");
    hear(&req, "late");
    ck_assert_uint_eq(hear(&req, "in time").call, 3);
    end_close(&req);
    end_close(&second);
}

TONG_TEST(what_a_rep_leaves_costs_no_room)
{
    struct end req, first, second;

    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.depth = 2});
    end_open(&first, "x", TONG_REP);
    end_open(&second, "x", TONG_REP);
    ck_ok(call_as(&req, "taken", 1));
    ck_ok(call_as(&req, "lent", 2));
    hear(&first, "taken");
    look(&first, "lent");
    end_close(&first);
    for (int i = 0; i < 2; i++)
        ck_ok(reply(&second, hear(&second, i ? "lent" : "taken").call, "answer"));
    for (int i = 0; i < 2; i++)
        hear(&req, "answer");
    ck_assert_int_eq(fill(&req, "call"), 2);
    end_close(&req);
    end_close(&second);
}

TONG_TEST(the_last_rep_fails_what_it_took)
{
    struct end req, rep;
    tong_meta meta;

    open_both(&req, &rep);
    ck_ok(call_as(&req, "taken", 11));
    ck_ok(call_as(&req, "lent", 12));
    ck_ok(call_as(&req, "waits", 13));
    hear(&rep, "taken");
    look(&rep, "lent");
    end_close(&rep);
    ck_error(OPS->next_size(req.state), TONG_E_GONE);
    for (int i = 0; i < 2; i++) {
        ck_error(try_recv(&req, &meta), TONG_E_GONE);
        expect_sentence(&req, "call again");
        ck_assert_uint_ge(meta.call, 11);
        ck_assert_uint_le(meta.call, 12);
    }
    ck_error(try_recv(&req, NULL), -EAGAIN);
    end_open(&rep, "x", TONG_REP);
    meta = hear(&rep, "waits");
    ck_ok(reply(&rep, meta.call, "answer"));
    ck_assert_uint_eq(hear(&req, "answer").call, 13);
    ck_ok(OPS->flush(req.state, TONG_TAKEN));
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(a_failed_call_is_told_to_a_peeker_too)
{
    struct end req, rep;
    tong_span span;
    tong_meta meta = {.struct_size = sizeof meta};

    open_both(&req, &rep);
    ck_ok(call_as(&req, "call", 11));
    hear(&rep, "call");
    end_close(&rep);
    ck_error(OPS->peek(req.state, &span, &meta, 1), TONG_E_GONE);
    ck_assert_uint_eq(meta.call, 11);
    ck_error(OPS->peek(req.state, &span, &meta, 1), -EAGAIN);
    end_close(&req);
}

TONG_TEST(a_rejected_call_goes_on)
{
    struct end req, first, second;
    tong_span span;
    tong_meta meta;

    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.depth = 1});
    end_open(&first, "x", TONG_REP);
    end_open(&second, "x", TONG_REP);
    ck_ok(call_as(&req, "call", 1));
    span = look(&first, "call");
    ck_ok(OPS->reject(first.state, &span, 1));
    meta = hear(&second, "call");
    ck_assert_uint_eq(meta.flags, TONG_REDELIVERED);
    ck_ok(reply(&second, meta.call, "answer"));
    hear(&req, "answer");
    end_close(&second);
    ck_assert_int_eq(fill(&req, "call"), 1);
    end_close(&req);
    end_close(&first);
}

TONG_TEST(a_caller_goes_and_its_calls_with_it)
{
    struct end req, stays, rep;
    uint64_t tickets[2];
    tong_span span;

    open_both(&req, &rep);
    end_open(&stays, "x", TONG_REQ);
    ck_ok(call_as(&req, "taken", 1));
    ck_ok(call_as(&req, "lent", 2));
    ck_ok(call_as(&req, "answered", 3));
    ck_ok(call_as(&req, "waits", 4));
    ck_ok(call_as(&stays, "other", 5));
    tickets[0] = hear(&rep, "taken").call;
    span = look(&rep, "lent");
    ck_ok(reply(&rep, hear(&rep, "answered").call, "to the winds"));
    end_close(&req);
    ck_ok(OPS->flush(rep.state, TONG_TAKEN));
    ck_error(reply(&rep, tickets[0], "late"), -ENOENT);
    ck_assert_mem_eq(span.data, "lent", 4);
    ck_ok(OPS->reject(rep.state, &span, 1)); /* nobody wants it any more, so nobody else gets it */
    tickets[1] = hear(&rep, "other").call;
    ck_ok(reply(&rep, tickets[1], "answer"));
    hear(&stays, "answer");
    ck_error(try_recv(&rep, NULL), -EAGAIN);
    end_close(&stays);
    end_close(&rep);
}

TONG_TEST(a_cancelled_call_wants_no_answer)
{
    struct end req, rep;
    uint64_t ticket;
    tong_span span;

    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.depth = 4});
    end_open(&rep, "x", TONG_REP);
    ck_ok(call_as(&req, "taken", 1));
    ck_ok(call_as(&req, "lent", 2));
    ck_ok(call_as(&req, "answered", 3));
    ck_ok(call_as(&req, "waits", 4));
    ticket = hear(&rep, "taken").call;
    span = look(&rep, "lent");
    ck_ok(reply(&rep, hear(&rep, "answered").call, "too late"));
    for (uint64_t number = 1; number <= 4; number++)
        ck_ok(OPS->cancel(req.state, number));
    ck_error(OPS->cancel(req.state, 1), -ENOENT);
    expect_sentence(&req, "not waited for");
    ck_error(reply(&rep, ticket, "late"), -ENOENT);
    ck_ok(OPS->release(rep.state, &span, 1));
    ck_error(try_recv(&rep, NULL), -EAGAIN);
    ck_error(try_recv(&req, NULL), -EAGAIN);
    ck_ok(OPS->flush(req.state, TONG_TAKEN));
    ck_assert_int_eq(fill(&req, "all room is back"), 4);
    ck_error(OPS->cancel(rep.state, 1), TONG_E_NOCAP);
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(a_rep_sees_the_end_if_asked)
{
    struct end req, rep;
    uint64_t ticket;

    end_open_with(&rep, "x", TONG_REP, &(tong_opts){.end = TONG_END_LAST});
    end_open_with(&req, "x", TONG_REQ, &(tong_opts){.end = TONG_END_LAST});
    ck_ok(call_as(&req, "call", 1));
    ck_ok(OPS->finish(req.state));
    ticket = hear(&rep, "call").call;
    ck_error(try_recv(&rep, NULL), TONG_E_END);
    ck_error(try_recv(&req, NULL), -EAGAIN); /* the option says when calls end, not answers */
    ck_ok(reply(&rep, ticket, "answer"));
    hear(&req, "answer");
    ck_error(try_recv(&req, NULL), -EAGAIN);
    end_close(&req);
    end_close(&rep);
}

TONG_TEST(a_call_too_big_stays)
{
    struct end req, rep;
    char room[4];

    open_both(&req, &rep);
    ck_ok(call_as(&req, "a long call", 1));
    ck_error(OPS->recv(rep.state, &(tong_bytes){room, sizeof room}, 1, NULL), TONG_E_TOOBIG);
    hear(&rep, "a long call");
    end_close(&req);
    end_close(&rep);
}
