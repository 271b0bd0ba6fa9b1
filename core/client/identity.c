/* Identities: made on a pump when an authenticator admitted somebody, then shared with the hub. */
#include "client/identity.h"

#include "base/str.h"

#include <parley/auth.h>

#include <stdlib.h>

static bool list_has(const parley_list *list, parley_str s)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (str_eq(list->items[i], s))
            return true;
    return false;
}

/* How much that is with all texts; 0: there is too much of something. */
static size_t size_of(const parley_str texts[IDENTITY_TEXTS], const parley_list *roles)
{
    size_t n = sizeof(struct identity) + roles->n * sizeof(parley_str);

    if (roles->n > IDENTITY_MOST)
        return 0;
    for (int i = 0; i < IDENTITY_TEXTS; i++) {
        if (texts[i].n > IDENTITY_MOST)
            return 0;
        n += texts[i].p ? texts[i].n + 1 : 0;
    }
    for (size_t r = 0; r < roles->n; r++)
        n += roles->items[r].n + 1;
    return n;
}

static parley_str copy(char **at, parley_str s)
{
    parley_str r = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    (*at)[s.n] = 0;
    *at += s.n + 1;
    return r;
}

struct identity *identity_new(const struct parley_identity *from, const parley_list *dashboards)
{
    struct parley_identity f = {0};
    struct identity *i;
    size_t n;
    char *at;

    /* An authenticator that was built with an older SDK knows less of the struct. */
    memcpy(&f, from,
           from->struct_size && from->struct_size < sizeof f ? from->struct_size : sizeof f);
    const parley_str texts[IDENTITY_TEXTS] = {[IDENTITY_USER] = f.user,
                                              [IDENTITY_USERNAME] = f.username,
                                              [IDENTITY_ISSUER] = f.issuer,
                                              [IDENTITY_APP] = f.app};
    n = size_of(texts, &f.roles);
    i = n ? malloc(n) : NULL;
    if (!i)
        return NULL;
    *i = (struct identity){.role_count = (uint16_t)f.roles.n,
                           .expires_unix_ms = f.expires_unix_ms,
                           .close_on_expiry = f.close_on_expiry,
                           .dashboard = f.app.p && list_has(dashboards, f.app)};
    atomic_init(&i->refs, 1);
    at = (char *)&i->roles[i->role_count];
    for (int t = 0; t < IDENTITY_TEXTS; t++)
        if (texts[t].p)
            i->bytes[t] = (uint16_t)(copy(&at, texts[t]).n + 1);
    for (size_t r = 0; r < f.roles.n; r++)
        i->roles[r] = copy(&at, f.roles.items[r]);
    return i;
}

struct identity *identity_ref(struct identity *i)
{
    atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
    return i;
}

void identity_unref(struct identity *i)
{
    if (i && atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) == 1)
        free(i);
}

bool identity_has_role(const struct identity *i, const parley_list *any)
{
    for (size_t r = 0; r < i->role_count; r++)
        if (list_has(any, i->roles[r]))
            return true;
    return false;
}
