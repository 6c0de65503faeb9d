/* SPDX-License-Identifier: MIT */
/*
 * How to make a fresh address of each scheme: what goes before and behind a name. A row of transports.def without a
 * line here does not compile. NULL: the row is no mechanism of its own and is exercised elsewhere. NULL behind: it has
 * no names, and its ends are inherited (heirs.h).
 *
 * Where options make a scheme another mechanism (the variant slot), that has a row of its own:
 * CONFORM_VARIANT(name in the tests' names, scheme, before, behind, query).
 */
#ifndef TONG_CONFORM_ADDRESSES_H
#define TONG_CONFORM_ADDRESSES_H

#define CONFORM_ADDRESS_inproc "inproc:", ""
#define CONFORM_ADDRESS_unix "unix:", ".sock"
#define CONFORM_ADDRESS_fifo "fifo:", ".fifo"
#define CONFORM_ADDRESS_pipe "pipe:", NULL
#define CONFORM_ADDRESS_fault NULL, NULL

#define CONFORM_VARIANTS                                                                                               \
    CONFORM_VARIANT("unix-line", "unix", "unix:", ".sock", "framing=line")                                             \
    CONFORM_VARIANT("unix-seqpacket", "unix", "unix:", ".sock", "socket=seqpacket")                                    \
    CONFORM_VARIANT("unix-dgram", "unix", "unix:", ".sock", "socket=dgram")                                            \
    CONFORM_VARIANT("fifo-one", "fifo", "fifo:", ".fifo", "writers=one")

/* What makes a scheme's objects small enough to have many open at once: CONFORM_SMALL(scheme, query). */
#define CONFORM_SMALLS CONFORM_SMALL("mq", "?depth=2&size=1000")

#endif
