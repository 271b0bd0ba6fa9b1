/* What plugins wait for, in the testkit: HTTP answers that the test gives, at the time of its
 * clock, and jobs that run when it says so. */
#include "base/clock.h"
#include "base/str.h"
#include "control/ask.h"
#include "hub/holds.h"
#include "kit_internal.h"
#include "loop/deliver.h"

#include <stdlib.h>

struct kit_answer { /* that the test gave: for the next request that comes */
    struct kit_answer *next;
    int64_t delay_ms;
    int status;
    char *body;
};
struct kit_ask { /* a request that came */
    struct kit_ask *next;
    struct ask *ask;
    int64_t at_ms;
    int status;
    char *body;
};

/* The hub hands jobs over by a function without a kit: they are known by who asked. */
static struct worker_job *jobs, **jobs_end = &jobs;

static int keep_job(struct worker_job *j, struct actor *asker)
{
    j->asker = asker;
    j->mail.node.next = NULL;
    *jobs_end = j;
    jobs_end = (struct worker_job **)&j->mail.node.next;
    return 0;
}

/* The first that this kit's hub asked for; NULL: there is none. */
static struct worker_job *take_job(kit *k)
{
    struct worker_job **at = &jobs, *j;

    while (*at && (*at)->asker != hub_actor(k->hub))
        at = (struct worker_job **)&(*at)->mail.node.next;
    j = *at;
    if (!j)
        return NULL;
    *at = (struct worker_job *)j->mail.node.next;
    if (!*at)
        jobs_end = at;
    return j;
}

static int run_jobs(kit *k)
{
    struct worker_job *j;
    int n = 0;

    while ((j = take_job(k))) {
        enum domain before = domain_enter(DOMAIN_WORKER);

        j->job(j);
        domain_leave(before);
        actor_post(j->asker, &j->mail, MAIL_WORKED);
        n++;
    }
    return n;
}

int kit_work(kit *k)
{
    int n = run_jobs(k);

    kit_run(k);
    return n;
}

void kit_work_later(kit *k, bool later)
{
    k->work_later = later;
    if (!later)
        kit_work(k);
}

/* --- the web --- */

void kit_web(kit *k, int64_t delay_ms, int status, const char *json)
{
    struct kit_answer *a = calloc(1, sizeof *a), **end = &k->web;

    if (!a)
        abort();
    a->delay_ms = delay_ms;
    a->status = status;
    a->body = strdup(json ? json : "");
    while (*end)
        end = &(*end)->next;
    *end = a;
}

const char *kit_web_seen(kit *k)
{
    return k->web_seen;
}

const char *kit_web_asked(kit *k)
{
    return k->web_asked;
}

int kit_web_count(kit *k)
{
    return k->web_count;
}

static void drop_answer(struct kit_answer *a)
{
    free(a->body);
    free(a);
}

/* In the order of their times; of the same time the first that came is the first. */
static void wait(kit *k, struct kit_ask *w)
{
    struct kit_ask **at = &k->asks;

    while (*at && (*at)->at_ms <= w->at_ms)
        at = &(*at)->next;
    w->next = *at;
    *at = w;
}

void kit_take_ask(kit *k, struct ask *ask)
{
    struct kit_answer *a = k->web;
    struct kit_ask *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    free(k->web_seen);
    free(k->web_asked);
    k->web_seen = strdup(ask->body.p ? ask->body.p : "");
    if (asprintf(&k->web_asked, "%s %s", ask->method, ask->url) < 0)
        abort();
    k->web_count++;
    w->ask = ask;
    w->at_ms = clock_mono_ms();
    w->status = -ECONNREFUSED;
    if (a) {
        k->web = a->next;
        w->at_ms += a->status ? a->delay_ms : ask->deadline_ms; /* it comes home in any case */
        w->status = a->status ? a->status : -ETIMEDOUT;
        w->body = a->body;
        a->body = NULL;
        drop_answer(a);
    }
    wait(k, w);
}

static void answer(struct kit_ask *w)
{
    bool failed = w->status < 0;

    ask_fill(w->ask, failed ? w->status : 0, failed ? 0 : w->status,
             w->body && !failed ? str_of(w->body) : PARLEY_NONE,
             failed ? strerror(-w->status) : NULL);
    ask_send_home(w->ask);
    free(w->body);
    free(w);
}

/* What is due. True: something was set in motion. */
bool kit_wait_run(kit *k)
{
    int64_t now = clock_mono_ms();
    bool moved = !k->work_later && run_jobs(k) > 0;
    struct kit_ask *w;

    while ((w = k->asks) && w->at_ms <= now) {
        k->asks = w->next;
        answer(w);
        moved = true;
    }
    return moved;
}

int64_t kit_wait_next(const kit *k)
{
    return k->asks ? k->asks->at_ms : INT64_MAX;
}

void kit_wait_init(kit *k)
{
    hub_asks(k->hub, &k->pump);
    hub_works(k->hub, keep_job);
}

int kit_wait_left(const kit *k)
{
    return (int)holds_left(k->hub);
}

/* As when the daemon ends: jobs run to their end, requests are called off. */
void kit_wait_quiesce(kit *k)
{
    struct kit_ask *w;

    run_jobs(k);
    while ((w = k->asks)) {
        k->asks = w->next;
        w->status = -ECANCELED;
        answer(w);
    }
}

void kit_wait_finish(kit *k)
{
    struct kit_answer *a;

    while ((a = k->web)) {
        k->web = a->next;
        drop_answer(a);
    }
    free(k->web_seen);
    free(k->web_asked);
}
