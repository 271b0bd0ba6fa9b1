/* What waits, from the hook that asked for it to the moment when it goes on.
 *
 * A wait ends by an answer, a job that has returned, a resume, its deadline, or the end of the
 * server; then its message is judged by that at the link where it waited, and goes on behind it. No
 * hook runs within a hook: what is resumed goes on at the end of the turn. A hold lives until what
 * it sent out has come back, so a late answer always finds whose it was.
 */
#include "hub/holds.h"

#include "base/log.h"
#include "base/str.h"
#include "control/ask.h"

#include <stdlib.h>

struct holds *holds_new(void)
{
    struct holds *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->due_end = &w->due;
    w->submit = workers_submit;
    w->deadlines = timers_new();
    if (!w->deadlines) {
        free(w);
        return NULL;
    }
    return w;
}

static void count(struct plugin_instance *i, int by)
{
    i->hub_side->holds += (uint32_t)by;
    metric_set(i->hub_side->waiting, i->hub_side->holds);
}

/* --- its deadline: a timer whose key is its number --- */

static void deadline_key(const struct hold *x, char key[24])
{
    snprintf(key, 24, "%" PRIu64, x->number);
}

static void drop_deadline(struct hub *h, struct hold *x)
{
    char key[24];

    deadline_key(x, key);
    timers_cancel(h->holds->deadlines, x->instance, key);
}

static void hold_free(struct hub *h, struct hold *x)
{
    drop_deadline(h, x);
    HASH_DELETE(hh, h->holds->by_number, x);
    count(x->instance, -1);
    free(x);
}

void holds_free(struct hub *h)
{
    struct holds *w = h->holds;
    struct hold *x, *next;

    if (!w)
        return;
    HASH_ITER (hh, w->by_number, x, next) {
        message_destroy(x->message);
        if (!x->sent)
            ask_free(x->ask);
        hold_free(h, x);
    }
    lines_free(h);
    timers_free(w->deadlines);
    free(w);
    h->holds = NULL;
}

/* --- asking --- */

static const char *objection(const struct hub *h, const struct plugin_instance *i,
                             const struct message *m, int64_t deadline_ms)
{
    if (h->stopping)
        return "the server is stopping";
    if (deadline_ms < 1 || deadline_ms > HOLD_MOST_MS)
        return "a deadline must be 1 ms to 30 days";
    if (m && (m != h->current_message || (h->refusal != &m->outcome && !(i->shadow && h->refusal))))
        return "a message can wait only from within the hook that judges it";
    if (m && m->state != MESSAGE_NEW)
        return "a message that has its number cannot wait any more";
    if (m && m->hold)
        return "this message waits already";
    if (i->hub_side->holds >= HOLDS_OF_SECTION)
        return "as much waits for this section as may";
    return NULL;
}

static parley_verdict refuse(const struct plugin_instance *i, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "hub_failed", LOG_TEXT("section", i->host.section),
              LOG_TEXT("msg", why));
    return PARLEY_FAIL;
}

static int enlist(struct hub *h, struct hold *x, int64_t deadline_ms)
{
    char key[24];
    int r;

    x->number = ++h->holds->next_number;
    x->deadline_ms = clock_mono_ms() + deadline_ms;
    deadline_key(x, key);
    HASH_ADD(hh, h->holds->by_number, number, sizeof x->number, x);
    if (!x->hh.tbl)
        return -ENOMEM;
    r = timers_set(h->holds->deadlines, x->instance, key, x->deadline_ms);
    if (r < 0)
        HASH_DELETE(hh, h->holds->by_number, x);
    return r;
}

/* NULL: it cannot wait, and the log says why. */
static struct hold *begin(struct hub *h, struct plugin_instance *i, struct message *m,
                          enum hold_kind kind, int64_t deadline_ms)
{
    const char *why = objection(h, i, m, deadline_ms);
    struct hold *x = why ? NULL : calloc(1, sizeof *x);
    int r = why ? -EINVAL : x ? 0 : -ENOMEM;

