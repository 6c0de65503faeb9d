/* SPDX-License-Identifier: MIT */
/* The table of bare twins. */
#include <string.h>

#include "bare/bare.h"

static const struct bare_twin *const twins[] = {
#define BARE_TWIN(name) &bare_##name,
#include "bare/twins.def"
#undef BARE_TWIN
};

const struct bare_twin *bare_twin_at(size_t i)
{
    return i < sizeof twins / sizeof twins[0] ? twins[i] : NULL;
}

const struct bare_twin *bare_twin_find(const char *address)
{
    const struct bare_twin *twin;
    size_t len = strcspn(address, ":");

    for (size_t i = 0; (twin = bare_twin_at(i)) != NULL; i++)
        if (strlen(twin->scheme) == len && memcmp(twin->scheme, address, len) == 0)
            return twin;
    return NULL;
}
