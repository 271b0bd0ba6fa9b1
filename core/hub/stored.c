/* The hub's side of the store: who has which section of it, what a hook call wrote, and the acks
 * that wait until that is on the disk.
 *
 * A message remembers the latest transaction that hubs wrote while they judged it. Where its author
 * asked for an ack, and was not refused, the message stays here until the store has told that all
 * up to that number is committed; everybody else has had it long since. While the disk refuses,
 * these wait, and no others come.
 */
#include "base/clock.h"
#include "base/str.h"
#include "hub/internal.h"
#include "store/store.h"

struct arming {
    struct hub *hub;
    struct plugin_instance *instance;
    int error;
};

/* As many milliseconds ago as it is overdue, so that the oldest come first. */
static void arm(void *arg, const char *key, int64_t at_unix_ms)
{
    struct arming *a = arg;

    if (!a->error)
        a->error = timers_set_at(a->hub->timers, a->instance, key, at_unix_ms,
                                 clock_mono_ms() + at_unix_ms - clock_unix_ms());
}

int stored_attach_one(struct hub *h, struct plugin_instance *i, char why[256])
{
    struct arming a = {h, i, 0};
    int error = h->store ? store_section(h->store, i->host.section, &i->store, why) : 0;

    if (error || !h->store || i->of->stored)
        return error;
    store_timers(i->store, arm, &a);
    if (a.error)
        snprintf(why, 256, "there is not enough memory for the timers of '%.40s'", i->name);
    i->of->stored = !a.error;
    return a.error;
}

int stored_attach(struct hub *h, struct store *s, char why[256])
{
    h->store = s;
    for (size_t k = 0; k < h->registry->instance_count; k++) {
        int error = stored_attach_one(h, h->registry->instances[k], why);

        if (error)
            return error;
    }
    store_tell(s, &h->actor, MAIL_STORED);
    return 0;
}

void stored_turn(struct hub *h, struct message *m)
{
    uint64_t number = store_end(h->store);

    h->wrote = false;
    if (m && number)
        m->stored = number;
}

void stored_fired(struct hub *h, struct plugin_instance *i, const char *key)
{
    if (!i->store)
        return;
    h->wrote = true;
    store_timer_fired(i->store, key);
}

void stored_tick(struct hub *h)
{
    if (!h->store)
        return;
    store_tick(h->store);
    stored_turn(h, NULL);
}

bool stored_waits(struct hub *h, const struct message *m)
{
    return h->ack_stored && m->author && m->id.p && m->outcome.verdict != PARLEY_REJECT &&
           !store_await(h->store, m->stored);
}

void stored_wait(struct hub *h, struct message *take)
{
    take->next = NULL;
    *h->unstored_end = take;
    h->unstored_end = &take->next;
}

static struct message *take_first(struct hub *h)
{
    struct message *m = h->unstored;

    h->unstored = m->next;
    if (!h->unstored)
        h->unstored_end = &h->unstored;
    return m;
}

void stored_told(struct hub *h)
{
    store_told(h->store);
    while (h->unstored && store_await(h->store, h->unstored->stored)) {
        struct message *m = take_first(h);

        road_answer(h, m);
        road_home(h, m);
    }
}

/* Without an answer: an ack would say what nobody knows yet. */
void stored_quiesce(struct hub *h)
{
    if (!h->store)
        return;
    store_tell(h->store, NULL, 0);
    while (h->unstored)
        road_home(h, take_first(h));
}
