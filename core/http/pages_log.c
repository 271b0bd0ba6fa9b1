/* /admin/log: its level, read and set; and its latest lines, for whoever follows it.
 *
 * GET /admin/log/lines?after=N answers at once if there are lines behind N, else when some come, or
 * empty after a few seconds: then he asks again. Nothing is kept for anybody: a slow reader misses
 * what the ring has dropped, and is told how many lines. [control]
 */
#include "base/clock.h"
#include "base/log_ring.h"
#include "base/str.h"
#include "base/units.h"
#include "control/control.h"
#include "http/pages_internal.h"

#include <stdlib.h>

enum {
    WAITERS_MOST = 32,
    WAIT_MS = 5000, /* below the time in which an answer must come */
    ANSWER_BYTES = 64 * 1024,
    TAIL_MOST = 1000,
};
#define LOOK_S 0.1 /* how often it is looked for new lines, while somebody waits */

struct log_waiter { /* in its request's arena */
    struct log_waiter *next;
    struct http_request *request;
    uint64_t after;
    enum log_level least;
    int64_t until_ms;
};
static struct { /* of the process: who follows need not notice a reload */
    struct ev_loop *ev;
    struct log_waiter *waiters;
    unsigned count, users;
    ev_timer timer;
} follow;

/* --- the level --- */

static int answer_level(struct http_request *q)
{
    buf_addf(&q->answer, "{\"level\":\"%s\"}\n", log_level_name(log_level()));
    q->status = 200;
    return 0;
}

static int serve_level(struct http_request *q, void *context)
{
    (void)context;
    return answer_level(q);
}

static int serve_set_level(struct http_request *q, void *context)
{
    parley_str name = parley_as_str(parley_get(q->json, "level"));
    enum log_level level, before = log_level();

    (void)context;
    if (!name.p || log_level_parse(name.p, &level) < 0) {
        http_answer_error(q, 400, "'level' must be debug, info, warning or error.");
        return 0;
    }
    if (level != before) {
        log_set_level(level < before ? level : before); /* at either, it is told */
        log_event(LOG_LEVEL_WARNING, "log_level", LOG_TEXT("from", log_level_name(before)),
                  LOG_TEXT("to", log_level_name(level)), LOG_STR("by", q->address));
        log_set_level(level);
    }
    return answer_level(q);
}

/* --- the lines --- */

/* Whether anything was there to be told. */
static bool write_lines(struct log_waiter *w, bool at_once)
{
    struct buf *b = &w->request->answer;
    uint64_t missed, next;

    buf_add_cstr(b, "{\"lines\":[");
    size_t before = b->n;
    next = log_ring_read(w->after, w->least, ANSWER_BYTES, b, &missed);
    if (b->n == before && !missed && !at_once) {
        buf_clear(b);
        w->after = next; /* what was passed over is not looked at again */
        return false;
    }
    buf_addf(b, "],\"next\":%" PRIu64 ",\"missed\":%" PRIu64 "}\n", next, missed);
    w->request->status = 200;
    return true;
}

static void on_look(struct ev_loop *ev, ev_timer *t, int events)
{
    struct log_waiter **at = &follow.waiters, *w;
    int64_t now = clock_mono_ms();
    enum domain before = domain_enter(DOMAIN_CONTROL);

    (void)events;
    while ((w = *at)) {
        if (!write_lines(w, now >= w->until_ms)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        follow.count--;
        page_home(w->request);
    }
    if (!follow.waiters)
        ev_timer_stop(ev, t);
    domain_leave(before);
}

static bool read_number(const struct http_request *q, const char *name, int64_t most, int64_t *ret)
{
    parley_str v = http_query(q, name);

    return !v.p || (units_int(v, ret) == 0 && *ret >= 0 && *ret <= most);
}

static int serve_lines(struct http_request *q, void *context)
{
    struct log_waiter *w = arena_zalloc(&q->arena, sizeof *w);
    parley_str least = http_query(q, "level");
    int64_t after = -1, tail = 0;

    (void)context;
    if (!w)
        return -ENOMEM;
    if (least.p && log_level_parse(least.p, &w->least) < 0) {
        http_answer_error(q, 400, "'level' must be debug, info, warning or error.");
        return 0;
    }
    if (!read_number(q, "after", INT64_MAX, &after) || !read_number(q, "tail", TAIL_MOST, &tail)) {
        http_answer_error(q, 400, "'after' is the 'next' of the answer before, 'tail' 0..1000.");
        return 0;
    }
    w->request = q;
    /* a number of another life of the daemon is none of this one's */
    w->after = after < 0 || (uint64_t)after > log_ring_last()
                   ? log_ring_tail((unsigned)tail, w->least)
                   : (uint64_t)after;
    if (write_lines(w, after < 0))
        return 0;
    if (follow.count == WAITERS_MOST) {
        http_answer_error(q, 503, "Too many follow the log already.");
        return 0;
    }
    w->until_ms = clock_mono_ms() + WAIT_MS;
    w->next = follow.waiters;
    follow.waiters = w;
    follow.count++;
    ev_timer_again(follow.ev, &follow.timer);
    return -EINPROGRESS;
}

int page_log_add(struct pages *p, struct http_routes *to, const char *role)
{
    int error = page_admin_add(p, to, HTTP_GET, "/admin/log", role, serve_level);

    if (follow.users++ == 0) {
        follow.ev = control_loop(p->context.control)->ev;
        ev_timer_init(&follow.timer, on_look, LOOK_S, LOOK_S);
    }
    error = error ? error : page_admin_add(p, to, HTTP_POST, "/admin/log", role, serve_set_level);
    return error ? error : page_admin_add(p, to, HTTP_GET, "/admin/log/lines", role, serve_lines);
}

void page_log_finish(void)
{
    struct log_waiter *w;

    if (--follow.users > 0)
        return;
    if (follow.waiters)
        ev_timer_stop(follow.ev, &follow.timer);
    while ((w = follow.waiters)) {
        follow.waiters = w->next;
        http_request_free(w->request); /* and with it the waiter; its connection is gone */
    }
    follow.count = 0;
}