    if (x) {
        x->kind = kind;
        x->instance = i;
        r = m && !i->shadow ? author_waits(h, m, &x->author) : 0; /* a shadow keeps nobody */
        if (r == -EAGAIN)
            why = "as much of its author waits as may";
        if (r == 0 && (r = enlist(h, x, deadline_ms)) < 0)
            author_done(h, x->author);
    }
    if (r < 0) {
        free(x);
        refuse(i, why ? why : "there is not enough memory");
        return NULL;
    }
    x->message = m;
    if (m)
        m->hold = x;
    count(i, 1);
    hub_arm_timer(h);
    return x;
}

static void send_ask(struct hub *h, struct hold *x)
{
    int64_t left = x->deadline_ms - clock_mono_ms();

    x->sent = true;
    x->instance->hub_side->asking++;
    x->ask->deadline_ms = left > 0 ? left : 1;
    actor_post(h->holds->asks, &x->ask->mail, MAIL_ASK);
}

parley_verdict holds_ask(struct hub *h, struct plugin_instance *i, struct message *m,
                         struct ask *take, int64_t deadline_ms, uint32_t tag)
{
    struct hold *x = h->holds->asks ? begin(h, i, m, HOLD_ASK, deadline_ms) : NULL;
    struct hub_instance *s = i->hub_side;

    if (!x) {
        ask_free(take);
        return h->holds->asks ? PARLEY_FAIL : refuse(i, "nobody here can ask over HTTP");
    }
    x->tag = tag;
    x->ask = take;
    take->home = &h->actor;
    take->asker = x;
    if (s->asking < ASKS_AT_ONCE) {
        send_ask(h, x);
    } else {
        take->next = NULL;
        *s->asks_end = take;
        s->asks_end = &take->next;
    }
    return PARLEY_HOLD;
}

parley_verdict holds_work(struct hub *h, struct plugin_instance *i, struct message *m,
                          int (*job)(void *arg, parley_out *answer), void *arg, int64_t deadline_ms,
                          uint32_t tag)
{
    struct hold *x = begin(h, i, m, HOLD_WORK, deadline_ms);
    int r;

    if (!x)
        return PARLEY_FAIL;
    x->tag = tag;
    x->work = work_new(x, job, arg);
    r = x->work ? work_submit(h, x->work) : -ENOMEM;
    if (r == 0)
        return PARLEY_HOLD;
    work_free(x->work);
    if (m)
        m->hold = NULL;
    author_done(h, x->author);
    hold_free(h, x);
    return refuse(i, r == -EAGAIN ? "too many jobs wait for a thread" : strerror(-r));
}

parley_verdict holds_message(struct hub *h, struct plugin_instance *i, struct message *m,
                             int64_t deadline_ms, parley_hold *ret)
{
    struct hold *x = begin(h, i, m, HOLD_MESSAGE, deadline_ms);

    ret->v = x ? x->number : 0;
    return x ? PARLEY_HOLD : PARLEY_FAIL;
}

/* --- the hook has returned --- */

/* It waits for a person, maybe for a day: its author must not be kept from speaking. Without memory
 * he gets his credit back later. */
static void give_credit_back(struct hub *h, struct message *m)
{
    struct mail_credit *c = m->author && !m->credited ? malloc(sizeof *c) : NULL;

    if (!c)
        return;
    c->client = m->author;
    c->bytes = m->cost_bytes;
    m->credited = true;
    hub_post(h, client_handle_pump(m->author), &c->mail, MAIL_CREDIT);
}

static void let_go(struct message *m)
{
    m->hold->message = NULL;
    m->hold = NULL;
}

bool holds_keep(struct hub *h, struct message *m, const struct plugin_hub *link)
{
    struct hold *x = m->hold;

    if (x->kind != HOLD_MESSAGE && !link->hub.on_answer) {
        refuse(x->instance, "it asks, and has no on_answer");
        return false;
    }
    x->link = link;
    if (x->kind == HOLD_MESSAGE)
        give_credit_back(h, m);
    else
        x->line = line_enter(h, x->author, m);
    return true;
}

bool holds_keep_copy(struct message *m, struct message *copy, const struct plugin_hub *link)
{
    struct hold *x = m->hold;

    if (!copy || x->kind == HOLD_MESSAGE || !link->hub.on_answer)
        return false;
    x->link = link;
    x->message = copy;
    copy->hold = x;
    m->hold = NULL;
    return true;
}

