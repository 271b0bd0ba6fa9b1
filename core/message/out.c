/* Writing JSON, one item after another, so that what comes out is always well-formed or an error.
 *
 * A plugin's mistake (a key in a list, one close too many, bad UTF-8) must not reach a client, so
 * each item is checked against the depth it is written at. Nothing is written after the first
 * error.
 */
#include "message/out.h"

#include "base/ascii.h"
#include "base/str.h"
#include "message/value.h"

#include <math.h>

_Static_assert(OUT_DEPTH <= 32, "is_list and has_items are a bit a depth");

#define REAL_BYTES  40 /* of %.17g, and ".0" */
#define PLAIN_BYTES 64

static void fail(struct out *o, int error)
{
    if (o->error == 0)
        o->error = error;
}

/* After each write: what went wrong in the buffer. */
static void done(struct out *o)
{
    if (o->text.error != 0)
        fail(o, o->text.error);
}

static inline uint32_t bit(const struct out *o)
{
    return UINT32_C(1) << (o->depth - 1);
}

static void begin_text(struct out *o)
{
    o->error = 0;
    o->why[0] = '\0';
    o->depth = 1;
    o->is_list = o->has_items = 0;
    buf_add_char(&o->text, '{');
    done(o);
}

void out_init(struct out *o, size_t limit_bytes)
{
    o->pub.api = &parley_host_api;
    o->owner_kind = 0;
    o->owner = NULL;
    buf_init(&o->text, limit_bytes);
    begin_text(o);
}

void out_clear(struct out *o)
{
    buf_clear(&o->text);
    begin_text(o);
}

void out_finish_memory(struct out *o)
{
    buf_finish(&o->text);
}

int out_end(struct out *o)
{
    if (o->depth > 1)
        fail(o, -EINVAL);
    if (o->error != 0)
        return o->error;
    if (o->depth == 1) {
        o->depth = 0;
        buf_add_char(&o->text, '}');
        done(o);
    }
    return o->error;
}

/* p[0..n) may stand in a JSON string of ours. */
static bool good_text(const char *p, size_t n)
{
    return memchr(p, 0, n) == NULL && str_valid_utf8(p, n);
}

/* Length of a key that may stand as it is: ASCII without anything to escape, and not long. 0: it
 * has to be looked at. */
static size_t plain_key(const char *key)
{
    size_t n = strlen(key);
    return n <= PLAIN_BYTES && ascii_plain(key, n) ? n : 0;
}

/* plain: its plain_key() */
static void add_key(struct out *o, const char *key, size_t plain)
{
    char *to = plain > 0 ? buf_room(&o->text, plain + 3) : NULL;
    if (to == NULL) {
        buf_add_json(&o->text, str_of(key));
        buf_add_char(&o->text, ':');
        return;
    }
    *to++ = '"';
    memcpy(to, key, plain);
    memcpy(to + plain, "\":", 2);
    o->text.n += plain + 3;
}

/* The comma and the key of the next item. false: it must not be written. */
static bool begin_item(struct out *o, const char *key)
{
    if (o->error != 0)
        return false;
    bool list = o->depth > 0 && (o->is_list & bit(o)) != 0;
    size_t plain = key == NULL ? 0 : plain_key(key);
    if (o->depth == 0 || list != (key == NULL) ||
        (key != NULL && plain == 0 && !str_valid_utf8(key, strlen(key)))) {
        fail(o, -EINVAL);
        return false;
    }
    if ((o->has_items & bit(o)) != 0)
        buf_add_char(&o->text, ',');
    o->has_items |= bit(o);
    if (key != NULL)
        add_key(o, key, plain);
    return true;
}

void out_put_str(parley_out *out, const char *key, parley_str v)
{
    struct out *o = out_of(out);
    if (v.p == NULL)
        return;
    bool plain = ascii_plain(v.p, v.n);
    if (!plain && !good_text(v.p, v.n)) {
        fail(o, -EINVAL);
        return;
    }
    if (begin_item(o, key)) {
        if (plain)
            buf_add_quoted(&o->text, v);
        else
            buf_add_json(&o->text, v);
        done(o);
    }
}

void out_put_int(parley_out *out, const char *key, int64_t v)
{
    struct out *o = out_of(out);
    if (begin_item(o, key)) {
        buf_add_int(&o->text, v);
        done(o);
    }
}

/* As jansson prints a real: enough digits to read the same number back, and a point or an exponent,
 * so that it is a real again. printf's point may be that of another locale, and it may be longer
 * than a byte. */
