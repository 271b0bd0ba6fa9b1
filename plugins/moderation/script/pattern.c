/* Lua's patterns, every step on the script's budget.
 *
 * Lua's own matcher is one C call, in which no hook fires, and a pattern that goes back over what
 * it took keeps it busy for years with a hundred letters of somebody's. This one finds the same,
 * and pays for each step; so no pattern is forbidden, no text too long, and none holds up the hub.
 */
#include "sandbox.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define STEPS      4 /* for the price of an instruction */
#define DEPTH      200
#define CAPTURES   32
#define UNFINISHED (-1)
#define POSITION   (-2)
#define BYTE(p)    ((unsigned char)*(p))

struct match {
    lua_State *L;
    const char *text, *text_end, *pattern_end;
    int steps, depth, captures;
    struct {
        const char *at;
        ptrdiff_t n;
    } capture[CAPTURES];
};

static void step(struct match *m)
{
    m->steps = (m->steps + 1) % STEPS;
    if (m->steps == 0)
        sandbox_charge(m->L, 1);
}

/* --- one character --- */
static int is_zero(int c)
{
    return c == 0;
}

static bool in_class(int c, int class)
{
    static const struct {
        char name;
        int (*is)(int);
    } classes[] = {{'a', isalpha}, {'c', iscntrl},  {'d', isdigit}, {'g', isgraph},
                   {'l', islower}, {'p', ispunct},  {'s', isspace}, {'u', isupper},
                   {'w', isalnum}, {'x', isxdigit}, {'z', is_zero}};

    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (tolower(class) == classes[i].name)
            return (classes[i].is(c) != 0) == (islower(class) != 0);
    return class == c;
}

/* Behind the character, class or set that begins at p. */
static const char *item_end(struct match *m, const char *p)
{
    if (*p == '%' && p + 1 == m->pattern_end)
        sandbox_error(m->L, "malformed pattern (ends with '%')");
    if (*p != '[')
        return p + (*p == '%' ? 2 : 1);
    p += p[1] == '^' ? 2 : 1;
    do { /* the first may be a ']' */
        if (p >= m->pattern_end)
            sandbox_error(m->L, "malformed pattern (missing ']')");
        p += *p == '%' ? 2 : 1;
    } while (p >= m->pattern_end || *p != ']');
    return p + 1;
}

/* p: at '['; end: at ']' */
static bool in_set(struct match *m, int c, const char *p, const char *end)
{
    bool negated = p[1] == '^';

    for (p += negated ? 2 : 1; p < end; p++) {
        bool range = *p != '%' && p[1] == '-' && p + 2 < end, hit;

        step(m);
        hit = *p == '%' ? in_class(c, BYTE(p + 1))
              : range   ? BYTE(p) <= c && c <= BYTE(p + 2)
                        : BYTE(p) == c;
        if (hit)
            return !negated;
        p += range ? 2 : *p == '%';
    }
    return negated;
}

static bool in_item(struct match *m, const char *s, const char *p, const char *next)
{
    step(m);
    if (s == m->text_end)
        return false;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return in_class(BYTE(s), BYTE(p + 1));
    case '[':
        return in_set(m, BYTE(s), p, next - 1);
    default:
        return *p == *s;
    }
}

/* --- the rest of the pattern, at some place of the text: where that ends, or NULL --- */
static const char *match(struct match *m, const char *s, const char *p);

/* As many as there are, and then fewer. */
static const char *match_most(struct match *m, const char *s, const char *p, const char *next)
{
    const char *least = s + (*next == '+'), *end = NULL;

    while (in_item(m, s, p, next))
        s++;
    for (; s >= least && !end; s--)
        end = match(m, s, next + 1);
    return end;
}

/* None, and then more. */
static const char *match_least(struct match *m, const char *s, const char *p, const char *next)
{
    const char *end = match(m, s, next + 1);

    while (!end && in_item(m, s, p, next))
        end = match(m, ++s, next + 1);
    return end;
}

/* p: at the two characters of %bxy */
static const char *match_balanced(struct match *m, const char *s, const char *p)
{
    int open = 0;

    if (p + 1 >= m->pattern_end)
        sandbox_error(m->L, "malformed pattern (missing arguments to '%b')");
    if (s == m->text_end || *s != *p)
        return NULL;
    for (; s < m->text_end; s++) {
        step(m);
        if (*s == p[1] && open == 1)
            return s + 1;
        open += *s == p[1] && open > 0 ? -1 : *s == *p;
    }
    return NULL;
}

static const char *match_again(struct match *m, const char *s, int i)
{
    ptrdiff_t n;

    if (i < 0 || i >= m->captures || m->capture[i].n == UNFINISHED)
        sandbox_error(m->L, "invalid capture index in pattern");
    n = m->capture[i].n;
    if (n == POSITION)
        return NULL;
    sandbox_charge(m->L, n / 64);
    return m->text_end - s >= n && memcmp(m->capture[i].at, s, (size_t)n) == 0 ? s + n : NULL;
}

