/* What is known of each section that judges: its mode, what it may take, its breaker, and its
 * counts. Kept by judge.c (verdicts) and budget.c (time) beside every instance. [hub]
 */
#ifndef HUB_JUDGE_H
#define HUB_JUDGE_H
#include "base/metrics.h"

#include <parley/plugin.h>

struct hub;
struct hold_end;
struct hub_client;
struct message;
struct outcome;
struct plugin_hub;
struct plugin_instance;

#define BREAKER_OVER 5 /* calls over the budget within the window open the breaker */

enum hook { /* what was called: named in records and in the log */
            HOOK_MESSAGE,
            HOOK_ANSWER,
            HOOK_SETTLED,
            HOOK_CONNECT,
            HOOK_DISCONNECT,
            HOOK_JOIN,
            HOOK_LEAVE,
            HOOK_GREET,
            HOOK_TIMER,
            HOOK_ROUTE,
            HOOKS
};
enum judged { /* what a record tells, and what is counted */
              JUDGED_REJECT,
              JUDGED_DROP,
              JUDGED_DONE,
              JUDGED_HOLD,
              JUDGED_FAIL,
              JUDGED_EDIT, /* a shadowed section would have changed the message, and let it pass */
              JUDGED_VERDICTS,    /* from here on no verdicts: */
              JUDGED_OVER_BUDGET, /* a call took longer than the section may */
              JUDGED_OPENED,      /* its breaker opened: it is passed over for a while, */
              JUDGED_CLOSED,      /* and asked again */
              JUDGED_KINDS
};
enum breaker { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_TRIAL }; /* TRIAL: one call shall tell */

struct judge { /* one an instance */
    struct metric *verdicts[JUDGED_VERDICTS];
    struct metric *calls, *seconds, *over_budget, *interrupted, *skipped, *discarded, *breaker;
    int64_t budget_ns; /* 0: none */
    int64_t usual_ns;  /* that on_message takes: a mean of late calls that were timed */
    int64_t rests_until_ns;
    struct {
        int64_t at_ns;
        double calls; /* counted by then */
    } over[BREAKER_OVER];
    unsigned over_next;
    int64_t logged_ns; /* when a breach was told last, */
    uint32_t unlogged; /* and how many were not since */
};
/* The hub's watch: when the call that runs began, or before. See budget.c */
struct watch {
    int64_t at_ns, tick_ns;
    int64_t cpu_ns;              /* that the thread had used at about that time, */
    int64_t waited, interrupted; /* and how often it had waited, and made way for others */
    bool exact, always_exact;
};

/* judge.c: one hub, one message. */
void judge_attach(struct hub *h,
                  struct plugin_instance *i); /* its counts, once it has its hub_side */
/* end: of a wait there; NULL: it is asked for the first time. HOLD: m->hold has it. */
parley_verdict judge_link(struct hub *h, struct message *m, const struct plugin_hub *hub,
                          const struct hold_end *end);
/* What a shadowed hub asked about a message has come, or its time is over: it says what it would
 * have said of the copy that waited. end NULL: nobody asks it any more. */
void judge_shadow_end(struct hub *h, struct message *take_copy, const struct plugin_hub *hub,
                      const struct hold_end *end);
/* Makes sense of what a hook returned; *o is what it said meanwhile. PASS, DONE, DROP or REJECT. */
parley_verdict judge_verdict(struct plugin_instance *i, struct outcome *o, parley_verdict v);
/* The same for on_connect and on_join (`channel`; absent: none): counted, and kept as a record.
 * REJECT or PASS. */
parley_verdict judge_client(struct hub *h, struct plugin_instance *i, const struct hub_client *c,
                            parley_str channel, struct outcome *o, parley_verdict v,
                            int64_t took_ns);
/* What a shadowed section asked for is not done: counted. Always 0, as if it were done. */
int judge_discard(struct plugin_instance *i);
/* Before a shadowed hook changes m's payload: what it was is kept aside until the hook is over. */
void judge_keep_payload(struct message *m);

/* budget.c */
void budget_attach(struct hub *h, struct plugin_instance *i);
/* A chain begins, or goes on after something else ran. */
void budget_begin(struct hub *h);
/* Around a call of on_message. Nanoseconds that it took: measured, or as long as it usually does.
 */
void budget_call(struct hub *h, const struct plugin_instance *i);
int64_t budget_called(struct hub *h, struct plugin_instance *i);
void budget_settled(struct hub *h, struct plugin_instance *i); /* on_settled has returned */
/* Hooks outside of chains: budget_start() before, budget_end() after; how long it took. */
int64_t budget_start(struct hub *h);
int64_t budget_end(struct hub *h, struct plugin_instance *i, enum hook hook, int64_t start_ns);
/* Whether a section whose breaker is not closed is asked about a message all the same: on trial. */
bool budget_lets(struct plugin_instance *i);
#endif
