/* The catalogue of channels: names to records. Who may open one, and what it is called, is a hub
 * plugin's business. */
#include "channel/channel.h"

#include "base/str.h"

#include <stdlib.h>

void channels_init(struct channels *cs, uint32_t pump_count)
{
    memset(cs, 0, sizeof *cs);
    cs->next_number = 1;
    cs->pump_count = pump_count;
}

struct hub_channel *channel_ref(struct hub_channel *c)
{
    c->refs++;
    return c;
}

void channel_unref(struct hub_channel *c)
{
    if (!c || --c->refs > 0)
        return;
    free((char *)(uintptr_t)c->name.p);
    free(c->folded);
    free(c->on_pump);
    free(c);
}

void channels_finish(struct channels *cs)
{
    struct hub_channel *c, *next;

    HASH_ITER (hh, cs->by_name, c, next) {
        HASH_DEL(cs->by_name, c);
        channel_unref(c);
    }
    free(cs->free_numbers);
    cs->free_numbers = NULL;
}

static bool valid_name(parley_str name)
{
    if (!name.p || name.n == 0 || name.n > CHANNEL_NAME_BYTES || !str_valid_utf8(name.p, name.n))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    return true;
}

static void fold(parley_str name, char out[CHANNEL_NAME_BYTES + 1])
{
    for (size_t i = 0; i < name.n; i++)
        out[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] + ('a' - 'A') : name.p[i]);
    out[name.n] = 0;
}

static int fill(struct channels *cs, struct hub_channel *c, parley_str name)
{
    uint64_t random;
    char *own = str_dup(name);

    c->name = (parley_str){own, name.n};
    c->folded = malloc(CHANNEL_NAME_BYTES + 1);
    c->on_pump = calloc((size_t)cs->pump_count * PROTOCOLS_MAX, sizeof *c->on_pump);
    if (!own || !c->folded || !c->on_pump || !str_random(&random, sizeof random))
        return -ENOMEM;
    fold(name, c->folded);
    snprintf(c->epoch, sizeof c->epoch, "%016" PRIx64, random);
    return 0;
}

int channel_open(struct channels *cs, parley_str name, struct hub_channel **ret)
{
    struct hub_channel *c;

    if (!valid_name(name))
        return -EINVAL;
    if (channel_find(cs, name))
        return -EEXIST;
    c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->refs = 1;
    if (fill(cs, c, name) < 0) {
        channel_unref(c);
        return -ENOMEM;
    }
    HASH_ADD_KEYPTR(hh, cs->by_name, c->folded, name.n, c);
    if (!c->hh.tbl) {
        channel_unref(c);
        return -ENOMEM;
    }
    c->number = cs->free_count ? cs->free_numbers[--cs->free_count] : cs->next_number++;
    *ret = c;
    return 0;
}

/* A number that is lost for want of memory harms nobody. */
static void free_number(struct channels *cs, uint32_t number)
{
    if (cs->free_count == cs->free_cap) {
        uint32_t cap = cs->free_cap ? 2 * cs->free_cap : 16;
        uint32_t *more = realloc(cs->free_numbers, cap * sizeof *more);

        if (!more)
            return;
        cs->free_numbers = more;
        cs->free_cap = cap;
    }
    cs->free_numbers[cs->free_count++] = number;
}

void channel_close(struct channels *cs, struct hub_channel *c, bool keep_number)
{
    HASH_DEL(cs->by_name, c);
    if (!keep_number)
        free_number(cs, c->number);
    c->closed = true;
    channel_unref(c);
}

struct hub_channel *channel_find(const struct channels *cs, parley_str any_case)
{
    char folded[CHANNEL_NAME_BYTES + 1];
    struct hub_channel *c;

    if (!any_case.p || any_case.n == 0 || any_case.n > CHANNEL_NAME_BYTES)
        return NULL;
    fold(any_case, folded);
    HASH_FIND(hh, cs->by_name, folded, any_case.n, c);
    return c;
}
