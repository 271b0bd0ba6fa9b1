/* A libev loop with its actors: mail is posted from anywhere, and delivered in the prepare step,
 * then every actor may flush.
 *
 * A prepare step that leaves mail (budget used, or a producer that was preempted within its
 * enqueue) sends the wake-up to itself: within the loop's own thread libev only notes it, without a
 * system call, and the next poll does not block. Who wakes whom otherwise is in wake.c.
 *
 * liburcu is called through its library and never by its blocking variants, which poll() 10 ms
 * behind a preempted producer.
 */
#include "loop/loop.h"

#include "base/clock.h"
#include "base/crash.h"
#include "base/crumb.h"
#include "base/log.h"
#include "base/str.h"
#include "loop/deliver.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUDGET_MAILS = 4096,
    BUDGET_MS = 10,
    ROUND_MAILS = 64,         /* of one actor, before the next one of the loop has its turn */
    STOP_MAILS = 1024 * 1024, /* a last drain ends, even if two actors play ping-pong */
};

struct call { /* of actor_call */
    struct mail mail;
    void (*fn)(void *arg);
    void *arg;
};

static void deliver(struct actor *a, struct mail *m)
{
    enum domain before = domain_enter(a->domain);

    switch (m->kind) {
    case MAIL_CALL: {
        struct call *c = (struct call *)m;
        c->fn(c->arg);
        free(c);
        break;
    }
    case MAIL_WORKED: {
        struct worker_job *j = (struct worker_job *)m;
        j->done(j);
        break;
    }
    default:
        a->on_mail(a, m);
    }
    domain_leave(before);
}

/* Up to `most` mails; how many. *ret_more: whether something is left, or on its way. */
static unsigned deliver_some(struct actor *a, unsigned most, bool *ret_more)
{
    unsigned n = 0;

    for (; n < most; n++) {
        struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(&a->head, &a->tail);
        struct mail *m = (struct mail *)node;

        *ret_more = node == CDS_WFCQ_WOULDBLOCK;
        if (!node || *ret_more)
            return n;
        TAKE_OVER(m);
        deliver(a, m);
        wake_late(a->loop);
    }
    *ret_more = !cds_wfcq_empty(&a->head, &a->tail);
    return n;
}

/* The depth is told once for all of them: who asks about it asks for thousands.
 * @param ret_left  Set when something is in the box that was not delivered; otherwise as it was. */
static unsigned drain_actor(struct actor *a, unsigned most, bool *ret_left)
{
    bool more = false;
    unsigned n = deliver_some(a, most, &more);

    if (n > 0)
        atomic_fetch_sub_explicit(&a->depth, n, memory_order_relaxed);
    *ret_left |= more;
    return n;
}

static void flush_all(struct loop *l)
{
    for (int i = 0; i < l->actor_count; i++) {
        struct actor *a = l->actors[i];
        if (!a->flush)
            continue;
        enum domain before = domain_enter(a->domain);
        a->flush(a);
        domain_leave(before);
    }
}

/* One round over all actors. @param ret_left  Whether any mailbox still holds something. */
static unsigned drain_round(struct loop *l, bool *ret_left)
{
    unsigned n = 0;

    *ret_left = false;
    for (int i = 0; i < l->actor_count; i++)
        n += drain_actor(l->actors[i], ROUND_MAILS, ret_left);
    /* a later actor may have written to an earlier one */
    for (int i = 0; i < l->actor_count && !*ret_left; i++)
        *ret_left = !cds_wfcq_empty(&l->actors[i]->head, &l->actors[i]->tail);
    wake_due(l);
    return n;
}

/* Drains and flushes until nothing is left, or the budget is used, which counts from l->now_ms. The
 * clock is not asked by turns that leave nothing, as most do. */
static unsigned drain(struct loop *l, unsigned most, int64_t most_ms, bool *ret_left)
{
    unsigned n = 0;
    bool left = false;

    for (;;) {
        wake_end_doze(l);
        unsigned got = drain_round(l, &left);
        n += got;
        /* left without having got any: a producer is in the middle of its enqueue, so do not spin
         * on it */
        bool used_up = n >= most || (left && (!got || clock_mono_ms() - l->now_ms >= most_ms));
        if (left && !used_up)
            continue;
        flush_all(l);
        wake_due(l);
        left = false;
        for (int i = 0; i < l->actor_count && !left; i++)
            left = !cds_wfcq_empty(&l->actors[i]->head, &l->actors[i]->tail);
        if (!left || used_up || clock_mono_ms() - l->now_ms >= most_ms)
            break;
    }
    *ret_left = left;
    return n;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events)
{
    struct loop *l = w->data;
    bool left;

    (void)events;
    l->now_ms = clock_mono_ms();
    if (atomic_load_explicit(&l->stopping, memory_order_acquire)) {
        drain(l, STOP_MAILS, INT64_MAX, &left);
        ev_break(ev, EVBREAK_ALL);
        return;
    }
    drain(l, BUDGET_MAILS, BUDGET_MS, &left);
    /* stopping may have been set by what was delivered here, on this thread: that is no reason to
     * wake anybody */
    if (left || atomic_load_explicit(&l->stopping, memory_order_relaxed))
        ev_async_send(ev, &l->wake);
}

static void on_check(struct ev_loop *ev, ev_check *w, int events)
{
    struct loop *l = w->data;

    (void)ev;
    (void)events;
    wake_end_doze(l);
    l->now_ms = clock_mono_ms();
}

