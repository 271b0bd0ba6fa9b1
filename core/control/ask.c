/* Requests of hub plugins, over the same libcurl as all others: control/fetch.c does the work, this
 * file carries question and answer between the two loops.
 *
 * Plain http may go anywhere here: the operator wrote the address into the INI, and a classifier is
 * often a neighbour in the same network. No redirect of it is followed to anything but https.
 */
#include "control/ask.h"

#include "base/str.h"
#include "control/fetch.h"
#include "control/internal.h"
#include "message/value.h"

#include <stdlib.h>

enum { JSON_DEPTH = 32, JSON_TOKENS = 65536 };

struct ask *ask_new(const char *method, const char *url, struct buf *take_body)
{
    struct ask *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->method = str_dup(str_of(method));
    a->url = str_dup(str_of(url));
    buf_init(&a->body, 0);
    buf_init(&a->answer, 0);
    arena_init(&a->arena, 4096);
    if (!a->method || !a->url) {
        ask_free(a);
        return NULL;
    }
    a->body = *take_body;
    buf_init(take_body, 0);
    return a;
}

void ask_free(struct ask *a)
{
    if (!a)
        return;
    arena_finish(&a->arena);
    buf_finish(&a->body);
    buf_finish(&a->answer);
    free(a->method);
    free(a->url);
    free(a);
}

void ask_fill(struct ask *a, int error, int status, parley_str body, const char *why)
{
    const struct value *v;
    const char *reason;

    a->error = error;
    a->status = status;
    snprintf(a->why, sizeof a->why, "%s", why ? why : "");
    if (error || !body.n)
        return;
    buf_add_str(&a->answer, body);
    if (a->answer.error) {
        a->error = -ENOMEM;
        return;
    }
    if (value_parse(&a->arena, body, JSON_DEPTH, JSON_TOKENS, &v, &reason) == 0)
        a->json = &v->pub;
}

void ask_send_home(struct ask *take)
{
    actor_post(take->home, &take->mail, MAIL_ANSWERED);
}

static void on_fetched(void *arg, const struct fetch_answer *f)
{
    struct ask *a = arg;

    ask_fill(a, f->error, f->status, f->body, f->why);
    ask_send_home(a);
}

void control_ask(struct control *c, struct ask *take)
{
    bool bodiless =
        take->body.n <= 2 && (!strcmp(take->method, "GET") || !strcmp(take->method, "HEAD"));
    struct fetch_request r = {.method = str_of(take->method),
                              .url = str_of(take->url),
                              .deadline_ms = take->deadline_ms > 0 ? take->deadline_ms : 1,
                              .plain_http = true};
    int error;

    if (!bodiless)
        r.body = (parley_str){take->body.p, take->body.n};
    error = control_fetch(c, &r, on_fetched, take);
    if (!error)
        return;
    ask_fill(take, error, 0, PARLEY_NONE,
             error == -EINVAL ? "its method or URL is none that may be asked" : strerror(-error));
    ask_send_home(take);
}
