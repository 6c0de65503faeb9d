/* SPDX-License-Identifier: MIT */
/*
 * A bell: an eventfd that is readable while a condition holds. A watched one (somebody's event loop has it) follows the
 * condition at every change. One that is only armed, by a call about to sleep, is rung once: who never sleeps pays
 * nothing. The object's lock is held in all functions but close.
 */
#ifndef TONGI_TRANSPORT_INPROC_BELL_H
#define TONGI_TRANSPORT_INPROC_BELL_H

#include <stdbool.h>

/* Zeroed is a bell that nobody wanted yet. */
struct inproc_bell {
    int fd;
    bool made, up, watched, armed;
};

/* Makes the descriptor if there is none: 1 if it was made now, else 0. Errors: -EMFILE -ENFILE -ENOMEM. */
int tongi_inproc_bell_make(struct inproc_bell *bell);
/* Somebody listens for changes. */
static inline bool tongi_inproc_bell_is_live(const struct inproc_bell *bell)
{
    return bell->watched || bell->armed;
}
/* Tells a live bell what holds now. */
void tongi_inproc_bell_tell(struct inproc_bell *bell, bool holds);
void tongi_inproc_bell_close(struct inproc_bell *bell);

#endif