static void on_wake(struct ev_loop *ev, ev_async *w, int events)
{
    (void)ev;
    (void)w;
    (void)events; /* it was woken: the prepare step does the rest */
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int events)
{
    struct loop *l = w->data;

    (void)ev;
    (void)events;
    for (int i = 0; i < l->actor_count; i++) {
        struct actor *a = l->actors[i];
        if (!a->on_tick)
            continue;
        enum domain before = domain_enter(a->domain);
        a->on_tick(a, l->now_ms);
        domain_leave(before);
    }
}

int loop_init(struct loop *l, bool main_loop)
{
    *l = (struct loop){0};
    signal(SIGPIPE, SIG_IGN);
    l->ev = main_loop ? ev_default_loop(EVFLAG_NOENV) : ev_loop_new(EVFLAG_NOENV);
    if (!l->ev)
        return -ENOMEM;
    l->now_ms = clock_mono_ms();

    ev_async_init(&l->wake, on_wake);
    ev_async_start(l->ev, &l->wake);
    ev_prepare_init(&l->prepare, on_prepare);
    ev_set_priority(&l->prepare, EV_MINPRI);
    ev_prepare_start(l->ev, &l->prepare);
    ev_check_init(&l->check, on_check);
    ev_set_priority(&l->check, EV_MAXPRI);
    ev_check_start(l->ev, &l->check);
    ev_timer_init(&l->tick, on_tick, 1., 1.);
    ev_timer_start(l->ev, &l->tick);
    l->wake.data = l->prepare.data = l->check.data = l->tick.data = l;
    return 0;
}

void loop_add(struct loop *l, struct actor *a)
{
    if (l->actor_count == LOOP_ACTORS) {
        log_event(LOG_LEVEL_ERROR, "loop_full", LOG_TEXT("actor", a->name));
        abort();
    }
    a->loop = l;
    atomic_store_explicit(&a->depth, 0, memory_order_relaxed);
    cds_wfcq_init(&a->head, &a->tail);
    l->actors[l->actor_count++] = a;
}

void loop_run(struct loop *l)
{
    struct loop *before = loop_here;

    loop_here = l;
    l->now_ms = clock_mono_ms();
    ev_run(l->ev, 0);
    loop_here = before;
}

static void *thread_main(void *arg)
{
    loop_run(arg);
    return NULL;
}

struct start { /* of a thread; its own once it runs */
    void *(*fn)(void *);
    void *arg;
    char name[16];
};

static void *run_thread(void *arg)
{
    struct start s = *(struct start *)arg;
    void *result;

    free(arg);
    crumb_thread_begin(s.name);
    crash_thread_begin();
    result = s.fn(s.arg);
    crash_thread_end();
    crumb_thread_end();
    return result;
}

int thread_start(pthread_t *ret, void *(*fn)(void *), void *arg, const char *name)
{
    struct start *s = malloc(sizeof *s);
    sigset_t block, before;
    int error;

    if (!s)
        return -ENOMEM;
    *s = (struct start){.fn = fn, .arg = arg};
    snprintf(s->name, sizeof s->name, "%.15s", name);
    /* Signals are the control loop's; those of a crash must reach the thread that crashed. */
    sigfillset(&block);
    for (size_t i = 0; i < 7; i++)
        sigdelset(&block,
                  (const int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}[i]);
    pthread_sigmask(SIG_SETMASK, &block, &before);
    error = pthread_create(ret, NULL, run_thread, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(s);
        return -error;
    }
    char cut[16];
    snprintf(cut, sizeof cut, "%.15s", name);
    pthread_setname_np(*ret, cut);
    return 0;
}

int loop_start(struct loop *l, const char *thread_name)
{
    int error = thread_start(&l->thread, thread_main, l, thread_name);

    l->has_thread = !error;
    return error;
}

void loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stopping, true, memory_order_release);
    if (loop_here != l)
        ev_async_send(l->ev, &l->wake);
}

/* Within the loop's own thread that is a note, and no system call. */
void loop_again(struct loop *l)
{
    ev_async_send(l->ev, &l->wake);
}

void loop_join(struct loop *l)
{
    if (l->has_thread)
        pthread_join(l->thread, NULL);
    l->has_thread = false;
}

unsigned loop_drain(struct loop *l)
{
    struct loop *before = loop_here;
    bool left;

    loop_here = l;
    l->now_ms = clock_mono_ms();
    unsigned n = drain(l, STOP_MAILS, INT64_MAX, &left);
    loop_here = before;
    return n;
}

void loop_finish(struct loop *l)
{
    if (!l->ev)
        return;
    for (int i = 0; i < l->actor_count; i++) {
        struct actor *a = l->actors[i];
        int64_t left = actor_depth(a);
        if (left)
            log_event(LOG_LEVEL_ERROR, "mail_undelivered", LOG_TEXT("actor", a->name),
                      LOG_INT("mails", left),
                      LOG_TEXT("msg", "a bug: mail was posted to a loop that had ended"));
        cds_wfcq_destroy(&a->head, &a->tail);
        a->loop = NULL;
    }
    ev_async_stop(l->ev, &l->wake);
    ev_prepare_stop(l->ev, &l->prepare);
    ev_check_stop(l->ev, &l->check);
    ev_timer_stop(l->ev, &l->tick);
    ev_loop_destroy(l->ev);
    l->ev = NULL;
    l->actor_count = 0;
}

int actor_call(struct actor *to, void (*fn)(void *arg), void *arg)
{
    struct call *c = malloc(sizeof *c);

    if (!c)
        return -ENOMEM;
    c->fn = fn;
    c->arg = arg;
    actor_post(to, &c->mail, MAIL_CALL);
    return 0;
}
