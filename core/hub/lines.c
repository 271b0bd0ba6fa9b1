/* Lines: an author's messages in one channel (or in none: whispers and the rest) keep their order
 * while one of them waits for an answer.
 *
 * A line is there from the first ask or job of his messages until the last one is over and nothing
 * waits behind it; h->lines counts them, so that nobody pays for it while nobody waits. What waits
 * in it was not judged yet; whether its author was a member is noted, for he may be gone when its
 * turn comes. [hub]
 */
#include "base/str.h"
#include "hub/holds.h"

#include <stdlib.h>

struct line {
    struct line *next; /* of the same author */
    struct author *author;
    struct hub_channel *channel; /* a reference; NULL: what goes to no channel */
    uint32_t asks;               /* messages of it that are judged elsewhere now: while above 0 the
                                    others wait */
    struct message *first, **end;
};
struct author {
    uint64_t user; /* the hub's number: outlives his record */
    uint32_t waiting;
    struct line *lines;
    UT_hash_handle hh;
};

static struct author *find(const struct hub *h, uint64_t user)
{
    struct author *a;

    HASH_FIND(hh, h->holds->authors, &user, sizeof user, a);
    return a;
}

static struct author *make(struct hub *h, uint64_t user)
{
    struct author *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->user = user;
    HASH_ADD(hh, h->holds->authors, user, sizeof a->user, a);
    if (a->hh.tbl)
        return a;
    free(a);
    return NULL;
}

static void drop_if_idle(struct hub *h, struct author *a)
{
    if (a->waiting || a->lines)
        return;
    HASH_DELETE(hh, h->holds->authors, a);
    free(a);
}

int author_waits(struct hub *h, struct message *m, struct author **ret)
{
    const struct hub_user *u = users_author(h, m);
    struct author *a = u ? find(h, u->number) : NULL;

    *ret = NULL;
    if (!u)
        return 0;
    if (a && a->waiting >= HOLDS_OF_AUTHOR)
        return -EAGAIN;
    a = a ? a : make(h, u->number);
    if (!a)
        return -ENOMEM;
    a->waiting++;
    *ret = a;
    return 0;
}

void author_done(struct hub *h, struct author *a)
{
    if (!a)
        return;
    a->waiting--;
    drop_if_idle(h, a);
}

static struct line *line_of(const struct author *a, const struct hub_channel *ch)
{
    struct line *l = a->lines;

    while (l && l->channel != ch)
        l = l->next;
    return l;
}

struct line *line_enter(struct hub *h, struct author *a, struct message *m)
{
    struct line *l = a ? line_of(a, m->to) : NULL;

    if (!a)
        return NULL;
    if (!l) {
        l = calloc(1, sizeof *l);
        if (!l)
            return NULL;
        l->author = a;
        l->channel = m->to ? channel_ref(m->to) : NULL;
        l->end = &l->first;
        l->next = a->lines;
        a->lines = l;
        h->lines++;
    }
    l->asks++;
    return l;
}

static struct message *take_first(struct line *l)
{
    struct message *m = l->first;

    l->first = m->next;
    if (!l->first)
        l->end = &l->first;
    m->next = NULL;
    l->author->waiting--;
    return m;
}

void line_leave(struct hub *h, struct line *l)
{
    struct author *a = l->author;
    struct line **at = &a->lines;

    l->asks--;
    while (!l->asks && l->first) {
        road_judge(h, take_first(l));
        arena_finish(&h->hook_arena);
    }
    if (l->asks)
        return;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    h->lines--;
    channel_unref(l->channel);
    free(l);
    drop_if_idle(h, a);
}

bool line_behind(struct hub *h, struct message *m)
{
    const struct hub_user *u = users_author(h, m);
    const struct author *a = u ? find(h, u->number) : NULL;
    bool has_channel = m->channel.p && m->type && m->type->channel_field;
    struct hub_channel *ch = has_channel && a ? channel_find(&h->channels, m->channel) : NULL;
    struct line *l = a && (ch || !has_channel) ? line_of(a, ch) : NULL;
    struct hub_client *c;

    if (!l)
        return false;
    if (a->waiting >= HOLDS_OF_AUTHOR) {
        m->outcome.verdict = PARLEY_REJECT;
        m->outcome.code = PARLEY_E_UNAVAILABLE;
        m->outcome.rule = PARLEY_STR("waiting");
        m->outcome.text = PARLEY_STR("Too much of yours waits to be judged. Please try again.");
        road_settle(h, m);
        return true;
    }
    c = clients_find(h, m->author);
    m->was_member = c && ch && clients_membership(c, ch);
    m->next = NULL;
    *l->end = m;
    l->end = &m->next;
    l->author->waiting++;
    return true;
}

void lines_closed(struct hub *h, client_handle c)
{
    for (struct author *a = h->holds->authors; a; a = a->hh.next)
        for (struct line *l = a->lines; l; l = l->next)
            for (struct message *m = l->first; m; m = m->next)
                m->author_closed |= m->author == c;
}

bool lines_refer(const struct hub *h, const struct plugin_instance *i)
{
    for (const struct author *a = h->holds->authors; a; a = a->hh.next)
        for (const struct line *l = a->lines; l; l = l->next)
            for (const struct message *m = l->first; m; m = m->next)
                if (m->type && m->type->instance == i)
                    return true;
    return false;
}

void lines_free(struct hub *h)
{
    struct author *a, *next;

    HASH_ITER (hh, h->holds->authors, a, next) {
        struct line *l;

        while ((l = a->lines)) {
            while (l->first)
                message_destroy(take_first(l));
            a->lines = l->next;
            channel_unref(l->channel);
            free(l);
        }
        HASH_DELETE(hh, h->holds->authors, a);
        free(a);
    }
}