static void add_real(struct buf *to, double v)
{
    char printed[REAL_BYTES], text[REAL_BYTES];
    size_t n = 0;
    bool real = false;
    snprintf(printed, sizeof printed, "%.17g", v);
    for (const char *p = printed; *p != '\0'; p++) {
        if ((*p >= '0' && *p <= '9') || *p == '-') {
            text[n++] = *p;
        } else if (*p == 'e') {
            real = true;
            text[n++] = 'e';
            if (p[1] == '-')
                text[n++] = '-';
            p += strspn(p + 1, "+-0");
        } else if (!real) {
            real = true;
            text[n++] = '.';
        }
    }
    buf_add(to, text, n);
    if (!real)
        buf_add_cstr(to, ".0");
}

void out_put_number(parley_out *out, const char *key, double v)
{
    struct out *o = out_of(out);
    if (!isfinite(v)) {
        fail(o, -EINVAL);
        return;
    }
    if (begin_item(o, key)) {
        add_real(&o->text, v);
        done(o);
    }
}

void out_put_bool(parley_out *out, const char *key, bool v)
{
    struct out *o = out_of(out);
    if (begin_item(o, key)) {
        buf_add_cstr(&o->text, v ? "true" : "false");
        done(o);
    }
}

/* depth: of the container that v stands in. */
static void add_value(struct out *o, const struct value *v, unsigned depth)
{
    switch (v->kind) {
    case VALUE_NULL:
        buf_add_cstr(&o->text, "null");
        return;
    case VALUE_FALSE:
        buf_add_cstr(&o->text, "false");
        return;
    case VALUE_TRUE:
        buf_add_cstr(&o->text, "true");
        return;
    case VALUE_INT:
        buf_add_int(&o->text, v->i);
        return;
    case VALUE_REAL:
        add_real(&o->text, v->d);
        return;
    case VALUE_STRING:
        buf_add_json(&o->text, str_n(v->s.p, v->s.n));
        return;
    default:
        break;
    }
    if (depth == OUT_DEPTH) { /* it could not be read again */
        fail(o, -E2BIG);
        return;
    }
    bool object = v->kind == VALUE_OBJECT;
    buf_add_char(&o->text, object ? '{' : '[');
    for (uint32_t i = 0; i < v->count && o->error == 0; i++) {
        const struct value *item = &v->items[i];
        if (i > 0)
            buf_add_char(&o->text, ',');
        if (object) {
            buf_add_json(&o->text, str_n(item->key, item->key_bytes));
            buf_add_char(&o->text, ':');
        }
        add_value(o, item, depth + 1);
        done(o);
    }
    buf_add_char(&o->text, object ? '}' : ']');
}

void out_put_value(parley_out *out, const char *key, const parley_value *v)
{
    struct out *o = out_of(out);
    if (v != NULL && begin_item(o, key)) {
        add_value(o, value_of(v), o->depth);
        done(o);
    }
}

void out_put_raw(parley_out *out, const char *key, parley_str json)
{
    struct out *o = out_of(out);
    if (json.p == NULL)
        return;
    if (json.n == 0) { /* it would leave a key without a value */
        fail(o, -EINVAL);
        return;
    }
    if (begin_item(o, key)) {
        buf_add_str(&o->text, json);
        done(o);
    }
}

static void open_container(struct out *o, const char *key, bool list)
{
    if (!begin_item(o, key))
        return;
    if (o->depth == OUT_DEPTH) {
        fail(o, -E2BIG);
        return;
    }
    o->depth++;
    o->is_list = list ? o->is_list | bit(o) : o->is_list & ~bit(o);
    o->has_items &= ~bit(o);
    buf_add_char(&o->text, list ? '[' : '{');
    done(o);
}

void out_open_list(parley_out *o, const char *key)
{
    open_container(out_of(o), key, true);
}

void out_open_object(parley_out *o, const char *key)
{
    open_container(out_of(o), key, false);
}

void out_close(parley_out *out)
{
    struct out *o = out_of(out);
    if (o->error != 0)
        return;
    if (o->depth <= 1) { /* the outermost is closed by its owner */
        fail(o, -EINVAL);
        return;
    }
    buf_add_char(&o->text, (o->is_list & bit(o)) != 0 ? ']' : '}');
    o->depth--;
    done(o);
}

int out_refuse(parley_out *out, const char *text)
{
    struct out *o = out_of(out);
    if (o->error == 0) { /* clients are told why: whole characters, and none that play tricks */
        str_printable(str_of(text), o->why, sizeof o->why);
        fail(o, -EINVAL);
    }
    return -EINVAL;
}
