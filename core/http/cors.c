/* Origins. They are taken apart and compared by their parts, never by prefix or suffix:
 * "https://chat.example.org.evil.example" begins, and "https://evilchat.example.org" ends, as a
 * friend does.
 */
#include "http/cors.h"

#include "base/str.h"

#include <ctype.h>

struct origin {
    bool https;
    parley_str host; /* with the brackets of an IPv6 address */
    int port;        /* 0: not written */
};

static bool read_port(parley_str s, int *ret)
{
    int port = 0;

    if (!s.n || s.n > 5)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]))
            return false;
        port = port * 10 + (s.p[i] - '0');
    }
    *ret = port;
    return port > 0 && port <= 65535;
}

/* "chat.example.org:8080", "[::1]" */
static bool read_authority(parley_str s, struct origin *ret)
{
    size_t n = 0;

    if (!s.p || !s.n)
        return false;
    if (s.p[0] == '[') {
        while (n < s.n && s.p[n] != ']')
            n++;
        if (n == s.n)
            return false;
        n++;
    } else {
        while (n < s.n && s.p[n] != ':')
            n++;
    }
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !strchr("-._:[]", s.p[i]))
            return false;
    ret->host = str_n(s.p, n);
    ret->port = 0;
    if (n == s.n)
        return n > 0;
    return n > 0 && s.p[n] == ':' && read_port(str_n(s.p + n + 1, s.n - n - 1), &ret->port);
}

/* "https://chat.example.org:8080", nothing behind it */
static bool read_origin(parley_str s, struct origin *ret)
{
    if (s.n > 8 && str_casecmp(str_n(s.p, 8), PARLEY_STR("https://")) == 0) {
        ret->https = true;
        return read_authority(str_n(s.p + 8, s.n - 8), ret);
    }
    ret->https = false;
    return s.n > 7 && str_casecmp(str_n(s.p, 7), PARLEY_STR("http://")) == 0 &&
           read_authority(str_n(s.p + 7, s.n - 7), ret);
}

static int port_of(const struct origin *o, bool https)
{
    return o->port ? o->port : https ? 443 : 80;
}

bool cors_allows(parley_str origin, parley_str host, const parley_list *origins)
{
    struct origin from, other;

    if (!origin.p || !read_origin(origin, &from))
        return false;
    /* A proxy in front may end TLS, so the scheme of a page on our own host is not ours to judge;
     * it only says which port a missing one stands for. */
    if (read_authority(host, &other) && str_casecmp(from.host, other.host) == 0 &&
        port_of(&from, from.https) == port_of(&other, from.https))
        return true;
    for (size_t i = 0; origins && i < origins->n; i++)
        if (read_origin(origins->items[i], &other) && other.https == from.https &&
            str_casecmp(from.host, other.host) == 0 &&
            port_of(&from, from.https) == port_of(&other, other.https))
            return true;
    return false;
}

static void add(struct http_request *q, const char *header)
{
    if (q->extra_count < sizeof q->extra_headers / sizeof *q->extra_headers)
        q->extra_headers[q->extra_count++] = header;
}

void cors_add_headers(struct http_request *q, bool preflight)
{
    parley_str allow =
        arena_printf(&q->arena, "Access-Control-Allow-Origin: %.*s", (int)q->origin.n, q->origin.p);

    if (!allow.p)
        return;
    add(q, allow.p);
    if (!preflight)
        return;
    add(q, "Access-Control-Allow-Methods: GET, POST, PATCH, OPTIONS, DELETE");
    add(q, "Access-Control-Allow-Headers: Content-Type, Authorization");
    add(q, "Access-Control-Max-Age: 600");
}
