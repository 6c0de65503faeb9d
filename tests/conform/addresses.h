/* SPDX-License-Identifier: MIT */
/*
 * How to make a fresh address of each scheme: what goes before and behind a name, and the query that makes it small where
 * many are open at once (NULL: none is needed). A row of transports.def without a line here does not compile. Without
 * what goes before, the row is no mechanism of its own and is exercised elsewhere.
 */
#ifndef TONG_CONFORM_ADDRESSES_H
#define TONG_CONFORM_ADDRESSES_H

#define CONFORM_ADDRESS_inproc "inproc:", "", NULL
#define CONFORM_ADDRESS_unix "unix:", ".sock", NULL
#define CONFORM_ADDRESS_mq "mq:", "", "?depth=2&size=1000"
#define CONFORM_ADDRESS_fault NULL, NULL, NULL

#endif
