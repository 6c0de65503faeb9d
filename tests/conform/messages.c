/* SPDX-License-Identifier: MIT */
/* Messages by copy: whole, in order, of every size, one by one and many at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ends.h"
#include "side.h"

enum { LENGTHS = 3000, LENGTH_MAX = 300000 };

static void send_lengths(struct side *me, struct conform *c)
{
    size_t most = conform_length(c, LENGTH_MAX);
    char *message = malloc(most);
    struct end tx;

    CHECK(message);
    end_open(c, &tx, END_SENDER, NULL);
    for (uint64_t i = 0; i < LENGTHS; i++) {
        size_t len = dice_length(&me->dice, most);
        ledger_write(message, len, 1, i);
        ck_ok(tong_send(tx.ch, message, len, conform_patience()));
    }
    ck_ok(tong_finish(tx.ch, conform_patience()));
    end_close(&tx);
    free(message);
}

CONFORM_TEST(whole_messages_in_order, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct ledger ledger = {.taken = 0};
    char *room = malloc(LENGTH_MAX);
    struct side sender;
    struct end rx;

    CHECK(room);
    side_start(&sender, c, send_lengths, NULL);
    end_open(c, &rx, END_RECEIVER, NULL);
    for (int i = 0; i < LENGTHS; i++) {
        int64_t len = ck_ok(tong_recv(rx.ch, room, LENGTH_MAX, conform_patience()));
        SAME(len, dice_length(&c->dice, conform_length(c, LENGTH_MAX)));
        SAME(ledger_take_next(&ledger, room, (size_t)len), 1);
    }
    side_join(&sender);
    end_close(&rx);
    free(room);
}

CONFORM_TEST(every_small_length, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    char message[257], room[300];
    struct ends e;

    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)(i * 31 % 256 == '\n' ? 0 : i * 31); /* the end of a line is no part of one */
    ends_open(c, &e, NULL);
    for (size_t len = 0; len <= 256; len++) {
        ck_ok(tong_send(e.tx, message + (256 - len), len, conform_patience()));
        memset(room, 0x55, sizeof room);
        SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), len);
        CHECK(memcmp(room, message + (256 - len), len) == 0);
        CHECK(room[len] == 0x55);
    }
    ends_close(&e);
}

CONFORM_TEST(empty_messages_are_messages, CONFORM_ONE_WAY)
{
    char room[4];
    struct ends e;

    ends_open(c, &e, NULL);
    ck_ok(tong_send(e.tx, NULL, 0, conform_patience()));
    ck_ok(tong_send(e.tx, "x", 1, conform_patience()));
    ck_ok(tong_send(e.tx, "", 0, conform_patience()));
    SAME(tong_recv(e.rx, NULL, 0, conform_patience()), 0);
    SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), 1);
    SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), 0);
    ck_error(tong_recv(e.rx, room, sizeof room, tong_now()), -EAGAIN);
    ends_close(&e);
}

static void receive_largest(struct side *me, struct conform *c)
{
    size_t len = *(const size_t *)me->arg;
    struct ledger ledger = {.taken = 0};
    char *room = malloc(len + 1);
    struct end rx;

    CHECK(room);
    end_open(c, &rx, END_RECEIVER, NULL);
    SAME(tong_recv(rx.ch, room, len + 1, conform_patience()), len);
    ledger_take_next(&ledger, room, len);
    SAME(tong_recv(rx.ch, room, len + 1, conform_patience()), 100);
    ledger_take_next(&ledger, room, 100);
    end_close(&rx);
    free(room);
}

