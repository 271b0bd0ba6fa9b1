/* What waits: messages that a hub holds (for an answer, a job, or a person), and asks and jobs that
 * hold none.
 *
 * A message waits at one link of the chain, and goes on behind it. Its author's later messages in
 * the same channel wait in a line (lines.c) while an ask or a job holds one of his; nobody waits
 * for what a person is to look at. One struct hold a wait: it names the message, the link and the
 * instance, and is counted there (holds_of). [hub]
 */
#ifndef HUB_HOLDS_H
#define HUB_HOLDS_H
#include "hub/internal.h"

enum {
    HOLDS_OF_SECTION = 4096, /* most of a section */
    HOLDS_OF_AUTHOR = 64,    /* messages of one user, what waits in lines included */
    ASKS_AT_ONCE = 64,       /* of a section over the network; more wait here, in order */
};
#define HOLD_MOST_MS (INT64_C(30) * 24 * 60 * 60 * 1000) /* the longest deadline */

enum hold_kind { HOLD_ASK, HOLD_WORK, HOLD_MESSAGE };
struct ask;
struct work;
struct author;
struct line;
struct hold_end {                /* how a wait ended */
    const parley_answer *answer; /* told to on_answer; NULL: `verdict` it is */
    parley_verdict verdict;
};
struct hold {
    uint64_t number; /* the plugin's handle */
    UT_hash_handle hh;
    struct hold *next_due;
    enum hold_kind kind;
    struct plugin_instance *instance; /* that asked, and is asked again */
    const struct plugin_hub *link;    /* whose message it is; without one: who is told. Or NULL */
    struct message *message;          /* NULL: it holds none, or no longer */
    struct author *author;            /* of the message: counted there */
    struct line *line;                /* ASK, WORK: the author's later messages wait in it */
    struct ask *ask;                  /* ASK: until it came back */
    struct work *work;                /* WORK: likewise */
    int64_t deadline_ms;              /* monotonic */
    uint32_t tag;
    bool sent; /* ASK: it is the control loop's */
    bool over; /* its deadline has passed: what comes back is too late */
    bool due;  /* resumed: goes on at the end of this turn, as `verdict` and `outcome` say */
    parley_verdict verdict;
    struct outcome outcome; /* REJECT: why; in the message's arena */
};
struct holds {
    struct hold *by_number;
    uint64_t next_number;
    struct hold *due, **due_end;
    struct timers *deadlines;
    struct actor *asks; /* where asks go; NULL: nowhere */
    int (*submit)(struct worker_job *j, struct actor *asker);
    struct author *authors; /* of whom something waits */
};
struct holds *holds_new(void);
void holds_free(struct hub *h); /* what is left is destroyed */
/* What hooks ask for (plugin/api_wait.c): HOLD, or FAIL and the log says why. m NULL: none. */
parley_verdict holds_ask(struct hub *h, struct plugin_instance *i, struct message *m,
                         struct ask *take, int64_t deadline_ms, uint32_t tag);
parley_verdict holds_work(struct hub *h, struct plugin_instance *i, struct message *m,
                          int (*job)(void *arg, parley_out *answer), void *arg, int64_t deadline_ms,
                          uint32_t tag);
parley_verdict holds_message(struct hub *h, struct plugin_instance *i, struct message *m,
                             int64_t deadline_ms, parley_hold *ret);
struct message *holds_peek(struct hub *h, parley_hold held);         /* NULL: it waits no longer */
int holds_resume(struct hub *h, parley_hold held, parley_verdict v); /* -ENOENT, -EINVAL */
/* The hook that judged m has returned HOLD, and something holds it: here it stays. False: it does
 * not wait after all; what was asked goes on without it. */
bool holds_keep(struct hub *h, struct message *m, const struct plugin_hub *link);
void holds_drop(struct hub *h, struct message *m);
/* Of a shadowed hub: what it asked goes on with a copy of the message, and m goes on without it.
 * False: it holds for a person, has no on_answer, or there is no copy (NULL); nothing was done. */
bool holds_keep_copy(struct message *m, struct message *copy, const struct plugin_hub *link);
void holds_answered(struct hub *h, struct ask *take); /* MAIL_ANSWERED */
void holds_run(struct hub *h);                        /* those that are due */
void holds_tick(struct hub *h, int64_t now_ms);       /* deadlines */
int64_t holds_next(const struct hub *h);              /* the next one; INT64_MAX: none */
void holds_quiesce(struct hub *h); /* all that waits is refused; what comes back reaches nobody */
/* How many waits of an instance are not over: while there is one, it must not go. */
uint32_t holds_of(const struct plugin_instance *i);
/* The hub has another registry: what waits goes on in its chain. */
void holds_moved(struct hub *h, const struct registry *old, const struct hub_chains *old_chains);
/* Whether a message that waits is of a type of that instance. */
bool holds_refer(const struct hub *h, const struct plugin_instance *i);
uint32_t holds_left(const struct hub *h); /* of all, those that nobody has ended yet */
/* work.c */
struct work *work_new(struct hold *x, int (*job)(void *arg, parley_out *answer), void *arg);
int work_submit(struct hub *h, struct work *w);
void work_free(struct work *w); /* takes NULL */
void holds_worked(struct hub *h, struct hold *x, parley_answer *a);
/* lines.c */
/* One more of m's author waits. *ret NULL: he is no longer known, and not counted. -EAGAIN: as many
 * as may; -ENOMEM */
int author_waits(struct hub *h, struct message *m, struct author **ret);
void author_done(struct hub *h, struct author *a); /* takes NULL */
/* Behind m his messages wait, until line_leave. NULL: no memory, or nobody can be told apart. */
struct line *line_enter(struct hub *h, struct author *a, struct message *m);
void line_leave(struct hub *h, struct line *l); /* and runs what waits, as far as it may */
/* Whether m has to wait behind another one of its author's; then it is taken. While h->lines. */
bool line_behind(struct hub *h, struct message *take);
void lines_closed(struct hub *h, client_handle c); /* thrown out: what he said is not for others */
bool lines_refer(const struct hub *h, const struct plugin_instance *i); /* see holds_refer */
void lines_free(struct hub *h);
#endif
