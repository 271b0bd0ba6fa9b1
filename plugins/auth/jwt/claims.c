/* What a token says, once its signature was found good: for whom, from when to when, who.
 *
 * A signature proves who wrote a token, not what it was written for. The same issuer signs ID
 * tokens, logout tokens and other applications' access tokens with the same key: all of these stop
 * here.
 */
#include "jwt.h"

#include <stdlib.h>

#define SECONDS_MAX 1e12 /* the year 33658: far enough, and far from overflow in milliseconds */

bool list_has(const parley_list *list, const char *s)
{
    for (size_t i = 0; s && i < list->n; i++)
        if (list->items[i].p && strcmp(list->items[i].p, s) == 0)
            return true;
    return false;
}

static parley_str str_of(const struct node *s)
{
    return (parley_str){node_string(s), node_string_bytes(s)};
}

/* A NumericDate, fractions allowed. false: it is there and no such thing. */
static bool read_time(const struct node *claims, const char *name, bool *ret_there, int64_t *ret_ms)
{
    const struct node *n = node_get(claims, name);
    double seconds;

    *ret_there = n != NULL;
    if (!n)
        return true;
    if (n->kind != NODE_NUMBER || n->number < 0)
        return false;
    seconds = n->number;
    *ret_ms = (int64_t)((seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000);
    return true;
}

static enum reason check_times(const struct node *claims, const struct jwt_options *o,
                               int64_t now_ms, int64_t *ret_expires_ms)
{
    int64_t exp = 0, nbf = 0, iat = 0;
    bool has_exp, has_nbf, has_iat;

    if (!read_time(claims, "exp", &has_exp, &exp) || !has_exp)
        return NO_EXPIRY;
    if (!read_time(claims, "nbf", &has_nbf, &nbf) || !read_time(claims, "iat", &has_iat, &iat))
        return MALFORMED;
    if (now_ms >= exp + o->leeway_ms)
        return EXPIRED;
    if ((has_nbf && nbf > now_ms + o->leeway_ms) || (has_iat && iat > now_ms + o->leeway_ms))
        return NOT_YET_VALID;
    /* Who was let in after exp, because clocks differ, is not thrown out at once for it. */
    *ret_expires_ms = exp > now_ms ? exp : exp + o->leeway_ms;
    return OK;
}

/* `aud` is a string or a list of strings; anything else holds nothing. */
static bool audience_has(const struct node *aud, const parley_list *any, const char *one)
{
    const struct node *n = aud && aud->kind == NODE_STRING ? aud : node_first(aud);

    for (; n; n = n == aud ? NULL : n->next) {
        const char *s = node_string(n);
        if (s && ((any && list_has(any, s)) || (one && strcmp(one, s) == 0)))
            return true;
    }
    return false;
}

/* Keycloak tells its kinds apart by a claim `typ`, RFC 9068 by the header; others do not, and then
 * the marks of an ID or a logout token count. Without `audience` a token must not be made for the
 * client itself either, since that is what an ID token's audience is. */
static enum reason check_kind(const struct token *t, const struct jwt_options *o, const char *app)
{
    static const char *const marks[] = {"nonce", "at_hash", "c_hash", "s_hash", "events"};
    const struct node *typ = node_get(t->claims, "typ");
    const char *kind = node_string(typ);

    if (typ && (!kind || (strcmp(kind, "Bearer") != 0 && strcmp(kind, "bearer") != 0)))
        return NOT_AN_ACCESS_TOKEN;
    if (typ || t->at_jwt)
        return OK;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (node_get(t->claims, marks[i]))
            return NOT_AN_ACCESS_TOKEN;
    if (o->audience.n == 0 && audience_has(node_get(t->claims, "aud"), NULL, app))
        return NOT_AN_ACCESS_TOKEN;
    return OK;
}

/* The first of the claims that is there is the client id. */
static enum reason read_app(const struct node *claims, const struct jwt_options *o, parley_str *ret)
{
    const struct node *n = NULL;

    for (size_t i = 0; !n && i < o->app_claims.n; i++)
        n = node_get(claims, o->app_claims.items[i].p);
    *ret = str_of(n);
    return n && (!ret->p || ret->n == 0) ? OTHER_CLIENT : OK;
}

/* The claim of exactly that name, or down the path: "realm_access.roles". */
static const struct node *find_roles(const struct node *claims, const char *path)
{
    const struct node *at = node_get(claims, path);

    for (const char *p = path; !at && claims;) {
        const char *dot = strchr(p, '.');
        char name[256];
        size_t n = dot ? (size_t)(dot - p) : strlen(p);
        if (n >= sizeof name)
            return NULL;
        memcpy(name, p, n);
        name[n] = 0;
        claims = node_get(claims, name);
        if (!dot)
            return claims;
        p = dot + 1;
    }
    return at;
}

static enum reason read_roles(const struct node *claims, const struct jwt_options *o,
                              parley_list *ret, parley_str **ret_roles)
{
    const struct node *roles = o->roles_claim ? find_roles(claims, o->roles_claim) : NULL;
    size_t n = node_count(roles), used = 0;
    parley_str *items;

    if (n == 0)
        return OK;
    items = malloc(n * sizeof *items);
    if (!items)
        return NO_MEMORY;
    for (const struct node *item = node_first(roles); item; item = item->next) {
        parley_str role = str_of(item);
        if (role.p && role.n > 0)
            items[used++] = role;
    }
    *ret_roles = items;
    *ret = (parley_list){items, used};
    return OK;
}

enum reason claims_read(const struct token *t, const struct jwt_options *o, int64_t now_unix_ms,
                        parley_identity *ret, parley_str **ret_roles)
{
    parley_identity i = {.struct_size = sizeof i};
    enum reason r;

    *ret_roles = NULL;
    r = check_times(t->claims, o, now_unix_ms, &i.expires_unix_ms);
    if (r == OK)
        r = read_app(t->claims, o, &i.app);
    if (r == OK)
        r = check_kind(t, o, i.app.p);
    if (r != OK)
        return r;
    if (o->audience.n > 0 && !audience_has(node_get(t->claims, "aud"), &o->audience, NULL))
        return OTHER_AUDIENCE;
    if (o->clients.n > 0 && !list_has(&o->clients, i.app.p))
        return OTHER_CLIENT;
    i.user = str_of(node_get(t->claims, o->user_claim));
    if (!i.user.p || i.user.n == 0)
        return NO_USER;
    i.username = str_of(node_get(t->claims, o->username_claim));
    if (!i.username.p || i.username.n == 0)
        return NO_USERNAME;
    i.issuer = (parley_str){o->issuer, strlen(o->issuer)};
    i.close_on_expiry = strcmp(o->on_expiry, "close") == 0;
    *ret = i;
    return read_roles(t->claims, o, &ret->roles, ret_roles);
}