CONFORM_TEST(largest_message_and_one_over, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    size_t len = (size_t)c->caps.size_max;
    char *message = malloc(len + 1), limit[32];
    struct side receiver;
    struct end tx;

    CHECK(message);
    side_start(&receiver, c, receive_largest, &len);
    end_open(c, &tx, END_SENDER, NULL);
    ck_error(tong_send(tx.ch, message, len + 1, conform_patience()), TONG_E_TOOBIG);
    snprintf(limit, sizeof limit, "%zu", len);
    SAYS(limit);
    BEGINS(c->address);
    ledger_write(message, len, 1, 0);
    ck_ok(tong_send(tx.ch, message, len, conform_patience()));
    ck_error(tong_send(tx.ch, message, SIZE_MAX, conform_patience()), TONG_E_TOOBIG);
    ledger_write(message, 100, 1, 1);
    ck_ok(tong_send(tx.ch, message, 100, conform_patience()));
    side_join(&receiver);
    end_close(&tx);
    free(message);
}

CONFORM_TEST(option_size_is_the_largest, CONFORM_ONE_WAY)
{
    tong_caps caps = {.struct_size = sizeof caps};
    char room[128];
    struct ends e;

    ends_open(c, &e, "?size=100");
    ck_ok(tong_get_caps(e.tx, &caps));
    SAME(caps.size_max, 100);
    memset(room, 7, sizeof room);
    ck_error(tong_send(e.tx, room, 101, conform_patience()), TONG_E_TOOBIG);
    SAYS("100");
    ck_ok(tong_send(e.tx, room, 100, conform_patience()));
    SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), 100);
    ends_close(&e);
}

CONFORM_TEST(short_room_keeps_the_message, CONFORM_ONE_WAY | CONFORM_SHORT_TOO)
{
    struct ledger ledger = {.taken = 0};
    char message[1000], room[1000];
    tong_bytes many = {room, 999};
    struct ends e;

    ends_open(c, &e, NULL);
    ck_error(tong_next_size(e.rx), -EAGAIN);
    for (uint64_t i = 0; i < 2; i++) {
        ledger_write(message, sizeof message, 1, i);
        ck_ok(tong_send(e.tx, message, sizeof message, conform_patience()));
    }
    ck_error(tong_recv(e.rx, room, 999, conform_patience()), TONG_E_TOOBIG);
    BEGINS(c->address);
    SAYS("1000");
    ck_error(tong_recv(e.rx, room, 0, conform_patience()), TONG_E_TOOBIG);
    ck_error(tong_recv_many(e.rx, &many, 1, conform_patience()), TONG_E_TOOBIG);
    SAME(tong_next_size(e.rx), 1000);
    SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), 1000);
    ledger_take_next(&ledger, room, 1000);
    SAME(tong_next_size(e.rx), 1000);
    SAME(tong_recv(e.rx, room, sizeof room, conform_patience()), 1000);
    ledger_take_next(&ledger, room, 1000);
    ck_error(tong_next_size(e.rx), -EAGAIN);
    ends_close(&e);
}

CONFORM_TEST(parts_are_gathered, CONFORM_ONE_WAY)
{
    enum { PARTS = 600 };
    const size_t len = conform_length(c, 60000);
    struct ledger ledger = {.taken = 0};
    char *message = malloc(len), *room = malloc(len);
    tong_view parts[PARTS];
    size_t at = 0;
    struct ends e;

    CHECK(message && room);
    ends_open(c, &e, NULL);
    ledger_write(message, len, 1, 0);
    for (int i = 0; i < PARTS; i++) {
        size_t mean = (len - at) / (size_t)(PARTS - i);
        size_t part = i == PARTS - 1 ? len - at : (size_t)dice_below(&c->dice, 2 * mean + 1);
        parts[i] = (tong_view){part ? message + at : NULL, part};
        at += part;
    }
    ck_ok(tong_send_parts(e.tx, parts, PARTS, NULL, conform_patience()));
    ck_ok(tong_send_parts(e.tx, NULL, 0, NULL, conform_patience()));
    SAME(tong_recv(e.rx, room, len, conform_patience()), len);
    ledger_take_next(&ledger, room, len);
    SAME(tong_recv(e.rx, room, len, conform_patience()), 0);
    ends_close(&e);
    free(message);
    free(room);
}
