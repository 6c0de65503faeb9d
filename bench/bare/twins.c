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
    const struct bare_twin *twin, *found = NULL;
    size_t len = strcspn(address, ":");

    for (size_t i = 0; (twin = bare_twin_at(i)) != NULL; i++) {
        if (strlen(twin->scheme) != len || memcmp(twin->scheme, address, len) != 0)
            continue;
        const char *query = strchr(address, '?');
        bool fits = twin->query == NULL || (query != NULL && strstr(query, twin->query) != NULL);
        if (fits && (found == NULL || twin->query != NULL))
            found = twin;
    }
    return found;
}
