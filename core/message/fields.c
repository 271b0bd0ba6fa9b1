/* Field tables applied to messages: every type is checked here, whether or not it has code.
 *
 * A name with a dot leads through objects. Entries are read through fields_at() alone, since a
 * plugin may have been built when they were of another size. What is said about a fault names the
 * field and what is allowed, never what the client sent.
 */
#include "message/fields.h"

#include "base/str.h"
#include "base/units.h"

#define WHY_BYTES   256
#define NAME_BYTES  128 /* one part of a name */
#define ARENA_BYTES 2048

const parley_field *fields_at(const parley_table *fields, uint32_t i, parley_field *ret)
{
    if (i >= fields->count)
        return NULL;
    *ret = (parley_field){0};
    memcpy(ret, (const char *)fields->items + (size_t)i * fields->size,
           fields->size < sizeof *ret ? fields->size : sizeof *ret);
    if (ret->name == NULL) /* a broken table is no reason to crash */
        ret->name = "";
    return ret;
}

static int refuse(char why[WHY_BYTES], parley_str name, const char *text)
{
    int n = snprintf(why, WHY_BYTES / 2, "'%.*s' ", (int)name.n, name.p);
    if (n >= WHY_BYTES / 2)
        n = WHY_BYTES / 2 - 1;
    snprintf(why + n, (size_t)(WHY_BYTES - n), "%s", text);
    return -EINVAL;
}

/* The value of that name; NULL: absent, or null. *ret_not_object, if given: the beginning of the
 * name when it leads to something that is not an object. */
static const struct value *find(const parley_value *in, const char *name,
                                parley_str *ret_not_object)
{
    const struct value *v = value_of(in);
    for (const char *part = name;;) {
        const char *dot = strchrnul(part, '.');
        v = value_member(v, str_n(part, (size_t)(dot - part)));
        if (v == NULL || v->kind == VALUE_NULL)
            return NULL;
        if (*dot == '\0')
            return v;
        if (v->kind != VALUE_OBJECT) {
            if (ret_not_object != NULL)
                *ret_not_object = str_n(name, (size_t)(dot - name));
            return NULL;
        }
        part = dot + 1;
    }
}

static bool is_whole(const struct value *v)
{
    /* Two fallbacks: a number that is not whole gives each of them in turn. */
    return value_as_int(&v->pub, 0) == value_as_int(&v->pub, 1);
}

static int check_list(const parley_field *f, const struct value *v, char why[WHY_BYTES])
{
    char text[WHY_BYTES];
    parley_str name = str_of(f->name);
    if (v->kind != VALUE_LIST)
        return refuse(why, name, "must be a list of strings");
    if (units_check_count(f, v->count, text) != 0)
        return refuse(why, name, text);
    for (uint32_t i = 0; i < v->count; i++) {
        const struct value *item = &v->items[i];
        if (item->kind != VALUE_STRING)
            return refuse(why, name, "must be a list of strings");
        if (units_check_item(f, str_n(item->s.p, item->s.n), text) != 0)
            return refuse(why, name, text);
    }
    return 0;
}

static int check_value(const parley_field *f, const struct value *v, char why[WHY_BYTES])
{
    char text[WHY_BYTES];
    parley_str name = str_of(f->name);
    switch (f->kind) {
    case PARLEY_BOOL:
        return v->kind == VALUE_TRUE || v->kind == VALUE_FALSE
                   ? 0
                   : refuse(why, name, "must be true or false");
    case PARLEY_INT:
    case PARLEY_SIZE: /* in a message a number of bytes, of milliseconds */
    case PARLEY_DURATION:
        if (!is_whole(v))
            return refuse(why, name, "must be a whole number");
        return units_check_int(f, value_as_int(&v->pub, 0), text) == 0 ? 0
                                                                       : refuse(why, name, text);
    case PARLEY_NUMBER:
        if (v->kind != VALUE_INT && v->kind != VALUE_REAL)
            return refuse(why, name, "must be a number");
        return units_check_number(f, value_as_number(&v->pub, 0), text) == 0
                   ? 0
                   : refuse(why, name, text);
    case PARLEY_STRING:
        if (v->kind != VALUE_STRING)
            return refuse(why, name, "must be a string");
        return units_check_str(f, str_n(v->s.p, v->s.n), text) == 0 ? 0 : refuse(why, name, text);
    case PARLEY_LIST:
        return check_list(f, v, why);
    default:
        return refuse(why, name, "has a kind that this program does not know");
    }
}

