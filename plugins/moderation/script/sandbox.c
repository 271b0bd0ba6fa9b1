/* The sandbox: memory by an allocator that says no, time by a count of instructions.
 *
 * What one instruction can go over is bounded, as no string and no table is larger than a block;
 * what could take longer all the same (sorting, Lua's patterns) is not there. What takes neither
 * many instructions nor memory shows in the thread's time, which is looked at with the count.
 * Nothing in there can catch the end of a budget (pcall, coroutines) or outlive it (finalizers).
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "sandbox.h"

#include <errno.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICE          200 /* instructions between two looks at the budget */
#define STEPS          64  /* likewise of an expression */
#define INSTRUCTION_NS 200 /* several times what one takes */
#define PAID_BYTES     64  /* of new memory, for the price of an instruction */
#define REFUSED_MOST   16  /* each time all garbage is collected, which takes a while */

/* All that a script finds of Lua's libraries; the rest is taken away. */
static const char prune[] =
    "local find, all = string.find, _G\n"
    "for name, kept in pairs {\n"
    "  _G = ' _G _VERSION assert error ipairs math next pairs rawequal rawget rawlen rawset'\n"
    "    .. ' select string table tonumber tostring type utf8 ',\n"
    "  string = ' byte char format len lower reverse sub upper ',\n"
    "  table = ' concat pack unpack '} do\n"
    "  for key in pairs(all[name]) do\n"
    "    if not find(kept, ' ' .. key .. ' ', 1, true) then all[name][key] = nil end\n"
    "  end\n"
    "end\n";

static struct sandbox *of(lua_State *L)
{
    void *s;

    lua_getallocf(L, &s);
    return (struct sandbox *)s;
}

/* The line of the script that runs, below whatever it has called. Takes no memory. */
static void note_where(struct sandbox *s)
{
    lua_Debug at;

    for (int level = 0; s->lua && lua_getstack(s->lua, level, &at); level++) {
        lua_getinfo(s->lua, "Sl", &at);
        if (at.source[0] == '@' && at.currentline > 0) {
            snprintf(s->where, sizeof s->where, "%s:%d", at.short_src, at.currentline);
            return;
        }
    }
}

static void *allocate(void *of_sandbox, void *old, size_t old_bytes, size_t bytes)
{
    struct sandbox *s = (struct sandbox *)of_sandbox;
    size_t had = old ? old_bytes : 0; /* without an old one it is a kind, not a size */
    void *p = NULL;

    if (bytes > had) {
        s->left -= (int64_t)((bytes - had) / PAID_BYTES);
        if (s->left < 0 || bytes > SANDBOX_BLOCK_BYTES || bytes - had > s->most_bytes - s->bytes) {
            note_where(s);
            if (++s->refused > REFUSED_MOST)
                s->left = -1;
            return NULL;
        }
    }
    if (bytes == 0)
        free(old);
    else if (!(p = realloc(old, bytes)))
        return NULL;
    s->bytes += bytes - had;
    return p;
}

static bool spend(struct sandbox *s, int64_t instructions)
{
    struct timespec t;
    int64_t now_ns;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    now_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    if (s->until_ns == 0)
        s->until_ns = now_ns + s->budget * INSTRUCTION_NS;
    s->left = now_ns > s->until_ns ? -1 : s->left - instructions;
    return s->left >= 0;
}

static int end(lua_State *L)
{
    lua_pushnil(L); /* words would take memory, and there is no more */
    return lua_error(L);
}

static void count(lua_State *L, lua_Debug *at)
{
    (void)at;
    if (!spend(of(L), SLICE))
        end(L);
}

/* --- regular expressions: PCRE2 says at each step where it is, so that each is paid --- */
static int step(pcre2_callout_block *at, void *of_sandbox)
{
    struct sandbox *s = (struct sandbox *)of_sandbox;

    (void)at;
    return ++s->steps % STEPS || spend(s, STEPS) ? 0 : PCRE2_ERROR_CALLOUT;
}

static int fail(lua_State *L, const char *what, int code)
{
    char words[120];

    pcre2_get_error_message(code, (PCRE2_UCHAR *)words, sizeof words);
    return luaL_error(L, "%s: %s", what, words);
}

/* spam(text): what it captured, or what it found, or nil. spam(text, "***"): the text with all that
 * it found replaced. */
static int use_regex(lua_State *L)
{
    struct sandbox *s = of(L);
    const pcre2_code *regex = (const pcre2_code *)lua_touserdata(L, lua_upvalueindex(1));
    const size_t *g = pcre2_get_ovector_pointer(s->found);
    size_t n, to_bytes, bytes = sizeof s->replaced;
    const char *text = luaL_checklstring(L, 1, &n), *to = luaL_optlstring(L, 2, NULL, &to_bytes);
    int r = to ? pcre2_substitute(regex, (PCRE2_SPTR)text, n, 0, PCRE2_SUBSTITUTE_GLOBAL, s->found,
                                  s->context, (PCRE2_SPTR)to, to_bytes, (PCRE2_UCHAR *)s->replaced,
                                  &bytes)
               : pcre2_match(regex, (PCRE2_SPTR)text, n, 0, 0, s->found, s->context);

    if (r == PCRE2_ERROR_CALLOUT)
        return end(L);
    if (r < 0 && r != PCRE2_ERROR_NOMATCH)
        return fail(L, "regex", r);
    if (to) {
        lua_pushlstring(L, r ? s->replaced : text, r ? bytes : n);
        return 1;
    }
    if (r < 0)
        return 0;
    luaL_checkstack(L, r, NULL);
    for (int i = r > 1; i < r; i++)
        if (g[2 * i] == PCRE2_UNSET)
            lua_pushnil(L);
        else
            lua_pushlstring(L, text + g[2 * i], g[2 * i + 1] - g[2 * i]);
    return r > 1 ? r - 1 : 1;
}

