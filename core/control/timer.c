/* Named timers of authenticators, on the control loop.
 *
 * One that is meant for a moment of the calendar looks at the clock again once a minute at least:
 * the clock may be set.
 */
#include "base/clock.h"
#include "base/str.h"
#include "control/internal.h"

#include <stdlib.h>

enum { TIMERS_OF_A_SECTION = 1000, KEY_BYTES = 256, LOOK_AGAIN_MS = 60000 };

struct control_timer {
    struct control_timer *next;
    struct control *control;
    struct plugin_instance *section;
    ev_timer event;
    int64_t at_unix_ms; /* 0: after a while, not at a moment */
    char key[];
};

static struct control_timer **find(struct control *c, const struct plugin_instance *section,
                                   const char *key, size_t *ret_of_section)
{
    struct control_timer **at = &c->timers;

    *ret_of_section = 0;
    for (; *at; at = &(*at)->next) {
        *ret_of_section += (*at)->section == section;
        if ((*at)->section == section && !strcmp((*at)->key, key))
            break;
    }
    return at;
}

static void drop(struct control_timer **at)
{
    struct control_timer *t = *at;

    *at = t->next;
    ev_timer_stop(t->control->loop.ev, &t->event);
    free(t);
}

static void arm(struct control_timer *t, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    if (t->at_unix_ms && ms > LOOK_AGAIN_MS)
        ms = LOOK_AGAIN_MS;
    ev_timer_set(&t->event, (double)ms / 1000., 0.);
    ev_timer_start(t->control->loop.ev, &t->event);
}

static void on_event(struct ev_loop *ev, ev_timer *w, int events)
{
    struct control_timer *t = w->data, **at;
    struct control *c = t->control;
    enum domain before;
    const parley_auth *auth = control_auth(t->section);

    (void)ev;
    (void)events;
    if (t->at_unix_ms && clock_unix_ms() < t->at_unix_ms) {
        arm(t, t->at_unix_ms - clock_unix_ms());
        return;
    }
    for (at = &c->timers; *at != t; at = &(*at)->next)
        ;
    *at = t->next; /* before the call: it may set one of the same name */
    before = domain_enter(DOMAIN_CONTROL);
    if (auth && auth->on_timer) {
        struct crumb_before crumb = plugin_enter(t->section, "on_timer");

        auth->on_timer(&t->section->host, t->key);
        crumb_leave(crumb);
    }
    domain_leave(before);
    free(t);
}

int control_timer(struct control *c, struct plugin_instance *section, int how, int64_t ms,
                  const char *key)
{
    size_t count, n = key ? strlen(key) : 0;
    struct control_timer **at, *t;

    DOMAIN_ASSERT(DOMAIN_CONTROL);
    if (c->quiesced)
        return -ESHUTDOWN;
    if (n == 0 || n >= KEY_BYTES || ms < 0 || how < PARLEY_TIMER_AFTER || how > PARLEY_TIMER_CANCEL)
        return -EINVAL;
    at = find(c, section, key, &count);
    if (how == PARLEY_TIMER_CANCEL) {
        if (!*at)
            return -ENOENT;
        drop(at);
        return 0;
    }
    if (*at && how == PARLEY_TIMER_AFTER)
        return 0;
    if (*at)
        drop(at);
    else if (count >= TIMERS_OF_A_SECTION)
        return -ENOSPC;
    t = calloc(1, sizeof *t + n + 1);
    if (!t)
        return -ENOMEM;
    t->control = c;
    t->section = section;
    memcpy(t->key, key, n);
    ev_init(&t->event, on_event);
    t->event.data = t;
    t->next = c->timers;
    c->timers = t;
    if (how == PARLEY_TIMER_AT)
        t->at_unix_ms = ms ? ms : 1;
    arm(t, how == PARLEY_TIMER_AT ? ms - clock_unix_ms() : ms);
    return 0;
}

void timers_finish(struct control *c)
{
    while (c->timers)
        drop(&c->timers);
}
