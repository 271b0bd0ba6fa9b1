/* A request: its memory, and the text of its first line taken apart.
 *
 * Paths are exact names here, so anything that could mean another file elsewhere ("..", a NUL, a
 * broken escape, a backslash) is refused rather than understood.
 */
#include "base/str.h"
#include "http/server.h"
#include "message/value.h"

#include <stdlib.h>

enum { QUERY_PARTS = 64 };

struct http_request *http_request_new(void)
{
    struct http_request *q = calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->pub.api = &parley_host_api;
    arena_init(&q->arena, 4096);
    return q;
}

void http_request_free(struct http_request *q)
{
    if (!q)
        return;
    identity_unref(q->identity);
    buf_finish(&q->answer);
    arena_finish(&q->arena);
    free(q);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %xx, and + where `plus`; the text is valid UTF-8 without NUL. 0, -EINVAL, -ENOMEM */
static int decode(struct arena *a, parley_str raw, bool plus, parley_str *ret)
{
    char *out = arena_alloc(a, raw.n + 1);
    size_t n = 0;

    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c == '%') {
            if (raw.n - i < 3)
                return -EINVAL;
            int high = hex(raw.p[i + 1]);
            int low = hex(raw.p[i + 2]);
            if (high < 0 || low < 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (!c)
            return -EINVAL;
        out[n++] = c;
    }
    out[n] = 0;
    *ret = str_n(out, n);
    return str_valid_utf8(out, n) ? 0 : -EINVAL;
}

int http_path_parse(struct http_request *q, parley_str raw)
{
    parley_str path = PARLEY_NONE;
    int error = decode(&q->arena, raw, false, &path);

    return error ? error : http_path_set(q, path);
}

int http_path_set(struct http_request *q, parley_str path)
{
    if (!path.n || path.p[0] != '/' || !str_valid_utf8(path.p, path.n))
        return -EINVAL;
    for (size_t i = 0; i < path.n; i++) {
        bool starts = i > 0 && path.p[i - 1] == '/';
        if ((unsigned char)path.p[i] < ' ' || path.p[i] == '\\' || path.p[i] == 0x7f)
            return -EINVAL;
        if (starts && path.p[i] == '.' && i + 1 < path.n && path.p[i + 1] == '.' &&
            (i + 2 == path.n || path.p[i + 2] == '/'))
            return -EINVAL;
    }
    q->path = arena_str(&q->arena, path);
    return q->path.p ? 0 : -ENOMEM;
}

int http_query_parse(struct http_request *q, parley_str text)
{
    struct http_query *list = arena_alloc(&q->arena, QUERY_PARTS * sizeof *list);
    size_t count = 0;

    if (!list)
        return -ENOMEM;
    for (size_t at = 0, end; at < text.n; at = end + 1) {
        size_t equals;
        int error;

        for (end = at; end < text.n && text.p[end] != '&';)
            end++;
        if (end == at)
            continue;
        if (count == QUERY_PARTS)
            return -EINVAL;
        for (equals = at; equals < end && text.p[equals] != '=';)
            equals++;
        list[count] = (struct http_query){.value = PARLEY_STR("")};
        error = decode(&q->arena, str_n(text.p + at, equals - at), true, &list[count].name);
        if (!error && equals < end)
            error = decode(&q->arena, str_n(text.p + equals + 1, end - equals - 1), true,
                           &list[count].value);
        if (error)
            return error;
        count++;
    }
    q->query = list;
    q->query_count = count;
    return 0;
}

parley_str http_query(const struct http_request *q, const char *name)
{
    for (size_t i = 0; i < q->query_count; i++)
        if (str_is(q->query[i].name, name))
            return q->query[i].value;
    return PARLEY_NONE;
}