static int make_regex(lua_State *L)
{
    struct sandbox *s = of(L);
    size_t n, at;
    const char *words = luaL_checklstring(L, 1, &n);
    pcre2_code *regex;
    int code;

    if (!s->loading || s->regexes == SANDBOX_REGEXES)
        return luaL_error(L, "regex: only while the file is loaded, and %d at most",
                          SANDBOX_REGEXES);
    regex = pcre2_compile((PCRE2_SPTR)words, n,
                          PCRE2_UTF | PCRE2_UCP | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C,
                          &code, &at, NULL);
    if (!regex)
        return fail(L, lua_pushfstring(L, "regex, at byte %d", (int)at), code);
    s->regex[s->regexes++] = regex;
    lua_pushlightuserdata(L, regex);
    lua_pushcclosure(L, use_regex, 1);
    return 1;
}

bool sandbox_is_utf8(struct sandbox *s, const char *p, size_t n)
{
    return pcre2_match(s->nothing, (PCRE2_SPTR)p, n, 0, 0, s->found, NULL) >= 0;
}

/* --- a call --- */
/* While the stack is as it was: says where, in front of what went wrong, unless that does. */
static int on_error(lua_State *L)
{
    struct sandbox *s = of(L);
    const char *words =
        lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "an error without words";

    note_where(s);
    if (s->left >= 0 && strncmp(words, s->where, strlen(s->where)) != 0)
        lua_pushfstring(L, "%s: %s", s->where, words);
    return 1;
}

int sandbox_call(struct sandbox *s, lua_CFunction f, void *argument, int64_t instructions)
{
    lua_State *L = s->lua;
    int r;

    snprintf(s->where, sizeof s->where, "%s", s->file);
    s->budget = s->left = instructions;
    s->until_ns = s->refused = s->steps = 0;
    lua_sethook(L, count, LUA_MASKCOUNT, SLICE);
    lua_settop(L, 0);
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, argument);
    r = lua_pcall(L, 1, LUA_MULTRET, 1);
    lua_remove(L, 1);
    if (r == LUA_OK)
        return 0;
    if (s->left < 0)
        snprintf(s->why, sizeof s->why, "%s: over its budget of %lld instructions", s->where,
                 (long long)instructions);
    else if (r == LUA_ERRMEM)
        snprintf(s->why, sizeof s->why, "%s: over its %zu bytes of memory, or %d in one piece",
                 s->where, s->most_bytes, SANDBOX_BLOCK_BYTES);
    else
        snprintf(s->why, sizeof s->why, "%s",
                 lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : s->where);
    lua_settop(L, 0);
    return -EINVAL;
}

static int set_up(lua_State *L)
{
    static const luaL_Reg libraries[] = {{"_G", luaopen_base},
                                         {"string", luaopen_string},
                                         {"table", luaopen_table},
                                         {"math", luaopen_math},
                                         {"utf8", luaopen_utf8}};

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
    luaL_loadstring(L, prune);
    lua_call(L, 0, 0);
    lua_register(L, "regex", make_regex);
    if (luaL_loadfilex(L, (const char *)lua_touserdata(L, 1), "t") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    if (lua_getglobal(L, "message") != LUA_TFUNCTION)
        return luaL_error(L, "it has no function 'message'");
    return 0;
}

int sandbox_open(struct sandbox *s, const char *file, int64_t instructions)
{
    int r = -EINVAL, code;
    size_t at;

    s->file = file;
    snprintf(s->why, sizeof s->why, "%s: no memory for a Lua", file);
    s->left = INT64_MAX;
    s->context = pcre2_match_context_create(NULL);
    s->found = pcre2_match_data_create(32, NULL);
    s->nothing = pcre2_compile((PCRE2_SPTR) "", 0, PCRE2_UTF, &code, &at, NULL);
    s->lua = lua_newstate(allocate, s);
    if (s->nothing && s->context && s->found && s->lua) {
        pcre2_set_callout(s->context, step, s);
        pcre2_set_heap_limit(s->context, (uint32_t)(s->most_bytes / 1024));
        s->loading = true;
        r = sandbox_call(s, set_up, (void *)(uintptr_t)file, instructions);
        s->loading = false;
    }
    return r;
}

void sandbox_close(struct sandbox *s)
{
    if (s->lua)
        lua_close(s->lua);
    for (unsigned i = 0; i < s->regexes; i++)
        pcre2_code_free(s->regex[i]);
    pcre2_code_free(s->nothing);
    pcre2_match_data_free(s->found);
    pcre2_match_context_free(s->context);
}
