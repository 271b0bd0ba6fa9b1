/* The latest verdicts: who was told what by which section, and why; and what shadowed sections
 * would have said. A ring of as many as `[server] verdicts` says.
 *
 * Written by the hub, read from any thread under a lock that is held for copying alone.
 */
#ifndef HUB_VERDICTS_H
#define HUB_VERDICTS_H
#include "hub/judge.h"

struct buf;
struct verdicts;
struct verdicts *verdicts_new(size_t most); /* NULL: no memory. `most` 0: none is kept */
void verdicts_free(struct verdicts *v);     /* takes NULL */

struct verdict_of { /* what a record is about; all borrowed */
    enum hook hook;
    const struct message *message; /* or NULL, and then: */
    parley_str user, channel;
    parley_code code;
    parley_str rule;
    int64_t us; /* that the call took; of a message that was not timed hook by hook, since its chain
                   began */
};
/* Counts a verdict, and keeps it. [hub] */
void verdicts_add(struct hub *h, struct plugin_instance *i, enum judged kind,
                  const struct verdict_of *of);

struct verdict_filter {
    parley_str section, user, channel, verdict; /* absent: any. "reject", "drop", … */
    int64_t since_unix_ms;                      /* 0: all */
    size_t limit;                               /* 0: VERDICTS_LIMIT */
};
#define VERDICTS_LIMIT 100
#define VERDICTS_MOST  1000 /* told at a time */
/**
 * Write what matches as JSON: {"verdicts":[{"time":…,"section":…,"verdict":"reject",…},…]}, the
 * latest first.
 *
 * @param v   Of hub_verdicts().
 * @param to  Appended to; its error says when there was no memory.
 * [any]
 */
void verdicts_query(struct verdicts *v, const struct verdict_filter *f, struct buf *to);
/* The same from the words of a request, NULL or "" where one was not given. since: "10m", of the
 * last ten minutes. 0; -EINVAL and what is wrong: one sentence for who asked. [any] */
struct verdict_words {
    const char *section, *user, *channel, *verdict, *since, *limit;
};
int verdicts_filter(const struct verdict_words *w, struct verdict_filter *ret, const char **why);
const char *verdicts_hook(enum hook hook);   /* "on_message" */
const char *verdicts_word(enum judged kind); /* "reject" */
#endif
