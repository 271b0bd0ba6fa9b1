/* POST /admin/reload: what SIGHUP does, or one section alone; answered when it is done, with a line
 * for each section or fault. [control] */
#include "base/str.h"
#include "http/pages_internal.h"
#include "reload.h"

struct ask { /* in its request's arena */
    struct ask *next;
    struct http_request *request;
};
static struct { /* of the process: a reload outlives the pages by which it was asked for */
    struct ask *first;
    unsigned users;
} asks;

static void write_report(struct http_request *q, bool ok, const char *report)
{
    struct buf *b = &q->answer;

    buf_addf(b, "{\"done\":%s,\"report\":[", ok ? "true" : "false");
    for (const char *line = report; *line;) {
        size_t n = strcspn(line, "\n");

        if (line > report)
            buf_add_char(b, ',');
        buf_add_json(b, str_n(line, n));
        line += n + (line[n] == '\n');
    }
    buf_add_cstr(b, "]}\n");
    q->status = ok ? 200 : 422;
    q->content_type = "application/json";
}

static void reloaded(void *arg, bool ok, const char *report)
{
    struct ask *a = arg, **at = &asks.first;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    write_report(a->request, ok, report);
    page_home(a->request);
}

static int serve_reload(struct http_request *q, void *context)
{
    struct pages *p = context;
    struct reload *r = p->context.reload ? *p->context.reload : NULL;
    parley_str section = parley_as_str(parley_get(q->json, "section"));
    struct ask *a = arena_zalloc(&q->arena, sizeof *a);

    if (!a)
        return -ENOMEM;
    if (!r) {
        http_answer_error(q, 503, "The server is starting.");
        return 0;
    }
    a->request = q;
    a->next = asks.first;
    asks.first = a;
    if (reload_request(r, section.p, reloaded, a) == 0)
        return -EINPROGRESS;
    asks.first = a->next;
    http_answer_error(q, 503, "The server is stopping, or has no memory.");
    return 0;
}

int page_reload_add(struct pages *p, struct http_routes *to, const char *role)
{
    asks.users++;
    return page_admin_add(p, to, HTTP_POST, "/admin/reload", role, serve_reload);
}

void page_reload_finish(void)
{
    struct ask *a;

    if (--asks.users > 0)
        return;
    while ((a = asks.first)) { /* the daemon ended first */
        asks.first = a->next;
        http_request_free(a->request);
    }
}
