/* Jobs of hub plugins on the worker threads: what a job wrote becomes an answer there, so that the
 * hub only hands it over.
 *
 * A job cannot be called off. Until it has returned its hold stays, whatever became of the message,
 * and on_answer is called once behind it: from then on what the job was given is the plugin's
 * again. */
#include "hub/holds.h"
#include "message/value.h"

#include <stdlib.h>

#define ANSWER_LIMIT (1 << 20)

enum { JSON_DEPTH = 32, JSON_TOKENS = 65536 };

struct work {
    struct worker_job job; /* first */
    struct hub *hub;
    struct hold *hold;
    int (*run)(void *arg, parley_out *answer);
    void *arg;
    struct out out;
    int result;
    struct arena arena;
    const parley_value *json;
};

static void run(struct worker_job *j)
{
    struct work *w = (struct work *)j;
    struct crumb_before before;
    const struct value *v;
    const char *why;
    int error;

    before = plugin_enter(w->hold->instance, "work");
    w->result = w->run(w->arg, &w->out.pub);
    crumb_leave(before);
    error = out_end(&w->out);
    if (!error)
        error = value_parse(&w->arena, (parley_str){w->out.text.p, w->out.text.n}, JSON_DEPTH,
                            JSON_TOKENS, &v, &why);
    if (!error)
        w->json = &v->pub;
    else if (w->result >= 0)
        w->result = error;
}

static void done(struct worker_job *j)
{
    struct work *w = (struct work *)j;
    parley_answer a = {.struct_size = sizeof a,
                       .tag = w->hold->tag,
                       .error = w->result < 0 ? w->result : 0,
                       .status = w->result < 0 ? 0 : w->result,
                       .json = w->json};

    if (!a.error)
        a.body = (parley_str){w->out.text.p, w->out.text.n};
    holds_worked(w->hub, w->hold, &a);
    arena_finish(&w->hub->hook_arena);
    work_free(w);
}

struct work *work_new(struct hold *x, int (*job)(void *arg, parley_out *answer), void *arg)
{
    struct work *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->job.job = run;
    w->job.done = done;
    w->hold = x;
    w->run = job;
    w->arg = arg;
    out_init(&w->out, ANSWER_LIMIT);
    arena_init(&w->arena, 4096);
    return w;
}

int work_submit(struct hub *h, struct work *w)
{
    w->hub = h;
    return h->holds->submit(&w->job, &h->actor);
}

void work_free(struct work *w)
{
    if (!w)
        return;
    out_finish_memory(&w->out);
    arena_finish(&w->arena);
    free(w);
}
