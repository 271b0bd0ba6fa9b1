/* What the pages below /admin/ have in common: their way over several loops, and their JSON.
 *
 * A request is its own baton: whoever has it may write to it, and hands it on by mail; what a page
 * gathers lies in the request's arena. So nothing is shared, and a connection that goes meanwhile
 * takes nothing away.
 */
#include "base/str.h"
#include "http/pages_internal.h"

int page_admin_add(struct pages *p, struct http_routes *to, enum http_method method,
                   const char *path, const char *role,
                   int (*serve)(struct http_request *q, void *context))
{
    const struct http_route route = {.method = method,
                                     .path = path,
                                     .on_admin = true,
                                     .role = role,
                                     .serve = serve,
                                     .context = p};

    return http_routes_add(to, &route);
}

int page_go_on(struct http_request *q, struct actor *to, void (*step)(void *arg), void *arg)
{
    if (actor_call(to, step, arg) == 0)
        return -EINPROGRESS;
    http_answer_error(q, 503, "Out of memory.");
    return 0;
}

void page_next(struct http_request *q, struct actor *to, void (*step)(void *arg), void *arg)
{
    if (page_go_on(q, to, step, arg) == 0)
        page_home(q);
}

void page_home(struct http_request *q)
{
    actor_post(q->home, &q->mail, MAIL_ANSWER);
}

void page_key(struct buf *b, const char *key)
{
    char before = b->n ? b->p[b->n - 1] : '{';

    buf_addf(b, "%s\"%s\":", before == '{' || before == '[' ? "" : ",", key);
}

void page_str(struct buf *b, const char *key, parley_str v)
{
    page_key(b, key);
    if (v.p)
        buf_add_json(b, v);
    else
        buf_add_cstr(b, "null");
}

void page_int(struct buf *b, const char *key, int64_t v)
{
    page_key(b, key);
    buf_add_int(b, v);
}

void page_bool(struct buf *b, const char *key, bool v)
{
    page_key(b, key);
    buf_add_cstr(b, v ? "true" : "false");
}
