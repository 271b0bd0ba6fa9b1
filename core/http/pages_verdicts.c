/* /admin/verdicts: what sections lately said of messages, and what shadowed ones would have said.
 * [the listener's loop] The records are copied under their lock; nobody waits for the hub. */
#include "base/str.h"
#include "http/pages_internal.h"
#include "hub/hub.h"
#include "hub/verdicts.h"

static int serve_verdicts(struct http_request *q, void *context)
{
    const struct pages *p = context;
    struct verdict_words words = {.section = http_query(q, "section").p,
                                  .user = http_query(q, "user").p,
                                  .channel = http_query(q, "channel").p,
                                  .verdict = http_query(q, "verdict").p,
                                  .since = http_query(q, "since").p,
                                  .limit = http_query(q, "limit").p};
    struct verdict_filter f;
    const char *why;

    page_header(q, "Cache-Control: no-store");
    if (verdicts_filter(&words, &f, &why) < 0) {
        http_answer_error(q, 400, why);
        return 0;
    }
    verdicts_query(hub_verdicts(p->context.hub), &f, &q->answer);
    q->status = 200;
    return 0;
}

int page_verdicts_add(struct pages *p, struct http_routes *to, const char *role)
{
    struct http_route route = {.method = HTTP_GET,
                               .path = "/admin/verdicts",
                               .on_admin = true,
                               .role = role,
                               .serve = serve_verdicts,
                               .context = p};

    return p->context.hub ? http_routes_add(to, &route) : 0;
}
