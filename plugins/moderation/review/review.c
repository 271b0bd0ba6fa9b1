/* A moderator looks at it first: messages are held, listed to moderators over HTTP, and go on, or
 * not, as these say.
 *
 * On the road: MODERATE. What is held here is the core's: the author's other messages pass it, and
 * it waits whether he stays or leaves. This plugin keeps who said so and why, and forgets it when
 * the message is gone. Other plugins hold by its service.
 */
#define _POSIX_C_SOURCE 200809L /* gmtime_r */
#include <parley/plugin.h>
#include <parley/services/review.h>

#include <stdlib.h>
#include <time.h>

struct options {
    const char *hold, *notice;
    parley_list only_roles, exempt_roles;
    int64_t deadline_ms, max, max_of_user;
};
static const parley_field options[] = {
    PARLEY_OPTION("hold", PARLEY_STRING, struct options, hold, "all|none", "none",
                  PARLEY_PER_CHANNEL, "Whether messages with text for people are held here"),
    PARLEY_OPTION("only_roles", PARLEY_LIST, struct options, only_roles, NULL, NULL,
                  PARLEY_PER_CHANNEL, "Roles whose messages are held; empty: everybody's"),
    PARLEY_OPTION("exempt_roles", PARLEY_LIST, struct options, exempt_roles, NULL,
                  "moderator, admin", PARLEY_PER_CHANNEL, "Roles whose messages are not held"),
    PARLEY_OPTION("deadline", PARLEY_DURATION, struct options, deadline_ms, "10s..7d", "1h",
                  PARLEY_PER_CHANNEL, "How long a moderator has; then on_error decides"),
    PARLEY_OPTION("notice", PARLEY_STRING, struct options, notice, "1..200",
                  "A moderator will look at your message first.", PARLEY_PER_CHANNEL,
                  "What its author is told; none: nothing"),
    PARLEY_OPTION("max", PARLEY_INT, struct options, max, "1..4000", "500", 0,
                  "Most messages that are held at a time; then on_error decides"),
    PARLEY_OPTION("max_of_user", PARLEY_INT, struct options, max_of_user, "1..50", "10", 0,
                  "Most of one user"),
};
static const parley_metric metrics[] = {
    {"held{by}", PARLEY_COUNTER, "Messages that were held, by the section that said so"},
    {"decided{how}", PARLEY_COUNTER, "Messages that moderators released or refused"}};

struct entry {
    struct entry *next;
    int64_t id;
    parley_hold hold;
    int64_t since_ms, until_ms; /* Unix */
    char section[64], rule[64];
};
struct state {
    struct entry *held, **end; /* the oldest first */
    int64_t count, last_id;
};

static parley_str str(const char *s)
{
    parley_str r = {s, strlen(s)};

    return r;
}

static struct entry *take_out(struct state *s, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    if (!*at)
        s->end = at;
    s->count--;
    return e;
}

/* Those that nobody decided in time are gone by themselves. How many a user has left. */
static int64_t sweep(parley_host *h, parley_str user)
{
    struct state *s = h->self;
    struct entry **at = &s->held;
    int64_t of_user = 0;

    while (*at) {
        const parley_message *m = parley_hold_peek(h, (*at)->hold);

        if (!m) {
            free(take_out(s, at));
            continue;
        }
        of_user += user.p && parley_message_user(m).n == user.n &&
                   memcmp(parley_message_user(m).p, user.p, user.n) == 0;
        at = &(*at)->next;
    }
    return of_user;
}

static void tell_author(parley_host *h, const parley_message *m, const char *words)
{
    parley_out *o;

    if (strcmp(words, "none") == 0 || !parley_message_author(m).v)
        return;
    o = parley_message_new(h, "notice");
    parley_put_str(o, "message", str(words));
    parley_send(o, parley_to_client(parley_message_author(m)));
}

/* The service; on_message uses it as well. */
static parley_verdict hold(parley_host *h, parley_message *m, const char *section, const char *rule)
{
    const struct options *all = parley_options(h, PARLEY_NONE);
    const struct options *o = parley_options(h, parley_message_channel(m));
    int64_t of_user = sweep(h, parley_message_user(m));
    struct state *s = h->self;
    struct entry *e;
    parley_verdict v;

    if (s->count >= all->max || of_user >= all->max_of_user)
        return parley_fail(h, "%" PRId64 " messages are held, %" PRId64 " of this user", s->count,
                           of_user);
    e = (struct entry *)calloc(1, sizeof *e);
    if (!e)
        return parley_fail(h, "out of memory");
    v = parley_hold_message(m, o->deadline_ms, &e->hold);
    if (v != PARLEY_HOLD) {
        free(e);
        return v;
    }
    e->id = ++s->last_id;
    e->since_ms = parley_unix_ms(h);
    e->until_ms = e->since_ms + o->deadline_ms;
    snprintf(e->section, sizeof e->section, "%s", section);
    snprintf(e->rule, sizeof e->rule, "%s", rule ? rule : "");
    *s->end = e;
    s->end = &e->next;
    s->count++;
    parley_metric_add_for(h, &metrics[0], str(e->section), 1);
    tell_author(h, m, o->notice);
    return v;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    const struct options *o = parley_options(h, parley_message_channel(m));

    if (strcmp(o->hold, "all") != 0 || !parley_message_text(m, 0).p ||
        parley_message_has_role(m, o->exempt_roles) ||
        (o->only_roles.n && !parley_message_has_role(m, o->only_roles)))
        return PARLEY_PASS;
    return hold(h, m, h->section, "hold");
}

