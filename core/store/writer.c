/* The thread that writes: transactions in the order of their numbers, as many as have gathered in
 * one commit.
 *
 * The first after a pause is written at once; while writes follow each other, a commit begins when
 * the window since the last one's beginning is over. A commit that fails is tried again with what
 * came after it, until it succeeds: nothing is skipped, so what was accepted keeps its order, and a
 * number that was reported means that all before it are on the disk too. As long as it fails, and
 * while the disk has less room than is to be kept free, the store accepts nothing.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/deliver.h"
#include "store/internal.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

enum {
    WAITING_BYTES = 8 << 20, /* beyond it the disk is behind, and writes are refused */
    HURRY_BYTES = 1 << 20,   /* beyond it the window is not waited for */
    LOOK_MS = 10000,         /* how often a disk is looked at on which nothing is written */
    MARGIN = 16,             /* to write again, a 16th more must be free than is to be kept free */
};

struct writer {
    struct store *store;
    char *folder;
    pthread_t thread;
    bool runs;
    _Atomic size_t waiting_bytes;
    pthread_mutex_t lock; /* of all down to mail_out */
    pthread_cond_t news;
    struct transaction *first, **end;
    bool idle; /* it waits for the first transaction after a pause */
    bool stopping;
    uint64_t committed;
    bool awaited; /* somebody is to be told of the next commit */
    struct actor *to;
    uint32_t mail_kind;
    bool mail_out;
    struct mail mail;
    void (*changed)(void *arg, int error, const char *why);
    void *arg;
    /* the thread's */
    struct transaction *group, **group_end; /* that is being written */
    int64_t began_ms;                       /* the latest attempt */
    int error;
    bool looked; /* at the disk's room, once */
    struct {
        struct metric *commits, *seconds, *failures;
    } metrics;
};

/* --- the hub's side --- */

struct writer *writer_new(struct store *s)
{
    struct writer *w = calloc(1, sizeof *w);
    pthread_condattr_t attributes;
    char *copy = str_dup(str_of(s->file));

    if (w && copy)
        w->folder = str_dup(str_of(dirname(copy)));
    free(copy);
    if (!w || !w->folder) {
        free(w);
        return NULL;
    }
    w->store = s;
    w->end = &w->first;
    w->group_end = &w->group;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->news, &attributes);
    pthread_condattr_destroy(&attributes);
    w->metrics.commits =
        metric(METRIC_COUNTER, "store_commits", "Commits of the store", NULL, PARLEY_NONE);
    w->metrics.seconds = metric(METRIC_SECONDS, "store_commit",
                                "How long a commit of the store took", NULL, PARLEY_NONE);
    w->metrics.failures = metric(METRIC_COUNTER, "store_failures", "Attempts to commit that failed",
                                 NULL, PARLEY_NONE);
    return w;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    pthread_cond_destroy(&w->news);
    pthread_mutex_destroy(&w->lock);
    free(w->folder);
    free(w);
}

bool writer_full(struct store *s)
{
    return atomic_load_explicit(&s->writer->waiting_bytes, memory_order_relaxed) > WAITING_BYTES;
}

void writer_post(struct store *s, struct transaction *take)
{
    struct writer *w = s->writer;
    size_t before = atomic_fetch_add_explicit(&w->waiting_bytes, take->bytes, memory_order_relaxed);

    take->next = NULL;
    pthread_mutex_lock(&w->lock);
    *w->end = take;
    w->end = &take->next;
    /* Whoever gathers is not disturbed, unless he has enough. */
    if (w->idle || (before <= HURRY_BYTES && before + take->bytes > HURRY_BYTES))
        pthread_cond_signal(&w->news);
    pthread_mutex_unlock(&w->lock);
}

bool writer_await(struct writer *w, uint64_t number)
{
    bool done;

    pthread_mutex_lock(&w->lock);
    done = w->committed >= number;
    w->awaited |= !done;
    pthread_mutex_unlock(&w->lock);
    return done;
}

void writer_tell(struct writer *w, struct actor *to, uint32_t mail_kind)
{
    pthread_mutex_lock(&w->lock);
    w->to = to;
    w->mail_kind = mail_kind;
    pthread_mutex_unlock(&w->lock);
}

void writer_told(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->mail_out = false;
    pthread_mutex_unlock(&w->lock);
}

void writer_on_change(struct writer *w, void (*changed)(void *arg, int error, const char *why),
                      void *arg)
{
    w->changed = changed;
    w->arg = arg;
}

/* --- the thread's --- */

/* With the lock held, at most until then. */
static void wait_until(struct writer *w, int64_t mono_ms)
{
    int64_t ms = mono_ms - clock_mono_ms();
    struct timespec at;

    if (ms <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&w->news, &w->lock, &at);
}

