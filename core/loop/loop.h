/* Loops, actors, and the mail between them.
 *
 * An actor (control, hub, a pump) owns its objects and is spoken to by mail alone; a loop is a
 * thread with libev on which one or two actors live. Mail is posted from anywhere, and delivered in
 * the loop's prepare step, in the order in which it was posted to that actor; then every actor may
 * flush. So nothing runs inside somebody else's callback.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H
#include "loop/domain.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <urcu/wfcqueue.h>

struct mail { /* first member of whatever is posted; the receiver owns it */
    struct cds_wfcq_node node;
    uint32_t kind; /* enum mail_kind of loop/mail.h, or private to the two who talk */
};

struct loop;
struct actor {
    /* the reader's cache line */
    struct cds_wfcq_head head __attribute__((aligned(64)));
    void (*on_mail)(struct actor *a, struct mail *m);
    enum domain domain;
    /* the writers' */
    struct cds_wfcq_tail tail __attribute__((aligned(64)));
    _Atomic int64_t depth; /* posted and not yet delivered */
    struct loop *loop;
    const char *name; /* "hub", "pump 0", for the log */
    /* After each drain, in the prepare step; may be NULL. May post; then the loop drains again. */
    void (*flush)(struct actor *a);
    void (*on_tick)(struct actor *a, int64_t now_ms); /* once a second; may be NULL */
};

#define LOOP_ACTORS 4
#define LOOP_DUE    8
struct loop {
    struct ev_loop *ev;
    /* Every poster looks at it: it lies apart from what the loop writes in each turn. */
    _Atomic bool dozing;
    ev_async wake;
    ev_prepare prepare;
    ev_check check;
    ev_timer tick;
    struct actor *actors[LOOP_ACTORS];
    int actor_count;
    pthread_t thread;
    bool has_thread;
    _Atomic bool stopping;
    int64_t now_ms; /* monotonic, of this turn */
    /* Others whose mailboxes this one filled, and who are not woken yet; its own thread's. */
    struct loop *due[LOOP_DUE];
    int due_count;
    unsigned due_posts;   /* what it posted since the first of them */
    int64_t due_since_ms; /* coarse */
};

/* main_loop: the process's default libev loop, the one with signals. 0 or -ENOMEM */
int loop_init(struct loop *l, bool main_loop);
/* Before it runs; the caller filled name, domain, callbacks. */
void loop_add(struct loop *l, struct actor *a);
/* Runs it in a thread of its own, with all signals blocked. 0 or -Exxx */
int loop_start(struct loop *l, const char *thread_name);
void loop_run(struct loop *l); /* runs it in this thread, until loop_stop */
/* [any] It ends after its current turn; mail already posted is delivered first. */
void loop_stop(struct loop *l);
void loop_again(struct loop *l); /* on its own thread: the next poll does not block */
/* On its own thread, in a flush: it will wake by itself (a timer of the caller's) soon enough for
 * patient mail, which until then wakes nobody. Over when it wakes, and before the next flush. */
void loop_doze(struct loop *l);
void loop_join(struct loop *l);
/* After it ended: delivers in this thread what was posted since, as the loop would have; number of
 * mails. */
unsigned loop_drain(struct loop *l);
void loop_finish(struct loop *l); /* undelivered mail is a bug, and logged as one */

/* [any] Never blocks. Wakes the loop on empty to non-empty, unless it is this thread's. Posted from
 * another loop, the wake-up comes when that one has delivered its own mail, or some of it. */
void actor_post(struct actor *to, struct mail *m, uint32_t kind);
/* The same for mail that has time: while the loop dozes, it lies there until the loop wakes, unless
 * it becomes much. */
void actor_post_patient(struct actor *to, struct mail *m, uint32_t kind);
static inline int64_t actor_depth(const struct actor *a)
{
    return atomic_load_explicit(&a->depth, memory_order_relaxed);
}
/* [any] Runs fn(arg) on the actor's loop, in its domain and in the order of its mail. 0, -ENOMEM */
int actor_call(struct actor *to, void (*fn)(void *arg), void *arg);
enum { MAIL_CALL = 1, MAIL_FIRST = 16 };

/* Workers: a few threads for what blocks. job runs there ([worker]); done runs on the actor that
 * asked. */
struct worker_job {
    struct mail mail;
    void (*job)(struct worker_job *j);
    void (*done)(struct worker_job *j);
    struct actor *asker;
};
int workers_start(int threads); /* 1..64 */
/* [any] 0, -EAGAIN: 1,024 are waiting, -ESHUTDOWN */
int workers_submit(struct worker_job *j, struct actor *asker);
void workers_stop(void); /* finishes what runs, and calls what waits */
#endif
