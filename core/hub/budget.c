/* Time that hooks take: each section has a budget a call, and a breaker that passes it over when it
 * uses too much of it too often.
 *
 * A reading of the clock costs more than a hub that does nothing. So all hooks are timed (`exact`)
 * for the first message after each tick of the kernel's coarse clock, which are all messages where
 * these are few; in between, only hubs that are known to take long are. The others read that coarse
 * clock alone, an eighth of the price: while it has not moved, none of them took a tick. Where it
 * has, they cannot have taken more than what passed since the latest reading, and are timed from
 * then on if that was long. Where a budget is about as short as a tick, all are exact.
 */
#include "base/clock.h"
#include "base/log.h"
#include "hub/internal.h"
#include "hub/verdicts.h"

#include <sys/resource.h>

#define NS_PER_MS      INT64_C(1000000)
#define NS_PER_US      INT64_C(1000)
#define TICK_MARGIN_NS 500000 /* by which a budget must be longer than a tick */
#define LONG_NS        1000   /* hubs that take as long are always timed */
#define USUAL_OF       16     /* calls, about, are in the mean */
#define WINDOW_NS      (INT64_C(10000) * NS_PER_MS)
#define REST_NS        (INT64_C(10000) * NS_PER_MS)
#define CALLS_PER_OVER 100 /* one call in so many, at least, must be over the budget */
#define LOG_EVERY_NS   (INT64_C(1000) * NS_PER_MS)

void budget_attach(struct hub *h, struct plugin_instance *i)
{
    struct judge *j = &i->hub_side->judge;
    int64_t ns = i->budget_ms * NS_PER_MS;

    j->budget_ns = ns;
    metric_set(j->breaker, 0); /* of the generation before */
    j->logged_ns = INT64_MIN / 2;
    for (unsigned k = 0; k < BREAKER_OVER; k++)
        j->over[k].at_ns = INT64_MIN / 2;
    if (ns && ns < clock_tick_ns() + TICK_MARGIN_NS)
        h->watch.always_exact = true;
}

static int64_t ns_of(struct timeval t)
{
    return ((int64_t)t.tv_sec * 1000000 + t.tv_usec) * NS_PER_US;
}

/* A call of the kernel: where a tick has passed alone. */
static void read_usage(struct watch *w)
{
    struct rusage u;

    if (getrusage(RUSAGE_THREAD, &u) < 0)
        return;
    w->cpu_ns = ns_of(u.ru_utime) + ns_of(u.ru_stime);
    w->waited = u.ru_nvcsw;
    w->interrupted = u.ru_nivcsw;
}

/* The thread made way for others, waited for nothing itself, and did not compute for so long. */
static bool was_interrupted(const struct watch *w, int64_t budget_ns)
{
    struct watch now = *w;

    if (!clock_is_kernels())
        return false;
    read_usage(&now);
    return now.interrupted != w->interrupted && now.waited == w->waited &&
           now.cpu_ns - w->cpu_ns < budget_ns;
}

static bool tick_moved(struct watch *w)
{
    int64_t tick_ns = clock_mono_coarse_ns();

    if (tick_ns == w->tick_ns)
        return false;
    w->tick_ns = tick_ns;
    return true;
}

void budget_begin(struct hub *h)
{
    struct watch *w = &h->watch;
    bool moved = tick_moved(w);

    if (moved)
        read_usage(w);
    w->exact = moved || w->always_exact;
    if (w->exact)
        w->at_ns = clock_mono_ns();
}

static void log_over(struct plugin_instance *i, enum hook hook, int64_t now_ns, int64_t took_ns)
{
    struct judge *j = &i->hub_side->judge;

    if (now_ns - j->logged_ns < LOG_EVERY_NS) {
        j->unlogged++;
        return;
    }
    log_event(LOG_LEVEL_WARNING, "over_budget", LOG_TEXT("section", i->host.section),
              LOG_TEXT("hook", verdicts_hook(hook)), LOG_INT("us", took_ns / NS_PER_US),
              LOG_INT("budget_ms", i->budget_ms), LOG_INT("more", j->unlogged));
    j->logged_ns = now_ns;
    j->unlogged = 0;
}

static void open_breaker(struct hub *h, struct plugin_instance *i, int64_t now_ns)
{
    struct judge *j = &i->hub_side->judge;

    i->breaker = BREAKER_OPEN;
    j->rests_until_ns = now_ns + REST_NS;
    metric_set(j->breaker, 1);
    verdicts_add(h, i, JUDGED_OPENED, &(struct verdict_of){.hook = HOOK_MESSAGE});
    log_event(LOG_LEVEL_WARNING, "breaker_opened", LOG_TEXT("section", i->host.section),
              LOG_INT("for_ms", REST_NS / NS_PER_MS),
              LOG_TEXT("msg", i->shadow          ? "it is passed over"
                              : i->on_error_pass ? "messages pass unjudged"
                                                 : "messages that it would judge are refused"));
}

