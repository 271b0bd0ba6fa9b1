/* The flush window: when what is pending may leave. One send does for all that it gathers, and a
 * send is what a delivery costs.
 *
 * Two things are waited for. What has come already and is still being read: a flush comes behind a
 * turn of the loop that brought nothing new, which costs one look at the sockets. And, where it
 * pays, what is about to come: the window proper, half as long as the last flush took.
 */
#include "base/clock.h"
#include "client/channel_mirror.h"
#include "client/pump.h"

#define WINDOW_LEAST_US 1000
#define WINDOW_MOST_US  20000
#define READING_MOST_US 1000 /* a loop that is never quiet flushes all the same */
#define VAIN_MOST       63

static void arm(struct pump *p, int64_t wait_us)
{
    struct ev_loop *ev = p->actor.loop ? p->actor.loop->ev : NULL;

    if (!ev || ev_is_active(&p->flush_timer))
        return;
    ev_now_update(ev); /* else it would count from the beginning of this turn */
    ev_timer_set(&p->flush_timer, (double)wait_us / 1e6, 0.);
    ev_timer_start(ev, &p->flush_timer);
}

/* Waiting pays when a channel is published to again before its window is over: then one send does
 * for two. What was read in one go leaves in one send anyhow, and says nothing. Windows are
 * measured whether or not anything waits in them. Where something waited and nothing joined it (a
 * single client and its echo: each waits for the other), the next try is made rarer; a window in
 * which nothing came says nothing. */
static bool worth_waiting(struct flush_window *w)
{
    if (w->waited && !w->gathered) {
        w->vain = w->vain < VAIN_MOST ? 2 * w->vain + 1 : VAIN_MOST;
        w->skip = w->vain;
        return false;
    }
    if (!w->gathered)
        return w->waiting;
    if (w->waited)
        w->vain = w->skip = 0;
    if (w->skip)
        w->skip--;
    return !w->skip;
}

/* Whether this turn brought something, so that the next one may, too: lws reads a part of what a
 * socket holds, and one socket after the other. */
static bool still_reading(struct pump *p, int64_t now)
{
    struct flush_window *w = &p->window;

    if (!w->published || w->full || !p->actor.loop)
        return false;
    if (!w->reading_since_us)
        w->reading_since_us = now;
    if (now - w->reading_since_us >= READING_MOST_US)
        return false;
    w->published = false;
    loop_again(p->actor.loop);
    return true;
}

/* Sends it, and opens the next window. */
static void flush(struct pump *p, int64_t now)
{
    struct flush_window *w = &p->window;
    int64_t wait;

    w->waiting = w->fixed_us > 0 || worth_waiting(w);
    mirror_flush_now(p);
    wait = clock_mono_us() - now;
    now += wait;
    wait /= 2;
    if (w->fixed_us > 0)
        wait = w->fixed_us;
    else if (wait < WINDOW_LEAST_US)
        wait = WINDOW_LEAST_US;
    else if (wait > WINDOW_MOST_US)
        wait = WINDOW_MOST_US;
    w->until_us = now + wait;
    w->waited = false;
    w->gathered = 0;
    w->serial++;
}

void flush_window_pass(struct pump *p)
{
    struct flush_window *w = &p->window;
    int64_t now;

    if (!p->dirty)
        return;
    if (w->fixed_us == 0) {
        mirror_flush_now(p);
        return;
    }
    now = clock_mono_us();
    if (still_reading(p, now))
        return;
    w->published = false;
    w->reading_since_us = 0;
    w->batch++;
    if (now >= w->until_us || w->full) {
        flush(p, now);
    } else if (w->waiting) {
        w->waited = true;
        arm(p, w->until_us - now);
        if (p->actor.loop)
            loop_doze(p->actor.loop);
    } else { /* the window is only being measured */
        mirror_flush_now(p);
    }
}