/* With the lock held: until there is something to do. */
static void wait_for_work(struct writer *w)
{
    const struct store_options *o = &w->store->options;

    while (!w->stopping && w->looked) {
        int64_t pause_ms = w->error ? o->retry_ms : w->first ? o->window_ms : LOOK_MS;

        if (clock_mono_ms() >= w->began_ms + pause_ms ||
            (!w->error &&
             atomic_load_explicit(&w->waiting_bytes, memory_order_relaxed) > HURRY_BYTES))
            return;
        w->idle = !w->error && !w->first;
        wait_until(w, w->began_ms + pause_ms);
        w->idle = false;
    }
}

static void take(struct writer *w)
{
    if (!w->first)
        return;
    *w->group_end = w->first;
    w->group_end = w->end;
    w->first = NULL;
    w->end = &w->first;
}

static void tell(struct writer *w, uint64_t number)
{
    pthread_mutex_lock(&w->lock);
    w->committed = number;
    if (w->awaited && w->to && !w->mail_out) {
        w->mail_out = true;
        w->awaited = false;
        actor_post(w->to, &w->mail, w->mail_kind);
    }
    pthread_mutex_unlock(&w->lock);
}

static void forget_group(struct writer *w)
{
    uint64_t number = 0;
    struct transaction *t;

    while ((t = w->group)) {
        w->group = t->next;
        number = t->number;
        atomic_fetch_sub_explicit(&w->waiting_bytes, t->bytes, memory_order_relaxed);
        transaction_free(t);
    }
    w->group_end = &w->group;
    tell(w, number);
}

static int write_group(struct writer *w, char why[256])
{
    int64_t began_us = clock_mono_us();
    int error = database_commit(w->store->database, w->group, why);

    if (error) {
        metric_inc(w->metrics.failures);
        return error;
    }
    metric_inc(w->metrics.commits);
    metric_add(w->metrics.seconds, (double)(clock_mono_us() - began_us) / 1e6);
    forget_group(w);
    return 0;
}

/* Whether the disk has the room that is to be kept free. */
static int look_for_room(struct writer *w, char why[256])
{
    int64_t wanted = w->store->options.keep_free_bytes, room;
    struct statvfs st;

    w->looked = true;
    if (wanted == 0 || statvfs(w->folder, &st) < 0)
        return 0;
    room = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    if (room >= wanted + (w->error ? wanted / MARGIN : 0))
        return 0;
    snprintf(why, 256, "the disk has %" PRId64 " MiB left; %" PRId64 " MiB are to be kept free",
             room >> 20, wanted >> 20);
    return -ENOSPC;
}

static void change(struct writer *w, int error, const char *why)
{
    struct store *s = w->store;

    if (error == w->error)
        return;
    s->error = w->error = error;
    if (error)
        log_event(LOG_LEVEL_ERROR, "store_failed", LOG_TEXT("file", s->file),
                  LOG_TEXT("error", strerror(-error)), LOG_TEXT("msg", why));
    else
        log_event(LOG_LEVEL_INFO, "store_recovered", LOG_TEXT("file", s->file));
    if (w->changed)
        w->changed(w->arg, error, why);
}

static void attempt(struct writer *w)
{
    char why[256] = "";
    int error = 0;

    w->began_ms = clock_mono_ms();
    if (w->group)
        error = write_group(w, why);
    if (!error)
        error = look_for_room(w, why);
    change(w, error, why);
}

static void report_lost(struct writer *w)
{
    int64_t lost = 0;
    struct transaction *t;

    while ((t = w->group)) {
        w->group = t->next;
        lost++;
        transaction_free(t);
    }
    if (lost)
        log_event(LOG_LEVEL_ERROR, "store_lost", LOG_TEXT("file", w->store->file),
                  LOG_INT("transactions", lost),
                  LOG_TEXT("msg", "the server ends, and these could not be written"));
}

static void *run(void *arg)
{
    struct writer *w = arg;
    bool stopping = false;

    domain_enter(DOMAIN_WORKER);
    while (!stopping) {
        pthread_mutex_lock(&w->lock);
        wait_for_work(w);
        take(w);
        stopping = w->stopping;
        pthread_mutex_unlock(&w->lock);
        attempt(w);
    }
    report_lost(w);
    return NULL;
}

int writer_start(struct store *s, char why[256])
{
    int error = thread_start(&s->writer->thread, run, s->writer, "store");

    if (error)
        snprintf(why, 256, "cannot start threads: %s", strerror(-error));
    s->writer->runs = !error;
    return error;
}

void writer_stop(struct store *s)
{
    struct writer *w = s->writer;

    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->news);
    pthread_mutex_unlock(&w->lock);
    if (w->runs)
        pthread_join(w->thread, NULL);
    w->runs = false;
    take(w); /* of a thread that never began */
    report_lost(w);
}