static void close_breaker(struct hub *h, struct plugin_instance *i)
{
    struct judge *j = &i->hub_side->judge;

    i->breaker = BREAKER_CLOSED;
    for (unsigned k = 0; k < BREAKER_OVER; k++)
        j->over[k].at_ns = INT64_MIN / 2;
    metric_set(j->breaker, 0);
    verdicts_add(h, i, JUDGED_CLOSED, &(struct verdict_of){.hook = HOOK_MESSAGE});
    log_event(LOG_LEVEL_INFO, "breaker_closed", LOG_TEXT("section", i->host.section));
}

/* A machine that is short of processors makes any call slow now and then: it takes several, and a
 * share of all that were made. */
static bool too_often(struct judge *j, int64_t now_ns)
{
    double calls = metric_read(j->calls);
    unsigned at = j->over_next;
    bool often;

    j->over[at].at_ns = now_ns;
    j->over[at].calls = calls;
    j->over_next = at = (at + 1) % BREAKER_OVER; /* the oldest of them */
    often = now_ns - j->over[at].at_ns <= WINDOW_NS;
    return often && calls - j->over[at].calls <= BREAKER_OVER * CALLS_PER_OVER;
}

static void over(struct hub *h, struct plugin_instance *i, enum hook hook, int64_t now_ns,
                 int64_t took_ns)
{
    struct judge *j = &i->hub_side->judge;

    if (was_interrupted(&h->watch, j->budget_ns)) {
        metric_inc(j->interrupted);
        return;
    }
    metric_inc(j->over_budget);
    verdicts_add(h, i, JUDGED_OVER_BUDGET,
                 &(struct verdict_of){
                     .message = h->current_message, .hook = hook, .us = took_ns / NS_PER_US});
    log_over(i, hook, now_ns, took_ns);
    if (hook != HOOK_MESSAGE && hook != HOOK_ANSWER)
        return; /* it keeps the section's books: not to be left out */
    if (i->breaker == BREAKER_TRIAL || (too_often(j, now_ns) && i->breaker == BREAKER_CLOSED))
        open_breaker(h, i, now_ns);
}

void budget_call(struct hub *h, const struct plugin_instance *i)
{
    if (!h->watch.exact && i->hub_side->judge.usual_ns >= LONG_NS)
        h->watch.at_ns = clock_mono_ns();
}

/* Nanoseconds since the watch was last read; it is read. */
static int64_t read_watch(struct watch *w)
{
    int64_t before_ns = w->at_ns;

    w->at_ns = clock_mono_ns();
    return w->at_ns - before_ns;
}

int64_t budget_called(struct hub *h, struct plugin_instance *i)
{
    struct watch *w = &h->watch;
    struct judge *j = &i->hub_side->judge;
    bool timed = w->exact || j->usual_ns >= LONG_NS, moved = !timed && tick_moved(w);
    int64_t took_ns;

    if (!timed && !moved)
        return j->usual_ns;
    took_ns = read_watch(w);
    if (timed)
        metric_add(j->seconds, (double)took_ns / 1e9);
    if (timed || took_ns > j->budget_ns)
        j->usual_ns += (took_ns - j->usual_ns) / USUAL_OF;
    if (j->budget_ns && took_ns > j->budget_ns)
        over(h, i, HOOK_MESSAGE, w->at_ns, took_ns);
    else if (i->breaker == BREAKER_TRIAL)
        close_breaker(h, i);
    if (moved)
        read_usage(w);
    return took_ns;
}

void budget_settled(struct hub *h, struct plugin_instance *i)
{
    struct watch *w = &h->watch;
    struct judge *j = &i->hub_side->judge;
    bool moved = !w->exact && tick_moved(w);
    int64_t took_ns;

    if (!w->exact && !moved)
        return;
    took_ns = read_watch(w);
    if (j->budget_ns && took_ns > j->budget_ns)
        over(h, i, HOOK_SETTLED, w->at_ns, took_ns);
    if (moved)
        read_usage(w);
}

int64_t budget_start(struct hub *h)
{
    struct watch *w = &h->watch;

    if (tick_moved(w))
        read_usage(w);
    w->at_ns = clock_mono_ns();
    return w->at_ns;
}

int64_t budget_end(struct hub *h, struct plugin_instance *i, enum hook hook, int64_t start_ns)
{
    struct judge *j = &i->hub_side->judge;
    int64_t now_ns = clock_mono_ns(), took_ns = now_ns - start_ns;

    if (j->budget_ns && took_ns > j->budget_ns)
        over(h, i, hook, now_ns, took_ns);
    return took_ns;
}

bool budget_lets(struct plugin_instance *i)
{
    struct judge *j = &i->hub_side->judge;
    int64_t now_ns = clock_mono_ns();

    if (i->breaker == BREAKER_OPEN && now_ns < j->rests_until_ns) {
        metric_inc(j->skipped);
        return false;
    }
    i->breaker = BREAKER_TRIAL;
    j->usual_ns = j->usual_ns > LONG_NS ? j->usual_ns : LONG_NS; /* it is timed */
    return true;
}
