/* SPDX-License-Identifier: MIT */
/* Who may open what, how it is asked for, and what is said to those who ask for what there is not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ends.h"
#include "side.h"

/* Opening with this query must fail with this error, leave no channel, and say why. */
static void refused(const struct conform *c, const char *query, const tong_opts *opts, int error, const char *says)
{
    tong_channel *ch = NULL;
    char address[256];

    conform_address(c, query, address, sizeof address);
    ck_error(conform_try_at(c, &ch, address, end_role(c, END_RECEIVER), opts, tong_now()), error);
    CHECK(!ch);
    SAYS(says);
}

CONFORM_TEST(senseless_options_are_refused, CONFORM_PIPELINE | CONFORM_PAIR)
{
    tong_opts both = {.struct_size = sizeof both, .size = 1000};
    tong_opts huge = {.struct_size = sizeof huge, .size = UINT64_MAX};
    tong_opts word = {.struct_size = sizeof word, .wait = 4};
    tong_opts tiny = {.struct_size = 2};
    tong_channel *ch;

    refused(c, "?nosuch=1", NULL, TONG_E_ADDRESS, "nosuch");
    refused(c, "?size=1000&size=1000", NULL, TONG_E_ADDRESS, "size");
    refused(c, "?size=", NULL, TONG_E_ADDRESS, "size");
    refused(c, "?size=many", NULL, TONG_E_ADDRESS, "size");
    refused(c, "?size=-1", NULL, TONG_E_ADDRESS, "size");
    refused(c, "?size", NULL, TONG_E_ADDRESS, "size");
    refused(c, "?wait=sometimes", NULL, TONG_E_ADDRESS, "adaptive");
    refused(c, "?size=0", NULL, -ERANGE, "size");
    refused(c, "?size=99999999999999999999", NULL, -ERANGE, "size");
    refused(c, "?size=1000", &both, TONG_E_ADDRESS, "size");
    refused(c, "", &huge, -ERANGE, "size");
    refused(c, "", &word, -ERANGE, "wait");
    refused(c, "", &tiny, -EINVAL, "struct_size");
    /* The name is as free as before. */
    ch = conform_open(c, end_role(c, END_RECEIVER), NULL);
    tong_close(ch);
}

CONFORM_TEST(options_by_struct_and_by_address, CONFORM_PIPELINE | CONFORM_PAIR)
{
    struct future {
        tong_opts known;
        uint64_t unknown;
    } later = {.known = {.struct_size = sizeof later, .size = 2000}};
    tong_opts opts = {.struct_size = sizeof opts, .size = 2000, .wait = TONG_WAIT_BLOCK};
    tong_caps caps = {.struct_size = sizeof caps};
    tong_channel *ch;

    ck_ok(conform_try(c, &ch, end_role(c, END_RECEIVER), &opts, conform_patience()));
    ck_ok(tong_get_caps(ch, &caps));
    SAME(caps.size_max, 2000);
    tong_close(ch);
    ck_ok(conform_try(c, &ch, end_role(c, END_RECEIVER), &later.known, conform_patience()));
    ck_ok(tong_get_caps(ch, &caps));
    SAME(caps.size_max, 2000);
    tong_close(ch);
    later.unknown = 1;
    ck_error(conform_try(c, &ch, end_role(c, END_RECEIVER), &later.known, tong_now()), TONG_E_ADDRESS);
    ch = conform_open(c, end_role(c, END_RECEIVER), "?wait=block&size=2K");
    ck_ok(tong_get_caps(ch, &caps));
    SAME(caps.size_max, 2048);
    tong_close(ch);
}

