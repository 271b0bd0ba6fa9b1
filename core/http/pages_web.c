/* The web pages that are built into the daemon: constant bytes, answered from memory.
 *
 * A page may load nothing from elsewhere and be framed by nobody; it may talk to other servers,
 * since a chat page can be pointed at one. Names that carry their hash are kept by browsers for
 * good, the others are asked for again by their tag.
 */
#include "base/str.h"
#include "http/assets.h"
#include "http/pages_internal.h"

#include <stdlib.h>

struct web_page {
    const struct asset *asset;
    char etag[80]; /* the whole header line */
};

static const char policy[] =
    "Content-Security-Policy: default-src 'self'; "
    "connect-src 'self' ws: wss: https: http://127.0.0.1:* http://localhost:*; "
    "img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/* The next item of a list with commas; absent at its end. */
static parley_str next_item(parley_str *rest)
{
    const char *comma;
    size_t n;

    if (!rest->p || rest->n == 0)
        return PARLEY_NONE;
    comma = memchr(rest->p, ',', rest->n);
    n = comma ? (size_t)(comma - rest->p) : rest->n;
    parley_str item = str_trim(str_n(rest->p, n));
    *rest = str_n(rest->p + n + (comma != NULL), rest->n - n - (comma != NULL));
    return item;
}

bool page_accepts(parley_str header, const char *coding)
{
    bool by_star = false;

    for (parley_str item = next_item(&header); item.p; item = next_item(&header)) {
        const char *semicolon = memchr(item.p, ';', item.n);
        parley_str name =
            str_trim(str_n(item.p, semicolon ? (size_t)(semicolon - item.p) : item.n));
        bool wanted = true;

        if (semicolon) { /* refused by a weight of zero: "0", "0.", "0.000" */
            parley_str q =
                str_trim(str_n(semicolon + 1, item.n - (size_t)(semicolon + 1 - item.p)));
            if (q.n > 2 && (q.p[0] == 'q' || q.p[0] == 'Q') && q.p[1] == '=') {
                wanted = false;
                for (size_t i = 2; i < q.n; i++)
                    wanted |= q.p[i] >= '1' && q.p[i] <= '9';
            }
        }
        if (str_casecmp(name, str_of(coding)) == 0)
            return wanted;
        if (str_is(name, "*"))
            by_star = wanted;
    }
    return by_star;
}

bool page_matches(parley_str header, const char *etag)
{
    for (parley_str item = next_item(&header); item.p; item = next_item(&header)) {
        if (item.n > 2 && item.p[0] == 'W' && item.p[1] == '/')
            item = str_n(item.p + 2, item.n - 2);
        if (str_eq(item, str_of(etag)) || str_is(item, "*"))
            return true;
    }
    return false;
}

static int serve_web(struct http_request *q, void *context)
{
    const struct web_page *p = context;
    const struct asset *a = p->asset;

    page_header(q, p->etag);
    page_header(q, a->immutable ? "Cache-Control: public, max-age=31536000, immutable"
                                : "Cache-Control: no-cache");
    if (a->gzip)
        page_header(q, "Vary: Accept-Encoding");
    if (page_matches(q->if_none_match, a->etag)) {
        q->status = 304;
        return 0;
    }
    page_header(q, policy);
    q->status = 200;
    q->content_type = a->content_type;
    q->static_body = (const char *)a->body;
    q->static_bytes = a->body_bytes;
    if (a->gzip && page_accepts(q->accept_encoding, "gzip")) {
        page_header(q, "Content-Encoding: gzip");
        q->static_body = (const char *)a->gzip;
        q->static_bytes = a->gzip_bytes;
    }
    return 0;
}

int page_web_add(struct pages *p, struct http_routes *to)
{
    p->web = calloc(assets_count ? assets_count : 1, sizeof *p->web);
    if (!p->web)
        return -ENOMEM;
    for (size_t i = 0; i < assets_count; i++) {
        struct web_page *page = &p->web[i];
        bool for_admin = strncmp(assets[i].path, "/admin", 6) == 0;
        struct http_route route = {.method = HTTP_GET,
                                   .path = assets[i].path,
                                   .on_public = !for_admin,
                                   .on_admin = true,
                                   .serve = serve_web,
                                   .context = page};
        int error;

        page->asset = &assets[i];
        snprintf(page->etag, sizeof page->etag, "ETag: %s", assets[i].etag);
        error = http_routes_add(to, &route);
        if (!error && !strcmp(assets[i].path, "/admin.html")) {
            route.path = "/admin/";
            error = http_routes_add(to, &route);
        }
        if (error)
            return error;
    }
    return 0;
}

void page_web_finish(struct pages *p)
{
    free(p->web);
    p->web = NULL;
}
