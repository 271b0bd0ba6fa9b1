/* The head of a request, out of lws's tables: checked, trimmed, copied.
 *
 * lws has already decoded path and query (each %xx once), collapsed "//" and resolved "..". What it
 * lets through and no reader expects is a NUL within a value, so every value is looked at.
 */
#include "base/str.h"
#include "net/conn.h"

#include <stdlib.h>

enum { QUERY_PARTS = 64 };

bool header_get(struct lws *wsi, enum lws_token_indexes token, char *buf, size_t cap,
                parley_str *ret)
{
    int n = lws_hdr_total_length(wsi, token);

    *ret = PARLEY_NONE;
    if (n <= 0)
        return true;
    if ((size_t)n >= cap || lws_hdr_copy(wsi, buf, (int)cap, token) != n)
        return false;
    for (int i = 0; i < n; i++)
        if ((unsigned char)buf[i] < ' ' && buf[i] != '\t')
            return false;
    *ret = str_trim(str_n(buf, (size_t)n));
    buf[ret->p - buf + (ptrdiff_t)ret->n] = 0;
    return true;
}

bool header_has_token(parley_str list, const char *token)
{
    size_t at = 0;

    while (at < list.n) {
        size_t end = at;
        while (end < list.n && list.p[end] != ',')
            end++;
        if (str_casecmp(str_trim(str_n(list.p + at, end - at)), str_of(token)) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static bool split_part(parley_str part, struct http_query *ret)
{
    const char *equals = memchr(part.p, '=', part.n);

    if (memchr(part.p, 0, part.n) || !str_valid_utf8(part.p, part.n))
        return false;
    ret->name = str_n(part.p, equals ? (size_t)(equals - part.p) : part.n);
    ret->value = equals ? str_n(equals + 1, part.n - ret->name.n - 1) : PARLEY_STR("");
    return true;
}

int header_query(struct lws *wsi, struct arena *a, struct http_query **ret, size_t *ret_count)
{
    int total = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS);
    struct http_query *list;
    char *text;

    *ret = NULL;
    *ret_count = 0;
    if (total <= 0)
        return 0;
    list = arena_alloc(a, QUERY_PARTS * sizeof *list);
    text = arena_alloc(a, (size_t)total + 1);
    if (!list || !text)
        return -ENOMEM;
    for (int i = 0;; i++) {
        int n = lws_hdr_copy_fragment(wsi, text, total + 1, WSI_TOKEN_HTTP_URI_ARGS, i);
        parley_str part;

        if (n < 0)
            break;
        if (n == 0)
            continue;
        if (*ret_count == QUERY_PARTS)
            return -E2BIG;
        part = arena_str(a, str_n(text, (size_t)n));
        if (!part.p)
            return -ENOMEM;
        if (!split_part(part, &list[*ret_count]))
            return -EINVAL;
        /* each value is followed by the part's 0, each name gets its own */
        if (list[*ret_count].name.n < part.n)
            ((char *)(uintptr_t)part.p)[list[*ret_count].name.n] = 0;
        ++*ret_count;
    }
    *ret = list;
    return 0;
}

bool header_bearer(struct lws *wsi, struct arena *a, parley_str *ret)
{
    int total = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_AUTHORIZATION);
    parley_str text;
    char *buf;

    *ret = PARLEY_NONE;
    if (total <= 0)
        return true;
    buf = arena_alloc(a, (size_t)total + 1);
    if (!buf || !header_get(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, buf, (size_t)total + 1, &text))
        return false;
    if (text.n < 7 || str_casecmp(str_n(text.p, 7), PARLEY_STR("Bearer ")) != 0)
        return true; /* another scheme: nothing for us */
    *ret = str_trim(str_n(text.p + 7, text.n - 7));
    return true;
}

bool header_path(struct lws *wsi, parley_str *ret, enum http_method *ret_method)
{
    static const enum http_method methods[] = {
        [LWSHUMETH_GET] = HTTP_GET,         [LWSHUMETH_POST] = HTTP_POST,
        [LWSHUMETH_OPTIONS] = HTTP_OPTIONS, [LWSHUMETH_PUT] = HTTP_OTHER,
        [LWSHUMETH_PATCH] = HTTP_PATCH,     [LWSHUMETH_DELETE] = HTTP_DELETE,
        [LWSHUMETH_CONNECT] = HTTP_OTHER,   [LWSHUMETH_HEAD] = HTTP_HEAD,
        [LWSHUMETH_COLON_PATH] = HTTP_OTHER};
    char *p = NULL;
    int n = 0, method = lws_http_get_uri_and_method(wsi, &p, &n);

    if (method < 0 || !p || n <= 0 || lws_hdr_total_length(wsi, WSI_TOKEN_HTTP) <= 0)
        return false;
    *ret = str_n(p, (size_t)n);
    *ret_method = methods[method];
    /* lws writes a %00 without counting it. Then its own 0 at the end stands further on, and the
     * version, which follows where there is no query, does too. */
    if (memchr(p, 0, (size_t)n))
        return false;
    return lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > 0 || p[n + 1] == 'H';
}

void header_address(struct conn *c, struct ip *ret)
{
    char text[1024];
    parley_str list;

    *ret = c->peer;
    if (!c->is_proxy || !c->net->admission)
        return;
    if (header_get(c->wsi, WSI_TOKEN_X_FORWARDED_FOR, text, sizeof text, &list) && list.p)
        admission_forwarded(c->net->admission, &c->peer, list, ret);
}