int fields_check(const parley_table *fields, const parley_value *in, char why[WHY_BYTES])
{
    if (in == NULL || value_of(in)->kind != VALUE_OBJECT) {
        snprintf(why, WHY_BYTES, "must be an object");
        return -EINVAL;
    }
    parley_field f;
    for (uint32_t i = 0; fields_at(fields, i, &f) != NULL; i++) {
        parley_str not_object = PARLEY_NONE;
        const struct value *v = find(in, f.name, &not_object);
        if (not_object.p != NULL)
            return refuse(why, not_object, "must be an object");
        if (v == NULL && (f.flags & PARLEY_REQUIRED) != 0)
            return refuse(why, str_of(f.name), "is required");
        if (v != NULL && check_value(&f, v, why) != 0)
            return -EINVAL;
    }
    return 0;
}

/* The default is text, as in the INI; one that its own range refuses is none. */
static void put_default(const parley_field *f, const char *key, parley_out *to)
{
    _Alignas(8) char memory[ARENA_BYTES];
    char why[WHY_BYTES];
    struct arena arena;
    union {
        bool b;
        int64_t i;
        double d;
        const char *s;
        parley_list list;
    } v;
    arena_init_in(&arena, memory, sizeof memory, ARENA_BYTES);
    int r = units_read(f, str_of(f->dflt), &arena, &v, why);
    if (r == -ENOMEM && out_of(to)->error == 0)
        out_of(to)->error = -ENOMEM;
    if (r == 0 && f->kind == PARLEY_BOOL) {
        out_put_bool(to, key, v.b);
    } else if (r == 0 && f->kind == PARLEY_NUMBER) {
        out_put_number(to, key, v.d);
    } else if (r == 0 && f->kind == PARLEY_STRING) {
        out_put_str(to, key, str_of(v.s));
    } else if (r == 0 && f->kind == PARLEY_LIST) {
        out_open_list(to, key);
        for (size_t i = 0; i < v.list.n; i++)
            out_put_str(to, NULL, v.list.items[i]);
        out_close(to);
    } else if (r == 0) {
        out_put_int(to, key, v.i);
    }
    arena_finish(&arena);
}

static void put_field(const parley_field *f, const char *key, const struct value *v, parley_out *to)
{
    bool whole = f->kind != PARLEY_NUMBER && v != NULL && v->kind == VALUE_REAL;
    if (whole) /* "1e3" for an INT: receivers are told 1000 */
        out_put_int(to, key, value_as_int(&v->pub, 0));
    else if (v != NULL)
        out_put_value(to, key, &v->pub);
    else if (f->dflt != NULL)
        put_default(f, key, to);
}

static bool begins(const char *name, const char *with, size_t n)
{
    return strncmp(name, with, n) == 0;
}

/* Whether an entry before `i` has that prefix: its group was written there. */
static bool met_before(const parley_table *fields, uint32_t i, const char *prefix, size_t n)
{
    parley_field f;
    for (uint32_t j = 0; j < i; j++)
        if (begins(fields_at(fields, j, &f)->name, prefix, n))
            return true;
    return false;
}

/* Whether from entry `i` on the group of that prefix has anything to write. */
static bool has_any(const parley_table *fields, uint32_t i, const char *prefix, size_t n,
                    const parley_value *in)
{
    parley_field f;
    for (; fields_at(fields, i, &f) != NULL; i++)
        if (begins(f.name, prefix, n) && (f.dflt != NULL || find(in, f.name, NULL) != NULL))
            return true;
    return false;
}

