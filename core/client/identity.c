/* Who a client is: made on a pump when an authenticator admitted it, then shared with the hub.
 *
 * One allocation holds the struct, its roles and all its texts; it never changes, so it is read on
 * every loop without a lock. A refresh makes a new one.
 */
#include "base/str.h"
#include "loop/mail.h"

#include <parley/auth.h>

#include <stdlib.h>

static parley_str copy(char **at, parley_str s)
{
    parley_str r = PARLEY_NONE;

    if (!s.p)
        return r;
    r = (parley_str){*at, s.n};
    memcpy(*at, s.p, s.n);
    (*at)[s.n] = 0;
    *at += s.n + 1;
    return r;
}

static bool list_has(const parley_list *list, parley_str s)
{
    for (size_t i = 0; list && i < list->n; i++)
        if (str_eq(list->items[i], s))
            return true;
    return false;
}

struct identity *identity_new(const struct parley_identity *from, const parley_list *dashboards)
{
    struct parley_identity f = {0};
    struct identity *i;
    parley_str *roles;
    size_t n;
    char *at;

    /* An authenticator that was built with an older SDK knows less of the struct. */
    memcpy(&f, from,
           from->struct_size && from->struct_size < sizeof f ? from->struct_size : sizeof f);
    n = f.user.n + f.username.n + f.issuer.n + f.app.n + 4;
    for (size_t r = 0; r < f.roles.n; r++)
        n += f.roles.items[r].n + 1 + sizeof *roles;
    i = malloc(sizeof *i + n);
    if (!i)
        return NULL;
    roles = (parley_str *)(i + 1);
    at = (char *)(roles + f.roles.n);
    *i = (struct identity){.expires_unix_ms = f.expires_unix_ms,
                           .close_on_expiry = f.close_on_expiry,
                           .dashboard = f.app.p && list_has(dashboards, f.app)};
    atomic_init(&i->refs, 1);
    i->user = copy(&at, f.user);
    i->username = copy(&at, f.username);
    i->issuer = copy(&at, f.issuer);
    i->app = copy(&at, f.app);
    for (size_t r = 0; r < f.roles.n; r++)
        roles[r] = copy(&at, f.roles.items[r]);
    i->roles = (parley_list){roles, f.roles.n};
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
    for (size_t r = 0; r < i->roles.n; r++)
        if (list_has(any, i->roles.items[r]))
            return true;
    return false;
}