CONFORM_TEST(senseless_roles_are_refused, CONFORM_PIPELINE | CONFORM_PAIR)
{
    static const uint32_t senseless[] = {0,
                                         TONG_REP + 1,
                                         0xff,
                                         TONG_PAIR | 0x1000,
                                         TONG_PAIR | TONG_LISTEN | TONG_CONNECT,
                                         TONG_PULL | TONG_NEW | TONG_EXISTING};
    tong_channel *ch = NULL;

    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++)
        ck_error(conform_try(c, &ch, senseless[i], NULL, tong_now()), -EINVAL);
    ck_error(conform_try(c, NULL, TONG_PAIR, NULL, tong_now()), -EINVAL);
    if (!conform_is_object(c)) {
        ck_error(conform_try(c, &ch, end_role(c, END_RECEIVER) | TONG_NEW, NULL, tong_now()), TONG_E_NOCAP);
        BEGINS(c->address);
        ck_error(conform_try(c, &ch, end_role(c, END_RECEIVER) | TONG_EXISTING, NULL, tong_now()), TONG_E_NOCAP);
    }
    CHECK(!ch);
}

CONFORM_TEST(senseless_addresses_are_refused, CONFORM_PAIR)
{
    static const char *const senseless[] = {"", ":", "x", "nosuch:x", "/tmp/x", "?size=1", "%", ":x"};
    char address[256];
    tong_channel *ch = NULL;

    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        ck_error(tong_open(&ch, senseless[i], TONG_PAIR, NULL, tong_now()), TONG_E_ADDRESS);
        CHECK(tong_error_detail()[0]);
    }
    ck_error(tong_open(&ch, NULL, TONG_PAIR, NULL, tong_now()), -EINVAL);
    ck_error(tong_open(&ch, "nosuch:x", TONG_PAIR, NULL, tong_now()), TONG_E_ADDRESS);
    SAYS("nosuch");
    SAYS(c->scheme);
    snprintf(address, sizeof address, "%s%%4", c->address);
    ck_error(tong_open(&ch, address, TONG_PAIR | TONG_LISTEN, NULL, tong_now()), TONG_E_ADDRESS);
    snprintf(address, sizeof address, "%s%%00", c->address);
    ck_error(tong_open(&ch, address, TONG_PAIR | TONG_LISTEN, NULL, tong_now()), TONG_E_ADDRESS);
    snprintf(address, sizeof address, "%s:%s", c->scheme, c->inherited ? "name" : "");
    ck_error(tong_open(&ch, address, TONG_PAIR | TONG_LISTEN, NULL, tong_now()), TONG_E_ADDRESS);
    CHECK(!ch);
}

CONFORM_TEST(the_real_address, CONFORM_ONE_WAY)
{
    char text[256];
    struct conform other = *c;
    struct ends e;

    ends_open(c, &e, "?size=1000");
    SAME(tong_address(e.rx, text, sizeof text), strlen(c->address));
    CHECK(strcmp(text, c->address) == 0);
    SAME(tong_address(e.tx, text, sizeof text), strlen(c->address));
    CHECK(strcmp(text, c->address) == 0);
    SAME(tong_address(e.tx, NULL, 0), strlen(c->address));
    SAME(tong_address(e.tx, text, 4), strlen(c->address));
    CHECK(strlen(text) == 3 && strncmp(text, c->address, 3) == 0);
    ends_close(&e);

    if (c->inherited)
        return;
    /* The same name spelt otherwise: one leading "//" is dropped, and %63 is the "c" that every name begins with. */
    snprintf(other.address, sizeof other.address, "%s://%%63%s", c->scheme, c->address + strlen(c->scheme) + 2);
    ends_open(&other, &e, NULL);
    SAME(tong_address(e.rx, text, sizeof text), strlen(c->address));
    CHECK(strcmp(text, c->address) == 0);
    ends_close(&e);
}