/* All fields whose name begins with prefix[0..n), which is empty or ends with a dot. */
static void copy_group(const parley_table *fields, const char *prefix, size_t n,
                       const parley_value *in, parley_out *to)
{
    parley_field f;
    for (uint32_t i = 0; fields_at(fields, i, &f) != NULL && out_of(to)->error == 0; i++) {
        if (!begins(f.name, prefix, n))
            continue;
        const char *dot = strchr(f.name + n, '.');
        if (dot == NULL) {
            put_field(&f, f.name + n, find(in, f.name, NULL), to);
            continue;
        }
        char key[NAME_BYTES];
        size_t length = (size_t)(dot + 1 - f.name);
        if (met_before(fields, i, f.name, length) || !has_any(fields, i, f.name, length, in))
            continue;
        if (length - n > sizeof key) { /* its author's mistake: no message of this type passes */
            out_of(to)->error = -EINVAL;
            return;
        }
        memcpy(key, f.name + n, length - n - 1);
        key[length - n - 1] = '\0';
        out_open_object(to, key);
        copy_group(fields, f.name, length, in, to);
        out_close(to);
    }
}

void fields_copy(const parley_table *fields, const parley_value *in, parley_out *payload)
{
    copy_group(fields, "", 0, in, payload);
}

/* The value that holds the i-th text: a string. */
static const struct value *text_at(const parley_table *fields, const parley_value *payload,
                                   unsigned i)
{
    parley_field f;
    for (uint32_t j = 0; fields_at(fields, j, &f) != NULL; j++) {
        const struct value *v = (f.flags & PARLEY_TEXT) != 0 ? find(payload, f.name, NULL) : NULL;
        if (v == NULL)
            continue;
        if (v->kind == VALUE_STRING && i-- == 0)
            return v;
        for (uint32_t k = 0; v->kind == VALUE_LIST && k < v->count; k++)
            if (v->items[k].kind == VALUE_STRING && i-- == 0)
                return &v->items[k];
    }
    return NULL;
}

parley_str fields_text(const parley_table *fields, const parley_value *payload, unsigned i)
{
    const struct value *v = text_at(fields, payload, i);
    return v == NULL ? PARLEY_NONE : str_n(v->s.p, v->s.n);
}

static bool holds(const struct value *v, const struct value *wanted)
{
    if (v->kind == VALUE_LIST || v->kind == VALUE_OBJECT)
        for (uint32_t i = 0; i < v->count; i++)
            if (&v->items[i] == wanted || holds(&v->items[i], wanted))
                return true;
    return false;
}

/* The items of v, with `text` in the place of `replaced`. */
static void put_items(const struct value *v, const struct value *replaced, parley_str text,
                      parley_out *to)
{
    for (uint32_t i = 0; i < v->count; i++) {
        const struct value *item = &v->items[i];
        if (item == replaced) {
            out_put_str(to, item->key, text);
        } else if (!holds(item, replaced)) {
            out_put_value(to, item->key, &item->pub);
        } else {
            if (item->kind == VALUE_LIST)
                out_open_list(to, item->key);
            else
                out_open_object(to, item->key);
            put_items(item, replaced, text, to);
            out_close(to);
        }
    }
}

int fields_set_text(const parley_table *fields, const parley_value *payload, unsigned i,
                    parley_str text, parley_out *to)
{
    const struct value *v = text_at(fields, payload, i);
    if (v == NULL)
        return -ENOENT;
    put_items(value_of(payload), v, text.p == NULL ? PARLEY_STR("") : text, to);
    return 0;
}

int fields_set_str(const parley_field *field, const parley_value *payload, parley_str text,
                   parley_out *to)
{
    const struct value *v = find(payload, field->name, NULL);
    if (v == NULL || v->kind != VALUE_STRING)
        return -ENOENT;
    put_items(value_of(payload), v, text, to);
    return 0;
}

/* In place, not a copy: entries only ever grow, so what stands in ours stands in theirs. */
const parley_field *fields_flagged(const parley_table *fields, uint32_t flag)
{
    parley_field f;
    for (uint32_t i = 0; fields_at(fields, i, &f) != NULL; i++)
        if ((f.flags & flag) != 0)
            return (const parley_field *)(const void *)((const char *)fields->items +
                                                        (size_t)i * fields->size);
    return NULL;
}

parley_str fields_str(const parley_field *field, const parley_value *in)
{
    const struct value *v = field == NULL ? NULL : find(in, field->name, NULL);
    return v == NULL || v->kind != VALUE_STRING ? PARLEY_NONE : str_n(v->s.p, v->s.n);
}
