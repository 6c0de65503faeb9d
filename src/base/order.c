/* SPDX-License-Identifier: MIT */
#include "base/order.h"

#if TONG_SEAMS
void (*tongi_order_hook)(enum tongi_access access, const void *address, uint32_t size);
#else
/* A translation unit needs a declaration. */
typedef int tongi_order_has_no_code;
#endif