void holds_drop(struct hub *h, struct message *m)
{
    struct hold *x = m->hold;

    let_go(m);
    author_done(h, x->author);
    x->author = NULL;
    if (x->kind == HOLD_MESSAGE)
        hold_free(h, x);
}

/* --- the end of a wait --- */

static void go_on(struct hub *h, struct hold *x, const struct hold_end *end)
{
    struct message *m = x->message;
    struct author *a = x->author;
    struct line *l = x->line;

    let_go(m);
    x->author = NULL;
    x->line = NULL;
    if (x->instance->shadow)
        judge_shadow_end(h, m, x->link, end);
    else
        road_resume(h, m, x->link, end);
    if (l)
        line_leave(h, l);
    author_done(h, a);
    arena_finish(&h->hook_arena);
}

/* The hub of an instance that hears of answers to what holds no message. */
static const struct plugin_hub *listener(const struct hold *x)
{
    if (x->link)
        return x->link;
    for (const struct plugin_hub *hub = x->instance->hubs; hub; hub = hub->next)
        if (hub->hub.on_answer)
            return hub;
    return NULL;
}

static void tell(struct hub *h, struct hold *x, const parley_answer *a)
{
    const struct plugin_hub *to = listener(x);
    struct hook_before before;

    if (!to || h->stopping || x->instance->quiesced)
        return;
    before = hook_enter(h, x->instance, "on_answer", NULL, NULL);
    to->hub.on_answer(&x->instance->host, NULL, a);
    hook_leave(h, before);
    arena_finish(&h->hook_arena);
}

static void answer(struct hub *h, struct hold *x, const parley_answer *a)
{
    const struct hold_end end = {.answer = a};

    if (x->message)
        go_on(h, x, &end);
    else
        tell(h, x, a);
}

/* The next one of that section may go out; those whose time is over have left the line before. */
static void send_next(struct hub *h, struct hub_instance *s)
{
    struct ask *a = s->asks;

    s->asking--;
    if (!a || h->stopping)
        return;
    s->asks = a->next;
    if (!s->asks)
        s->asks_end = &s->asks;
    send_ask(h, a->asker);
}

void holds_answered(struct hub *h, struct ask *take)
{
    struct hold *x = take->asker;
    parley_answer a = {.struct_size = sizeof a,
                       .tag = x->tag,
                       .error = take->error,
                       .status = take->status,
                       .json = take->json};

    if (!a.error)
        a.body = (parley_str){take->answer.p ? take->answer.p : "", take->answer.n};
    else
        log_event(LOG_LEVEL_DEBUG, "ask_failed", LOG_TEXT("section", x->instance->host.section),
                  LOG_INT("error", a.error), LOG_TEXT("msg", take->why));
    x->ask = NULL;
    send_next(h, x->instance->hub_side);
    if (!x->over)
        answer(h, x, &a);
    hold_free(h, x);
    ask_free(take);
}

void holds_worked(struct hub *h, struct hold *x, parley_answer *a)
{
    x->work = NULL;
    if (x->over)
        a->error = -ETIMEDOUT;
    answer(h, x, a);
    hold_free(h, x);
}

static void leave_queue(struct hub_instance *s, struct ask *a)
{
    struct ask **at = &s->asks;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (!*at)
        s->asks_end = at;
}

/* Nothing of it comes any more, or what does is too late. */
static void time_out(struct hub *h, struct hold *x)
{
    parley_answer a = {.struct_size = sizeof a, .tag = x->tag, .error = -ETIMEDOUT};
    const struct hold_end failed = {.verdict = PARLEY_FAIL};

    x->over = true;
    if (x->kind == HOLD_ASK)
        answer(h, x, &a);
    else if (x->message)
        go_on(h, x, &failed);
    if (x->ask && !x->sent) {
        leave_queue(x->instance->hub_side, x->ask);
        ask_free(x->ask);
        x->ask = NULL;
    }
    if (!x->ask && !x->work)
        hold_free(h, x);
}

