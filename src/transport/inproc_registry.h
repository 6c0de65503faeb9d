/* SPDX-License-Identifier: MIT */
/* The names of this process's objects. */
#ifndef TONGI_TRANSPORT_INPROC_REGISTRY_H
#define TONGI_TRANSPORT_INPROC_REGISTRY_H

#include "transport/inproc_object.h"

/*
 * Joins the object that start->rest names, which is made if need be. Errors: -EEXIST, -ENOENT (start->existence),
 * -ENOMEM, and those of tongi_inproc_object_join.
 */
int tongi_inproc_registry_enter(struct inproc_end *end, const struct tongi_start *start);
/* Leaves the object, named or not; the last one frees it. */
void tongi_inproc_registry_leave(struct inproc_end *end);
/* An end that was inherited by fork(): the object is left alone, but stays findable for leak checkers. */
void tongi_inproc_registry_disinherit(struct inproc_end *end);

/* Slots of the table. */
int tongi_inproc_list(int (*each)(const char *rest, const tong_stats *stats, void *context), void *context);
int tongi_inproc_remove(const struct tongi_start *start);

#endif