/* A character of the set follows one that is none. Around the text there are zeros. */
static bool at_frontier(struct match *m, const char *s, const char *p, const char *end)
{
    int before = s == m->text ? 0 : BYTE(s - 1), here = s == m->text_end ? 0 : BYTE(s);

    return !in_set(m, before, p, end - 1) && in_set(m, here, p, end - 1);
}

static const char *match_open(struct match *m, const char *s, const char *p)
{
    bool position = p[1] == ')';
    const char *end;

    if (m->captures == CAPTURES)
        sandbox_error(m->L, "too many captures");
    m->capture[m->captures].at = s;
    m->capture[m->captures++].n = position ? POSITION : UNFINISHED;
    end = match(m, s, p + (position ? 2 : 1));
    m->captures -= !end;
    return end;
}

static const char *match_close(struct match *m, const char *s, const char *p)
{
    int i = m->captures - 1;
    const char *end;

    while (i >= 0 && m->capture[i].n != UNFINISHED)
        i--;
    if (i < 0)
        sandbox_error(m->L, "invalid pattern capture");
    m->capture[i].n = s - m->capture[i].at;
    end = match(m, s, p + 1);
    if (!end)
        m->capture[i].n = UNFINISHED;
    return end;
}

/* One item, with what says how often. false: that was the end, and *s is it. */
static bool match_item(struct match *m, const char **s, const char **p)
{
    const char *item = *p, *next = item_end(m, item), *end;

    *p = next;
    switch (next < m->pattern_end ? *next : 0) {
    case '*':
    case '+':
        *s = match_most(m, *s, item, next);
        return false;
    case '-':
        *s = match_least(m, *s, item, next);
        return false;
    case '?':
        end = in_item(m, *s, item, next) ? match(m, *s + 1, next + 1) : NULL;
        *s = end ? end : *s;
        *p = next + 1;
        return !end;
    default:
        *s = in_item(m, *s, item, next) ? *s + 1 : NULL;
        return true;
    }
}

static const char *match_rest(struct match *m, const char *s, const char *p)
{
    while (s && p != m->pattern_end) {
        char special = *p == '%' ? p[1] : 0;

        step(m);
        if (*p == '(')
            return match_open(m, s, p);
        if (*p == ')')
            return match_close(m, s, p);
        if (*p == '$' && p + 1 == m->pattern_end)
            return s == m->text_end ? s : NULL;
        if (special == 'b') {
            s = match_balanced(m, s, p + 2);
            p += 4;
        } else if (special == 'f') {
            if (p[2] != '[')
                sandbox_error(m->L, "missing '[' after '%f' in pattern");
            s = at_frontier(m, s, p + 2, item_end(m, p + 2)) ? s : NULL;
            p = item_end(m, p + 2);
        } else if (isdigit((unsigned char)special)) {
            s = match_again(m, s, special - '1');
            p += 2;
        } else if (!match_item(m, &s, &p)) {
            return s;
        }
    }
    return s;
}

static const char *match(struct match *m, const char *s, const char *p)
{
    const char *end;

    if (m->depth++ == DEPTH)
        sandbox_error(m->L, "pattern too complex");
    end = match_rest(m, s, p);
    m->depth--;
    return end;
}

/* --- the library --- */
static int push_found(struct match *m, const char *from, const char *end)
{
    luaL_checkstack(m->L, 2 + m->captures, NULL);
    lua_pushinteger(m->L, from - m->text + 1);
    lua_pushinteger(m->L, end - m->text);
    for (int i = 0; i < m->captures; i++)
        if (m->capture[i].n == UNFINISHED)
            sandbox_error(m->L, "unfinished capture");
        else if (m->capture[i].n == POSITION)
            lua_pushinteger(m->L, m->capture[i].at - m->text + 1);
        else
            lua_pushlstring(m->L, m->capture[i].at, (size_t)m->capture[i].n);
    return 2 + m->captures;
}

int pattern_find(lua_State *L)
{
    struct match m = {.L = L};
    size_t n, p_n;
    const char *p, *s, *end = NULL;
    lua_Integer at = luaL_optinteger(L, 3, 1);
    bool plain = lua_toboolean(L, 4), anchor;

    m.text = luaL_checklstring(L, 1, &n);
    m.text_end = m.text + n;
    p = luaL_checklstring(L, 2, &p_n);
    m.pattern_end = p + p_n;
    plain = plain || strcspn(p, "^$*+?.([%-") == p_n;
    if (at < 0)
        at = at < -(lua_Integer)n ? 1 : (lua_Integer)n + at + 1;
    anchor = !plain && *p == '^';
    p += anchor;
    for (s = m.text + (at > 0 ? at - 1 : 0); at <= (lua_Integer)n + 1 && s <= m.text_end; s++) {
        step(&m);
        m.captures = 0;
        if (!plain)
            end = match(&m, s, p);
        else
            sandbox_charge(L, (int64_t)p_n / 64);
        if (plain && p_n <= (size_t)(m.text_end - s) && memcmp(s, p, p_n) == 0)
            end = s + p_n;
        if (end)
            return push_found(&m, s, end);
        if (anchor)
            break;
    }
    lua_pushnil(L);
    return 1;
}