void holds_tick(struct hub *h, int64_t now_ms)
{
    struct plugin_instance *i;
    struct hold *x;
    bool durable;
    char *key;

    while (!h->stopping && timers_take(h->holds->deadlines, now_ms, &i, &key, &durable)) {
        uint64_t number = strtoull(key, NULL, 10);

        free(key);
        HASH_FIND(hh, h->holds->by_number, &number, sizeof number, x);
        if (x)
            time_out(h, x);
    }
}

int64_t holds_next(const struct hub *h)
{
    return timers_next(h->holds->deadlines);
}

/* --- by the plugin's own word --- */

/* Whoever has the handle: a plugin may hold for another one, through a service. */
static struct hold *find(struct hub *h, parley_hold held)
{
    struct hold *x;

    HASH_FIND(hh, h->holds->by_number, &held.v, sizeof held.v, x);
    return x && x->kind == HOLD_MESSAGE && x->message && x->link && !x->due ? x : NULL;
}

struct message *holds_peek(struct hub *h, parley_hold held)
{
    struct hold *x = find(h, held);

    return x ? x->message : NULL;
}

int holds_resume(struct hub *h, parley_hold held, parley_verdict v)
{
    struct hold *x = find(h, held);
    struct outcome *why = h->refusal ? h->refusal : &h->loose;

    if (!x)
        return -ENOENT;
    if (v < PARLEY_PASS || v > PARLEY_FAIL || v == PARLEY_HOLD)
        return -EINVAL;
    if (v == PARLEY_REJECT && why->code) {
        x->outcome = *why;
        x->outcome.text = arena_str(&x->message->arena, why->text);
        x->outcome.rule = arena_str(&x->message->arena, why->rule);
        memset(why, 0, sizeof *why);
    }
    drop_deadline(h, x);
    x->due = true;
    x->verdict = v;
    x->next_due = NULL;
    *h->holds->due_end = x;
    h->holds->due_end = &x->next_due;
    return 0;
}

void holds_run(struct hub *h)
{
    struct hold *x;

    while ((x = h->holds->due)) {
        const struct hold_end end = {.verdict = x->verdict};

        h->holds->due = x->next_due;
        if (!h->holds->due)
            h->holds->due_end = &h->holds->due;
        x->message->outcome = x->outcome;
        go_on(h, x, &end);
        hold_free(h, x);
    }
}

/* --- the end of all --- */

static void refuse_message(struct hub *h, struct hold *x)
{
    struct message *m = x->message;
    struct author *a = x->author;
    struct line *l = x->line;

    let_go(m);
    x->author = NULL;
    x->line = NULL;
    if (x->instance->shadow)
        judge_shadow_end(h, m, x->link, NULL);
    else
        road_refuse_stopping(h, m);
    if (l)
        line_leave(h, l);
    author_done(h, a);
}

/* What was decided is done; then, with h->stopping set, nothing is judged any more. */
void holds_quiesce(struct hub *h)
{
    struct hold *x, *next;

    holds_run(h);
    h->stopping = true;
    HASH_ITER (hh, h->holds->by_number, x, next) {
        x->over = true;
        if (x->message)
            refuse_message(h, x);
        if (x->ask && !x->sent) {
            leave_queue(x->instance->hub_side, x->ask);
            ask_free(x->ask);
            x->ask = NULL;
        }
        if (!x->ask && !x->work)
            hold_free(h, x);
    }
}

uint32_t holds_of(const struct plugin_instance *i)
{
    return i->hub_side ? i->hub_side->holds : 0;
}

uint32_t holds_left(const struct hub *h)
{
    uint32_t n = 0;

    for (const struct hold *x = h->holds->by_number; x; x = x->hh.next)
        n += !x->over;
    return n;
}

/* --- another registry --- */

void holds_moved(struct hub *h, const struct registry *old, const struct hub_chains *old_chains)
{
    for (struct hold *x = h->holds->by_number; x; x = x->hh.next)
        if (x->message && x->link)
            chain_move(h, x->message, old, old_chains);
}

bool holds_refer(const struct hub *h, const struct plugin_instance *i)
{
    for (const struct hold *x = h->holds->by_number; x; x = x->hh.next)
        if (x->message && x->message->type && x->message->type->instance == i)
            return true;
    return lines_refer(h, i);
}