/* --- moderators --- */

static void put_time(parley_out *to, const char *key, int64_t unix_ms)
{
    time_t t = (time_t)(unix_ms / 1000);
    char text[32] = "";
    struct tm tm;

    if (gmtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
    parley_put_str(to, key, str(text));
}

static int get_messages(parley_host *h, const parley_request *q, parley_out *to)
{
    struct state *s = h->self;

    (void)q;
    sweep(h, PARLEY_NONE);
    parley_open_list(to, "messages");
    for (const struct entry *e = s->held; e; e = e->next) {
        const parley_message *m = parley_hold_peek(h, e->hold);
        parley_str text;

        parley_open_object(to, NULL);
        parley_put_int(to, "id", e->id);
        parley_put_str(to, "type", parley_message_type(m));
        parley_put_str(to, "user", parley_message_user(m));
        parley_put_str(to, "username", parley_message_username(m));
        parley_put_str(to, "channel", parley_message_channel(m));
        parley_put_str(to, "recipient", parley_message_recipient(m));
        put_time(to, "since", e->since_ms);
        put_time(to, "until", e->until_ms);
        parley_put_str(to, "section", str(e->section));
        parley_put_str(to, "rule", str(e->rule));
        parley_put_bool(to, "author_is_here", parley_message_author(m).v != 0);
        parley_open_list(to, "texts");
        for (unsigned i = 0; (text = parley_message_text(m, i)).p; i++)
            parley_put_str(to, NULL, text);
        parley_close(to);
        parley_close(to);
    }
    parley_close(to);
    return 200;
}

static int refuse(parley_out *to, int status, const char *why)
{
    parley_refuse(to, "%s", why);
    return status;
}

static struct entry **find(parley_host *h, const parley_request *q)
{
    int64_t id = parley_as_int(parley_get(parley_request_json(q), "id"), 0);
    struct state *s = h->self;
    struct entry **at = &s->held;

    sweep(h, PARLEY_NONE);
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static int decided(parley_host *h, parley_out *to, const struct entry *e, const char *how)
{
    parley_metric_add_for(h, &metrics[1], str(how), 1);
    parley_put_int(to, "id", e->id);
    parley_put_str(to, "decided", str(how));
    return 200;
}

static int post_release(parley_host *h, const parley_request *q, parley_out *to)
{
    struct entry **at = find(h, q), *e;
    int status;

    if (!*at)
        return refuse(to, 404, "no message of that id is held");
    e = take_out((struct state *)h->self, at);
    status = decided(h, to, e, "released");
    parley_resume(h, e->hold, PARLEY_PASS);
    free(e);
    return status;
}

static int post_refuse(parley_host *h, const parley_request *q, parley_out *to)
{
    parley_str reason = parley_as_str(parley_get(parley_request_json(q), "reason"));
    struct entry **at = find(h, q), *e;
    int status;

    if (!*at)
        return refuse(to, 404, "no message of that id is held");
    if (reason.n > 300)
        return refuse(to, 400, "'reason' has 300 bytes at most");
    e = take_out((struct state *)h->self, at);
    status = decided(h, to, e, "refused");
    parley_resume(h, e->hold,
                  parley_reject(h, PARLEY_E_REJECTED, "review", "%s",
                                reason.n ? reason.p : "A moderator refused it."));
    free(e);
    return status;
}

static int create(parley_host *h)
{
    struct state *s = (struct state *)calloc(1, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->end = &s->held;
    h->self = s;
    return 0;
}

static void destroy(parley_host *h)
{
    struct state *s = h->self;

    while (s->held)
        free(take_out(s, &s->held));
    free(s);
}

static const parley_route routes[] = {
    {"GET", "messages", "moderator", "What is held, the oldest first", get_messages},
    {"POST", "release", "moderator", "Let {id} go on", post_release},
    {"POST", "refuse", "moderator", "Refuse {id, reason?}", post_refuse},
};
static const parley_review service = {.struct_size = sizeof service, .hold = hold};
static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}, {PARLEY_REVIEW_1, &service}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.review",
                 .version = "1.0.0",
                 .doc = "Holds messages until a moderator has looked at them",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .metrics = PARLEY_TABLE(metrics),
                 .routes = PARLEY_TABLE(routes),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .destroy = destroy};
