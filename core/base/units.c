/* Values as people write them, and their ranges. The one place that decides what "60s" or "1..64"
 * means: the INI, the defaults in tables and the fields of messages are all judged here.
 *
 * Every refusal is a sentence that says what is allowed. What was written is repeated in it only
 * where the field is not a secret.
 */
#include "base/units.h"

#include "base/arena.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>

#define WHY_BYTES  256
#define ECHO_BYTES 64

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit size_units[] = {
    {"B", 1}, {"KiB", INT64_C(1) << 10}, {"MiB", INT64_C(1) << 20}, {"GiB", INT64_C(1) << 30}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Digits at the beginning of s; how many there are, 0: none. *ret_over: they are more than an
 * int64_t holds. */
static size_t digits(parley_str s, int64_t *ret, bool *ret_over)
{
    int64_t v = 0;
    size_t i = 0;
    *ret_over = false;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
            *ret_over = true;
    *ret = v;
    return i;
}

static int with_unit(parley_str s, const struct unit *units, size_t count, int64_t *ret)
{
    int64_t v;
    bool over;
    size_t n = digits(s, &v, &over);
    if (n == 0)
        return -EINVAL;
    if (n == s.n && v == 0 && !over) {
        *ret = 0;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        if (str_is(str_n(s.p + n, s.n - n), units[i].name)) {
            if (over || __builtin_mul_overflow(v, units[i].factor, &v))
                return -ERANGE;
            *ret = v;
            return 0;
        }
    return -EINVAL;
}

int units_duration(parley_str s, int64_t *ret_ms)
{
    return with_unit(s, duration_units, COUNT(duration_units), ret_ms);
}

int units_size(parley_str s, int64_t *ret_bytes)
{
    return with_unit(s, size_units, COUNT(size_units), ret_bytes);
}

int units_bool(parley_str s, bool *ret)
{
    bool yes = str_is(s, "yes") || str_is(s, "true") || str_is(s, "on");
    if (!yes && !str_is(s, "no") && !str_is(s, "false") && !str_is(s, "off"))
        return -EINVAL;
    *ret = yes;
    return 0;
}

int units_int(parley_str s, int64_t *ret)
{
    bool minus = s.n > 0 && s.p[0] == '-', over;
    parley_str rest = minus ? str_n(s.p + 1, s.n - 1) : s;
    int64_t v;
    if (digits(rest, &v, &over) != rest.n || rest.n == 0)
        return -EINVAL;
    if (over) /* so is the least int64_t, which nobody needs */
        return -ERANGE;
    *ret = minus ? -v : v;
    return 0;
}

/* Digits, a point, an exponent; not what strtod() takes besides: "inf", "0x1p3", " 1". */
int units_number(parley_str s, double *ret)
{
    char text[64], *end;
    if (s.n == 0 || s.n >= sizeof text || s.p[0] == '+')
        return -EINVAL;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (strspn(text, "0123456789+-.eE") < s.n)
        return -EINVAL;
    double v = strtod(text, &end);
    if (end == text || *end != '\0')
        return -EINVAL;
    if (!isfinite(v))
        return -ERANGE;
    *ret = v;
    return 0;
}

const char *units_kind_name(int32_t kind)
{
    static const char *const names[] = {
        [PARLEY_BOOL] = "yes or no", [PARLEY_INT] = "whole number", [PARLEY_NUMBER] = "number",
        [PARLEY_STRING] = "text",    [PARLEY_SIZE] = "size",        [PARLEY_DURATION] = "duration",
        [PARLEY_LIST] = "list"};
    return kind < PARLEY_BOOL || kind > PARLEY_LIST ? "unknown" : names[kind];
}

static int refuse(char why[WHY_BYTES], const char *format, ...) PARLEY_PRINTF(2);
static int refuse(char why[WHY_BYTES], const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, WHY_BYTES, format, ap);
    va_end(ap);
    return -EINVAL;
}

/* "1..300", "1..", "..300": the two ends, an absent one being empty. false: not a range. */
static bool range_ends(parley_str range, parley_str *ret_low, parley_str *ret_high)
{
    const char *dots = range.n == 0 ? NULL : memmem(range.p, range.n, "..", 2);
    if (dots == NULL)
        return false;
    *ret_low = str_trim(str_n(range.p, (size_t)(dots - range.p)));
    *ret_high = str_trim(str_n(dots + 2, range.n - (size_t)(dots + 2 - range.p)));
    return true;
}

/* A value of any kind with an order, as a double: exact for what a range may sensibly say. */
static bool ordered(int32_t kind, parley_str text, double *ret)
{
    int64_t v;
    int r = kind == PARLEY_NUMBER     ? units_number(text, ret)
            : kind == PARLEY_SIZE     ? units_size(text, &v)
            : kind == PARLEY_DURATION ? units_duration(text, &v)
                                      : units_int(text, &v);
    if (r == 0 && kind != PARLEY_NUMBER)
        *ret = (double)v;
    return r == 0;
}

/* `verb`, `of`: "be", " characters long"; `of` is "" for a plain value. */
static int check_range(int32_t kind, parley_str range, double v, const char *verb, const char *of,
                       char why[WHY_BYTES])
{
    parley_str low, high;
    double least, most;
    if (range.n == 0)
        return 0;
    bool is_range = range_ends(range, &low, &high);
    bool has_low = is_range && ordered(kind, low, &least);
    bool has_high = is_range && ordered(kind, high, &most);
    if (!is_range || (!has_low && low.n > 0) || (!has_high && high.n > 0)) /* a bug of its author */
        return refuse(why, "cannot be checked: '%.*s' is no range", (int)range.n, range.p);
    if ((!has_low || v >= least) && (!has_high || v <= most))
        return 0;
    int low_n = (int)low.n, high_n = (int)high.n;
    if (has_low && has_high && least >= most)
        return refuse(why, "must %s %.*s%s", verb, low_n, low.p, of);
    if (has_low && has_high)
        return refuse(why, "must %s %s%.*s to %.*s%s", verb, *of == '\0' ? "from " : "", low_n,
                      low.p, high_n, high.p, of);
    return has_low ? refuse(why, "must %s at least %.*s%s", verb, low_n, low.p, of)
                   : refuse(why, "must %s at most %.*s%s", verb, high_n, high.p, of);
}

int units_check_int(const parley_field *field, int64_t v, char why[WHY_BYTES])
{
    return check_range(field->kind, str_of(field->range), (double)v, "be", "", why);
}

int units_check_number(const parley_field *field, double v, char why[WHY_BYTES])
{
    return check_range(field->kind, str_of(field->range), v, "be", "", why);
}

/* `*` matches any run, also none. Only the newest star is ever tried again: no blow-up. */
static bool matches(parley_str pattern, parley_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

#define ALTERNATIVES_MAX 32

/* "a|b|http://…*" */
static int check_alternatives(parley_str range, parley_str v, char why[WHY_BYTES])
{
    char words[ALTERNATIVES_MAX][48], given[48], list[WHY_BYTES - 64];
    const char *closest_among[ALTERNATIVES_MAX];
    size_t count = 0, n = 0;
    for (parley_str rest = range;;) {
        const char *bar = memchr(rest.p, '|', rest.n);
        parley_str one = str_trim(str_n(rest.p, bar == NULL ? rest.n : (size_t)(bar - rest.p)));
        if (matches(one, v))
            return 0;
        int wrote = snprintf(list + n, sizeof list - n, "%s'%.*s'",
                             n == 0        ? ""
                             : bar == NULL ? " or "
                                           : ", ",
                             (int)one.n, one.p);
        n = n + (size_t)wrote < sizeof list ? n + (size_t)wrote : sizeof list - 1;
        if (count < ALTERNATIVES_MAX && one.n < sizeof *words) {
            snprintf(words[count], sizeof *words, "%.*s", (int)one.n, one.p);
            closest_among[count] = words[count];
            count++;
        }
        if (bar == NULL)
            break;
        rest = str_n(bar + 1, rest.n - (size_t)(bar + 1 - rest.p));
    }
    const char *verb = memchr(range.p, '*', range.n) == NULL ? "be" : "match";
    snprintf(given, sizeof given, "%.*s", (int)v.n, v.n == 0 ? "" : v.p);
    const char *meant = v.n < sizeof given ? str_closest(given, closest_among, count) : NULL;
    if (meant != NULL && strchr(meant, '*') == NULL)
        return refuse(why, "must %s %s (did you mean '%s'?)", verb, list, meant);
    return refuse(why, "must %s %s", verb, list);
}

static int check_text(parley_str range, parley_str v, char why[WHY_BYTES])
{
    parley_str low, high;
    double end;
    if (range.n == 0)
        return 0;
    if (range_ends(range, &low, &high) && (low.n == 0 || ordered(PARLEY_INT, low, &end)) &&
        (high.n == 0 || ordered(PARLEY_INT, high, &end)))
        return check_range(PARLEY_INT, range, (double)str_codepoints(v), "be", " characters long",
                           why);
    return check_alternatives(range, v, why);
}

int units_check_str(const parley_field *field, parley_str v, char why[WHY_BYTES])
{
    return check_text(str_of(field->range), v, why);
}

#define EXACT_MOST 9007199254740992 /* 2^53: up to it a double is every whole number */

/* One end of it; an absent one is `otherwise`. */
static bool length_end(parley_str text, size_t otherwise, size_t *ret)
{
    double end;
    *ret = otherwise;
    if (text.n == 0)
        return true;
    if (!ordered(PARLEY_INT, text, &end) || end < 0 || end > EXACT_MOST)
        return false;
    *ret = (size_t)end;
    return true;
}

bool units_length_range(const char *range, size_t *ret_least, size_t *ret_most)
{
    parley_str all = str_of(range), low, high;
    *ret_least = 0;
    *ret_most = SIZE_MAX;
    if (all.n == 0)
        return true;
    return range_ends(all, &low, &high) && length_end(low, 0, ret_least) &&
           length_end(high, SIZE_MAX, ret_most);
}

/* "2..10 of 1..80": the count's range, and the items'; either may be missing. */
static void list_ranges(const char *range, parley_str *ret_count, parley_str *ret_item)
{
    parley_str all = str_trim(str_of(range));
    const char *of = all.n == 0 ? NULL : memmem(all.p, all.n, "of ", 3);
    bool split = of != NULL && (of == all.p || of[-1] == ' ');
    *ret_count = split ? str_trim(str_n(all.p, (size_t)(of - all.p))) : all;
    *ret_item = split ? str_trim(str_n(of + 3, all.n - (size_t)(of + 3 - all.p))) : PARLEY_NONE;
}

int units_check_count(const parley_field *field, size_t n, char why[WHY_BYTES])
{
    parley_str count, item;
    list_ranges(field->range, &count, &item);
    return check_range(PARLEY_INT, count, (double)n, "have", " items", why);
}

int units_check_item(const parley_field *field, parley_str item, char why[WHY_BYTES])
{
    parley_str count, range;
    char of_item[WHY_BYTES];
    list_ranges(field->range, &count, &range);
    return check_text(range, item, of_item) == 0
               ? 0
               : refuse(why, "has an item that %.*s", WHY_BYTES - 24, of_item);
}

/* Says what was written, before a suggestion if there is one. */
static int refuse_text(const parley_field *field, parley_str text, char why[WHY_BYTES])
{
    if ((field->flags & PARLEY_SECRET) != 0)
        return -EINVAL;
    char echo[ECHO_BYTES], tail[80] = "";
    char *suggestion = strstr(why, " (did you");
    if (suggestion != NULL) {
        snprintf(tail, sizeof tail, "%s", suggestion);
        *suggestion = '\0';
    }
    size_t n = strlen(why);
    str_printable(text, echo, sizeof echo);
    snprintf(why + n, WHY_BYTES - n, ", not '%s'%s", echo, tail);
    return -EINVAL;
}

static int read_list(const parley_field *field, parley_str text, struct arena *arena,
                     parley_list *ret, char why[WHY_BYTES])
{
    size_t count = text.n > 0, n = 0;
    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == ',';
    if (units_check_count(field, count, why) != 0)
        return -EINVAL;
    parley_str *items = arena_alloc(arena, count * sizeof *items);
    if (items == NULL)
        return -ENOMEM;
    for (parley_str rest = text; n < count;) {
        const char *comma = memchr(rest.p, ',', rest.n);
        size_t length = comma == NULL ? rest.n : (size_t)(comma - rest.p);
        parley_str one = str_trim(str_n(rest.p, length));
        if (one.n == 0)
            return refuse(why, "must not have an empty item: a comma stands between two items");
        if (units_check_item(field, one, why) != 0)
            return refuse_text(field, one, why);
        items[n] = arena_str(arena, one);
        if (items[n++].p == NULL)
            return -ENOMEM;
        if (comma != NULL)
            rest = str_n(comma + 1, rest.n - length - 1);
    }
    *ret = (parley_list){items, count};
    return 0;
}

static int read_ordered(const parley_field *field, parley_str text, int64_t *ret,
                        char why[WHY_BYTES])
{
    int64_t v;
    int r = field->kind == PARLEY_SIZE       ? units_size(text, &v)
            : field->kind == PARLEY_DURATION ? units_duration(text, &v)
                                             : units_int(text, &v);
    if (r == -ERANGE)
        return refuse(why, "is a larger number than there is room for");
    if (r != 0)
        return refuse(why, "must be %s",
                      field->kind == PARLEY_SIZE       ? "a size such as '16KiB' or '1MiB'"
                      : field->kind == PARLEY_DURATION ? "a duration such as '60s' or '5m'"
                                                       : "a whole number");
    if (units_check_int(field, v, why) != 0)
        return -EINVAL;
    *ret = v;
    return 0;
}

int units_read(const parley_field *field, parley_str text, struct arena *arena, void *into,
               char why[WHY_BYTES])
{
    int r = 0;
    text = str_trim(text);
    switch (field->kind) {
    case PARLEY_BOOL:
        r = units_bool(text, into) == 0 ? 0 : refuse(why, "must be 'yes' or 'no'");
        break;
    case PARLEY_INT:
    case PARLEY_SIZE:
    case PARLEY_DURATION:
        r = read_ordered(field, text, into, why);
        break;
    case PARLEY_NUMBER: {
        double v = 0;
        r = units_number(text, &v) != 0 ? refuse(why, "must be a number such as '0.8'")
                                        : units_check_number(field, v, why);
        if (r == 0)
            *(double *)into = v;
        break;
    }
    case PARLEY_STRING: {
        r = units_check_str(field, text, why);
        parley_str copy = r == 0 ? arena_str(arena, text) : PARLEY_NONE;
        if (r == 0 && copy.p == NULL)
            return -ENOMEM;
        if (r == 0)
            *(const char **)into = copy.p;
        break;
    }
    case PARLEY_LIST:
        return read_list(field, text, arena, into, why);
    default:
        return refuse(why, "has no kind that this program knows");
    }
    return r == -EINVAL ? refuse_text(field, text, why) : r;
}
