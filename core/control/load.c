/* Samples in a ring. What is told is the difference between the latest and the oldest one. */
#include "control/load.h"

#include "base/clock.h"
#include "base/metrics.h"

#include <stdlib.h>
#include <time.h>

enum { SAMPLES = 11, SAMPLE_S = 1 };

struct sample {
    int64_t at_us;
    double messages, deliveries;
    int64_t *cpu_ns; /* by actor */
};
struct load {
    struct loop *control;
    struct actor *const *actors;
    size_t actor_count;
    struct metric *messages, *deliveries;
    struct sample samples[SAMPLES];
    unsigned latest, count;
    ev_timer timer;
    int64_t cpu_ns[];
};

static int64_t cpu_of(const struct loop *l)
{
    clockid_t clock = CLOCK_THREAD_CPUTIME_ID; /* the main thread's, which asks */
    struct timespec t = {0};

    if (l && (!l->has_thread || pthread_getcpuclockid(l->thread, &clock) == 0))
        clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void take_sample(struct load *l)
{
    struct sample *s;

    l->latest = (l->latest + 1) % SAMPLES;
    l->count += l->count < SAMPLES;
    s = &l->samples[l->latest];
    s->at_us = clock_mono_us();
    s->messages = metric_read(l->messages);
    s->deliveries = metric_read(l->deliveries);
    for (size_t i = 0; i < l->actor_count; i++)
        s->cpu_ns[i] = cpu_of(l->actors[i]->loop);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev;
    (void)events;
    take_sample(w->data);
}

struct load *load_new(struct loop *control, struct actor *const *actors, size_t count)
{
    struct load *l = calloc(1, sizeof *l + SAMPLES * count * sizeof *l->cpu_ns);

    if (!l)
        return NULL;
    l->control = control;
    l->actors = actors;
    l->actor_count = count;
    l->messages = metric(METRIC_COUNTER, "hub_messages", NULL, NULL, PARLEY_NONE);
    l->deliveries = metric(METRIC_COUNTER, "deliveries", NULL, NULL, PARLEY_NONE);
    for (size_t i = 0; i < SAMPLES; i++)
        l->samples[i].cpu_ns = l->cpu_ns + i * count;
    ev_timer_init(&l->timer, on_timer, 0., SAMPLE_S);
    l->timer.data = l;
    ev_timer_start(control->ev, &l->timer);
    return l;
}

void load_free(struct load *l)
{
    if (!l)
        return;
    ev_timer_stop(l->control->ev, &l->timer);
    free(l);
}

static const struct sample *oldest(const struct load *l)
{
    return &l->samples[(l->latest + SAMPLES + 1 - l->count) % SAMPLES];
}

void load_read(const struct load *l, struct load_figures *ret)
{
    const struct sample *to = &l->samples[l->latest], *from = l->count ? oldest(l) : to;
    double seconds = (double)(to->at_us - from->at_us) / 1e6;

    *ret = (struct load_figures){.over_ms = (to->at_us - from->at_us) / 1000};
    if (ret->over_ms <= 0)
        return;
    ret->messages_s = (to->messages - from->messages) / seconds;
    ret->deliveries_s = (to->deliveries - from->deliveries) / seconds;
}

double load_busy(const struct load *l, size_t actor)
{
    const struct sample *to = &l->samples[l->latest], *from = l->count ? oldest(l) : to;
    int64_t us = to->at_us - from->at_us;

    return us > 0 ? (double)(to->cpu_ns[actor] - from->cpu_ns[actor]) / 1e3 / (double)us : 0;
}