CONFORM_TEST(other_conversations_are_refused, CONFORM_PIPELINE | CONFORM_PAIR)
{
    uint32_t other = conform_is_pair(c) ? TONG_PUSH : TONG_PAIR;
    tong_channel *here, *accepted = NULL, *ch = NULL;
    int64_t until = conform_clock_ns() + CONFORM_PATIENCE_MS * INT64_C(1000000), r;

    if (conform_is_foreign(c))
        return;
    if (!(c->caps.roles & 1U << other))
        return; /* refused already for what it is */
    here = conform_open(c, end_role(c, END_RECEIVER), NULL);
    if (conform_is_object(c)) {
        ck_error(conform_try(c, &ch, other, NULL, tong_now()), TONG_E_REFUSED);
        BEGINS(c->address);
    } else {
        /* A link has a connection before it has a greeting: the refusal comes out of the calls. */
        ch = conform_open(c, other, NULL);
        if (conform_is_pair(c) && !c->inherited)
            ck_ok(tong_accept(here, &accepted, conform_patience()));
        do {
            if (accepted || c->inherited)
                CHECK(tong_recv(accepted ? accepted : here, NULL, 0, tong_now()) < 0);
            else
                ck_error(tong_recv(here, NULL, 0, tong_now()), -EAGAIN);
            /* Whoever can receive learns by receiving. */
            r = other == TONG_PAIR ? tong_recv(ch, NULL, 0, tong_now()) : tong_send(ch, "x", 1, tong_now());
            CHECK(conform_clock_ns() < until);
        } while (r >= 0 || r == -EAGAIN || r == TONG_E_GONE);
        ck_error(r, TONG_E_REFUSED);
        BEGINS(c->address);
        ck_error(tong_send(ch, "x", 1, tong_forever()), TONG_E_REFUSED);
    }
    tong_close(ch);
    tong_close(accepted);
    tong_close(here);
}

CONFORM_TEST(senseless_calls_are_refused, CONFORM_PAIR)
{
    tong_pollitem item = {.want = TONG_IN};
    tong_channel *ch;
    struct ends e;

    tong_shutdown(NULL);
    CHECK(!tong_close(NULL));
    ck_error(tong_send(NULL, "x", 1, tong_now()), -EINVAL);
    ck_error(tong_recv(NULL, NULL, 0, tong_now()), -EINVAL);
    ck_error(tong_finish(NULL, tong_now()), -EINVAL);
    ck_error(tong_accept(NULL, &ch, tong_now()), -EINVAL);
    ck_error(tong_fd(NULL, TONG_IN), -EINVAL);
    ck_error(tong_poll(&item, 1, tong_now()), -EINVAL);
    ck_error(tong_poll(NULL, 0, tong_now()), -EINVAL);
    ends_open(c, &e, NULL);
    item.ch = e.rx;
    item.want = 0;
    ck_error(tong_poll(&item, 1, tong_now()), -EINVAL);
    ck_error(tong_fd(e.rx, (enum tong_direction)3), -EINVAL);
    ck_error(tong_release(e.rx, &(tong_span){.data = &e, .len = 1}, 1), -EINVAL);
    ck_error(tong_commit(e.tx, &(tong_span){.data = &e, .len = 1}, 1, NULL), -EINVAL);
    SAME(tong_release(e.rx, NULL, 0), 0);
    ends_close(&e);
}

/* ---- links ----------------------------------------------------------------------------------------------------- */

CONFORM_TEST(nobody_listens, CONFORM_ONE_WAY)
{
    enum end_kind connector = end_listens(c, END_RECEIVER) ? END_SENDER : END_RECEIVER;
    struct end tx = {.listener = NULL};
    tong_channel *ch = NULL;
    char room[8];
    struct end rx;
    int64_t begun_ns;

    if (!conform_is_met(c))
        return;
    begun_ns = conform_clock_ns();
    ck_error(conform_try(c, &ch, end_role(c, connector), NULL, tong_in_ms(20)), -ETIMEDOUT);
    CHECK(conform_clock_ns() - begun_ns >= INT64_C(20000000));
    CHECK(!ch);
    BEGINS(c->address);
    SAYS("listen");
    /* With tong_now() there is a channel, and it goes on connecting. */
    ck_ok(conform_try(c, &ch, end_role(c, connector), NULL, tong_now()));
    if (connector == END_SENDER) {
        ck_error(tong_send(ch, "x", 1, tong_now()), -EAGAIN);
        ck_error(tong_send(ch, "x", 1, tong_in_ms(5)), -ETIMEDOUT);
        rx.listener = conform_open(c, end_role(c, END_RECEIVER), NULL);
        ck_ok(tong_send(ch, "here", 4, conform_patience()));
        rx.ch = rx.listener;
        if (conform_is_pair(c))
            ck_ok(tong_accept(rx.listener, &rx.ch, conform_patience()));
        ends_expect(rx.ch, "here");
        if (conform_is_pair(c))
            tong_close(rx.listener);
        tong_close(rx.ch);
    } else {
        ck_error(tong_recv(ch, room, sizeof room, tong_now()), -EAGAIN);
        tx.ch = conform_open(c, end_role(c, END_SENDER), NULL);
        tong_close(tx.ch);
    }
    tong_close(ch);
}

