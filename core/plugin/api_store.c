/* The SDK's functions that keep: records of a section, and timers that survive a restart. [hub] */
#include "base/clock.h"
#include "hub/internal.h"
#include "plugin/internal.h"
#include "store/store.h"

#define TIMER_MOST_MS 100000000000000 /* thousands of years; sums with it do not overflow */

/* The section of who asks, for something to be written. NULL: there is no store. */
static struct store_section *writes(parley_host *h)
{
    struct plugin_instance *i = instance_of(h);

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (i->store)
        i->hub->wrote = true;
    return i->store;
}

const parley_value *api_store_get(parley_host *h, const char *key)
{
    struct plugin_instance *i = instance_of(h);

    DOMAIN_ASSERT(DOMAIN_HUB);
    return i->store ? store_get(i->store, key) : NULL;
}

parley_out *api_store_edit(parley_host *h, const char *key)
{
    DOMAIN_ASSERT(DOMAIN_HUB);
    return out_message_new(h, OUT_RECORD, key, NULL);
}

int api_store_put(parley_out *take)
{
    struct out_message *o =
        out_of(take)->owner_kind == OUT_RECORD ? (struct out_message *)take : NULL;
    struct store_section *x;
    int r;

    DOMAIN_ASSERT(DOMAIN_HUB);
    if (!o)
        return out_of(take)->error ? out_of(take)->error : -EINVAL;
    x = writes(&o->instance->host);
    r = x ? store_put(x, o->type, &o->out) : -ENOSYS;
    out_message_spend(o);
    return r;
}

int64_t api_store_add(parley_host *h, int64_t n, const char *key)
{
    struct store_section *x = writes(h);

    return x ? store_add(x, n, key) : -ENOSYS;
}

int api_store_expire(parley_host *h, int64_t after_ms, const char *key)
{
    struct store_section *x = writes(h);

    return x ? store_expire(x, after_ms, key) : -ENOSYS;
}

int api_store_delete(parley_host *h, const char *key, bool all)
{
    struct store_section *x = writes(h);

    if (!x)
        return -ENOSYS;
    return all ? store_delete_all(x, key) : store_delete(x, key);
}

/* --- timers --- */

/* Never in the turn in which it was set: one that sets itself again must leave room for others. */
static int64_t later(int64_t wait_ms)
{
    return clock_mono_ms() + (wait_ms > 1 ? wait_ms : 1);
}

static int cancel(struct plugin_instance *i, const char *key)
{
    int r = 0;

    if (timers_is_durable(i->hub->timers, i, key) && i->store) {
        i->hub->wrote = true;
        r = store_timer_delete(i->store, key);
    }
    return r < 0 && r != -ENOENT ? r : timers_cancel(i->hub->timers, i, key);
}

static int set_at(struct plugin_instance *i, const char *key, int64_t unix_ms)
{
    bool known = timers_is_durable(i->hub->timers, i, key);
    int r = 0;

    if (unix_ms == 0)
        unix_ms = 1; /* long ago all the same */
    if (i->store) {
        i->hub->wrote = true;
        r = store_timer_set(i->store, key, unix_ms);
    }
    if (r == 0)
        r = timers_set_at(i->hub->timers, i, key, unix_ms, later(unix_ms - clock_unix_ms()));
    if (r == -ENOMEM && i->store && !known)
        store_timer_delete(i->store, key);
    return r;
}

int api_timer(struct plugin_instance *i, int how, int64_t ms, const char *key)
{
    int r;

    if (how == PARLEY_TIMER_CANCEL)
        return cancel(i, key);
    if (ms < 0 || ms > TIMER_MOST_MS)
        return -EINVAL;
    r = how == PARLEY_TIMER_AT ? set_at(i, key, ms) : timers_set(i->hub->timers, i, key, later(ms));
    hub_arm_timer(i->hub);
    return r;
}
