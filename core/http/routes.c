/* Routes by listener, method and exact path; and who has guessed too often.
 *
 * There are some dozens of them and requests are rare next to messages, so a list is searched from
 * its beginning.
 */
#include "http/routes.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdlib.h>

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH",
    [HTTP_DELETE] = "DELETE",   [HTTP_HEAD] = "HEAD", [HTTP_OTHER] = "OTHER",
    [HTTP_OPTIONS] = "OPTIONS",
};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

struct http_routes *http_routes_new(void)
{
    struct http_routes *r = calloc(1, sizeof *r);

    if (r && pthread_mutex_init(&r->lock, NULL)) {
        free(r);
        return NULL;
    }
    return r;
}

void http_routes_free(struct http_routes *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        free((char *)(uintptr_t)r->list[i].path);
        free((char *)(uintptr_t)r->list[i].role);
    }
    free(r->list);
    if (r->admin_token)
        explicit_bzero(r->admin_token, strlen(r->admin_token));
    free(r->admin_token);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

int http_routes_context(struct http_routes *r, const struct http_context *context)
{
    char *token = NULL;

    if (context->admin_token && !(token = str_dup(str_of(context->admin_token))))
        return -ENOMEM;
    free(r->admin_token);
    r->context = *context;
    r->context.admin_token = r->admin_token = token;
    return 0;
}

static bool is_here(const struct http_route *route, bool admin)
{
    return admin ? route->on_admin : route->on_public;
}

static const struct http_route *find(const struct http_routes *r, bool admin, enum http_method m,
                                     parley_str path)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->list[i].method == m && is_here(&r->list[i], admin) && str_is(path, r->list[i].path))
            return &r->list[i];
    return NULL;
}

int http_routes_add(struct http_routes *r, const struct http_route *route)
{
    struct http_route copy = *route;
    parley_str path = str_of(route->path);

    if ((route->on_public && find(r, false, route->method, path)) ||
        (route->on_admin && find(r, true, route->method, path)))
        return -EEXIST;
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 32;
        struct http_route *more = realloc(r->list, cap * sizeof *more);
        if (!more)
            return -ENOMEM;
        r->list = more;
        r->cap = cap;
    }
    copy.path = str_dup(path);
    copy.role = route->role ? str_dup(str_of(route->role)) : NULL;
    if (!copy.path || (route->role && !copy.role)) {
        free((char *)(uintptr_t)copy.path);
        free((char *)(uintptr_t)copy.role);
        return -ENOMEM;
    }
    r->list[r->count++] = copy;
    return 0;
}

const struct http_route *http_routes_find(const struct http_routes *r, bool admin,
                                          enum http_method m, parley_str path, bool *ret_path_known)
{
    const struct http_route *found = find(r, admin, m, path);

    if (!found && m == HTTP_HEAD)
        found = find(r, admin, HTTP_GET, path);
    *ret_path_known = found != NULL;
    for (size_t i = 0; i < r->count && !*ret_path_known; i++)
        *ret_path_known = is_here(&r->list[i], admin) && str_is(path, r->list[i].path);
    return found;
}

const struct http_route *http_routes_guard(const struct http_routes *r, bool admin, parley_str path)
{
    const struct http_route *guard = NULL;

    for (size_t i = 0; i < r->count; i++) {
        const struct http_route *route = &r->list[i];
        if (!is_here(route, admin) || !str_is(path, route->path))
            continue;
        if (!route->role)
            return NULL; /* by another method anyone may come */
        if (!guard || route->role[0] == 0)
            guard = route;
    }
    return guard;
}

void http_routes_allow(const struct http_routes *r, bool admin, parley_str path, char out[64])
{
    size_t n = 0;

    out[0] = 0;
    for (size_t i = 0; i < r->count; i++)
        if (is_here(&r->list[i], admin) && str_is(path, r->list[i].path) && n < 48)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s%s", n ? ", " : "",
                                  method_names[r->list[i].method],
                                  r->list[i].method == HTTP_GET ? ", HEAD" : "");
}

/* --- the lock-out --- */

/* One entry an address within a minute; a stranger with many addresses pushes out the oldest. */
static struct lockout_entry *look_up(struct http_routes *r, parley_str address, bool make)
{
    struct lockout_entry *oldest = &r->lockout[0];
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < LOCKOUT_ENTRIES; i++) {
        struct lockout_entry *e = &r->lockout[i];
        if (e->failures && now - e->since_ms >= LOCKOUT_MS)
            e->failures = 0;
        if (e->failures && str_is(address, e->address))
            return e;
        if (!e->failures || (oldest->failures && e->since_ms < oldest->since_ms))
            oldest = e;
    }
    if (!make)
        return NULL;
    snprintf(oldest->address, sizeof oldest->address, "%.*s", (int)address.n,
             address.p ? address.p : "");
    oldest->failures = 0;
    oldest->since_ms = now;
    return oldest;
}

bool lockout_holds(const struct http_routes *r, parley_str address)
{
    struct http_routes *w = (struct http_routes *)(uintptr_t)r;

    pthread_mutex_lock(&w->lock);
    const struct lockout_entry *e = look_up(w, address, false);
    bool holds = e && e->failures >= LOCKOUT_FAILURES;
    pthread_mutex_unlock(&w->lock);
    return holds;
}

void lockout_failed(const struct http_routes *r, parley_str address)
{
    struct http_routes *w = (struct http_routes *)(uintptr_t)r;

    pthread_mutex_lock(&w->lock);
    look_up(w, address, true)->failures++;
    pthread_mutex_unlock(&w->lock);
}

void lockout_inherit(struct http_routes *to, struct http_routes *from)
{
    pthread_mutex_lock(&from->lock);
    memcpy(to->lockout, from->lockout, sizeof to->lockout);
    pthread_mutex_unlock(&from->lock);
}
