/* Looks at crumbs, not at clocks in hooks: a call costs nothing for being watched.
 *
 * One that was begun before a look and is still the latest of its thread at another has run all
 * the time between the two. Which thread it is says where it hurts: on "hub" nobody's messages move
 * any more.
 */
#include "hook_watch.h"

#include "base/clock.h"
#include "base/crumb.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/deliver.h"

#include <stdlib.h>
#include <time.h>

struct known { /* of one thread */
    uint32_t calls;
    int64_t since_ms; /* the call was first seen; 0: none runs */
    bool named;
    const char *hook, *section; /* of one that was named */
    uint32_t generation;
};
static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    pthread_t thread;
    bool runs, ended;
    int64_t most_ms, look_ms;
    struct crumb_seen seen[CRUMB_THREADS];
    struct known known[CRUMB_THREADS];
} watch = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void name(struct known *k, const struct crumb_seen *s, int64_t for_ms)
{
    k->named = true;
    k->hook = s->hook;
    k->section = s->section;
    k->generation = s->generation;
    log_event(
        LOG_LEVEL_ERROR, "hook_hangs", LOG_TEXT("section", s->section), LOG_TEXT("hook", s->hook),
        LOG_INT("generation", s->generation), LOG_TEXT("thread", s->thread),
        LOG_INT("for_ms", for_ms),
        LOG_TEXT("msg", "a plugin's call does not return: what its thread serves stands still"));
}

static void tell_end(struct known *k, int64_t after_ms)
{
    log_event(LOG_LEVEL_WARNING, "hook_returned", LOG_TEXT("section", k->section),
              LOG_TEXT("hook", k->hook), LOG_INT("generation", k->generation),
              LOG_INT("after_ms", after_ms));
}

static void look(int64_t now_ms)
{
    crumb_look(watch.seen);
    for (size_t i = 0; i < CRUMB_THREADS; i++) {
        const struct crumb_seen *s = &watch.seen[i];
        struct known *k = &watch.known[i];
        bool same = s->hook && k->since_ms && k->calls == s->calls;

        if (same) {
            if (!k->named && now_ms - k->since_ms >= watch.most_ms)
                name(k, s, now_ms - k->since_ms);
            continue;
        }
        if (k->named)
            tell_end(k, now_ms - k->since_ms);
        *k = (struct known){.calls = s->calls, .since_ms = s->hook ? now_ms : 0};
    }
}

static void *run(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&watch.lock);
    while (!watch.ended) {
        int64_t now = clock_mono_ms(), next = now + watch.look_ms;
        struct timespec until = {.tv_sec = next / 1000, .tv_nsec = next % 1000 * 1000000};

        look(now);
        pthread_cond_clockwait(&watch.change, &watch.lock, CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&watch.lock);
    return NULL;
}

void hook_watch_start(int64_t most_ms, int64_t look_ms)
{
    pthread_mutex_lock(&watch.lock);
    if (!watch.runs) {
        watch.most_ms = most_ms;
        watch.look_ms = look_ms;
        watch.ended = false;
        memset(watch.known, 0, sizeof watch.known);
        pthread_cond_init(&watch.change, NULL);
        watch.runs = thread_start(&watch.thread, run, NULL, "hook watch") == 0;
    }
    pthread_mutex_unlock(&watch.lock);
}

void hook_watch_stop(void)
{
    bool runs;

    pthread_mutex_lock(&watch.lock);
    runs = watch.runs;
    watch.ended = true;
    watch.runs = false;
    if (runs)
        pthread_cond_signal(&watch.change);
    pthread_mutex_unlock(&watch.lock);
    if (!runs)
        return;
    pthread_join(watch.thread, NULL);
    pthread_cond_destroy(&watch.change);
}