CONFORM_TEST(a_living_listener_is_not_replaced, CONFORM_PIPELINE | CONFORM_PAIR)
{
    tong_channel *second = NULL;
    struct ends e;

    if (!conform_is_met(c))
        return;
    ends_open(c, &e, NULL);
    for (int i = 0; i < 3; i++) {
        ck_error(conform_try(c, &second, end_role(c, END_RECEIVER), NULL, tong_now()), -EADDRINUSE);
        BEGINS(c->address);
    }
    CHECK(!second);
    ck_ok(tong_send(e.tx, "still", 5, conform_patience()));
    ends_expect(e.rx, "still");
    ck_error(conform_remove(c), -EBUSY);
    ends_close(&e);
    ck_error(conform_remove(c), -ENOENT);
    second = conform_open(c, end_role(c, END_RECEIVER), NULL);
    tong_close(second);
}

CONFORM_TEST(a_pair_listener_accepts_many, CONFORM_PAIR)
{
    enum { N = 50 };
    tong_channel *listener, *connectors[N], *accepted[N];
    char text[16], room[16];

    if (!conform_is_met(c))
        return;
    listener = conform_open(c, TONG_PAIR | TONG_LISTEN, NULL);
    ck_error(tong_send(listener, "x", 1, tong_now()), TONG_E_STATE);
    for (int i = 0; i < N; i++) {
        connectors[i] = conform_open(c, TONG_PAIR, NULL);
        snprintf(text, sizeof text, "%d", i);
        ck_ok(tong_send(connectors[i], text, strlen(text), conform_patience()));
    }
    for (int i = 0; i < N; i++)
        ck_ok(tong_accept(listener, &accepted[i], conform_patience()));
    ck_error(tong_accept(listener, &accepted[0], tong_now()), -EAGAIN);
    ck_error(tong_accept(accepted[0], &listener, tong_now()), TONG_E_STATE);
    tong_close(listener); /* they outlive it */
    for (int i = 0; i < N; i++) {
        int64_t len = ck_ok(tong_recv(accepted[i], room, sizeof room, conform_patience()));
        ck_ok(tong_send(accepted[i], room, (size_t)len, conform_patience()));
    }
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%d", i);
        ends_expect(connectors[i], text);
        tong_close(connectors[i]);
        tong_close(accepted[i]);
    }
}

/* ---- objects --------------------------------------------------------------------------------------------------- */

CONFORM_TEST(new_and_existing, CONFORM_PIPELINE | CONFORM_PAIR)
{
    uint32_t role = end_role(c, END_RECEIVER);
    tong_channel *first, *second = NULL;

    if (!conform_is_object(c))
        return;
    ck_error(conform_try(c, &second, role | TONG_EXISTING, NULL, tong_now()), -ENOENT);
    BEGINS(c->address);
    first = conform_open(c, role | TONG_NEW, NULL);
    ck_error(conform_try(c, &second, role | TONG_NEW, NULL, tong_now()), -EEXIST);
    BEGINS(c->address);
    CHECK(!second);
    ck_error(conform_remove(c), -EBUSY);
    second = conform_open(c, role | TONG_EXISTING, NULL);
    tong_close(first);
    tong_close(second);
}

CONFORM_TEST(a_pair_has_two_seats, CONFORM_PAIR)
{
    tong_channel *third = NULL;
    struct ends e;

    if (!conform_is_object(c))
        return;
    ends_open(c, &e, NULL);
    ck_error(conform_try(c, &third, TONG_PAIR, NULL, tong_now()), -EBUSY);
    BEGINS(c->address);
    CHECK(!third);
    ck_ok(tong_send(e.tx, "still", 5, conform_patience()));
    ends_expect(e.rx, "still");
    ends_close(&e);
}
