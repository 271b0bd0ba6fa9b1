/* The sandbox: memory by an allocator that says no, time by a count of instructions.
 *
 * Nothing may take long without paying. Instructions are counted by a hook, and memory that is
 * taken costs by its size, which pays for all that makes strings; what goes over much and takes
 * none is charged by library.c and pattern.c. Nothing in there can catch the end of the budget.
 */
#include "sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE       100 /* instructions between two looks at the budget */
#define BYTES       64  /* of new memory, for the price of an instruction */
#define LOAD_FACTOR 100 /* the file itself may take so many times what a message may */

/* The line of the script that runs, below whatever it has called. Takes no memory. */
static void note_where(struct sandbox *s, lua_State *L)
{
    lua_Debug at;

    for (int level = 0; lua_getstack(L, level, &at); level++) {
        lua_getinfo(L, "Sl", &at);
        if (at.source[0] == '@' && at.currentline > 0) {
            snprintf(s->where, sizeof s->where, "%s:%d", at.short_src, at.currentline);
            return;
        }
    }
}

static struct sandbox *of(lua_State *L)
{
    void *s;

    lua_getallocf(L, &s);
    return (struct sandbox *)s;
}

static void *allocate(void *of_sandbox, void *old, size_t old_bytes, size_t bytes)
{
    struct sandbox *s = (struct sandbox *)of_sandbox;
    size_t had = old ? old_bytes : 0; /* without an old one it is a kind, not a size */
    void *p;

    if (bytes == 0) {
        free(old);
        s->bytes -= had;
        return NULL;
    }
    if (bytes > had) {
        s->left -= (int64_t)((bytes - had) / BYTES);
        if (s->left < 0 || bytes - had > s->most_bytes - s->bytes) {
            if (s->lua)
                note_where(s, s->lua);
            return NULL;
        }
    }
    p = realloc(old, bytes);
    if (p)
        s->bytes += bytes - had;
    return p;
}

int sandbox_error(lua_State *L, const char *words)
{
    lua_pushstring(L, words);
    return lua_error(L);
}

void sandbox_charge(lua_State *L, int64_t instructions)
{
    struct sandbox *s = of(L);

    if (instructions <= s->left) {
        s->left -= instructions;
        return;
    }
    s->left = -1;
    lua_pushnil(L); /* words would take memory, and there is no more */
    lua_error(L);
}

static void count(lua_State *L, lua_Debug *at)
{
    (void)at;
    sandbox_charge(L, SLICE);
}

/* While the stack is as it was: says where, in front of what went wrong, unless that does. */
static int on_error(lua_State *L)
{
    struct sandbox *s = of(L);
    const char *words =
        lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "an error without words";

    note_where(s, L);
    if (s->left >= 0 && strncmp(words, s->where, strlen(s->where)) != 0)
        lua_pushfstring(L, "%s: %s", s->where, words);
    else if (s->left >= 0)
        lua_pushvalue(L, 1);
    return 1;
}

struct opening {
    const char *file;
    const luaL_Reg *globals;
    void *upvalue;
};

static int set_up(lua_State *L)
{
    const struct opening *o = (const struct opening *)lua_touserdata(L, 1);

    library_open(L);
    lua_pushglobaltable(L);
    lua_pushlightuserdata(L, o->upvalue);
    luaL_setfuncs(L, o->globals, 1);
    if (luaL_loadfilex(L, o->file, "t") != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 0);
    if (lua_getglobal(L, "message") != LUA_TFUNCTION)
        sandbox_error(L, "it has no function 'message'");
    return 0;
}

int sandbox_open(struct sandbox *s, const char *file, const luaL_Reg *globals, void *upvalue,
                 size_t most_bytes, int64_t instructions, char why[SANDBOX_WHY_BYTES])
{
    struct opening o = {file, globals, upvalue};

    memset(s, 0, sizeof *s);
    s->most_bytes = most_bytes;
    s->left = INT64_MAX;
    s->file = file;
    s->lua = lua_newstate(allocate, s);
    if (!s->lua) {
        snprintf(why, SANDBOX_WHY_BYTES, "%s: no memory for a Lua", file);
        return -EINVAL;
    }
    if (sandbox_call(s, set_up, &o, 0, instructions * LOAD_FACTOR, why) == 0)
        return 0;
    sandbox_close(s);
    return -EINVAL;
}

void sandbox_close(struct sandbox *s)
{
    if (s->lua)
        lua_close(s->lua);
    s->lua = NULL;
}

int sandbox_call(struct sandbox *s, lua_CFunction f, void *argument, int results,
                 int64_t instructions, char why[SANDBOX_WHY_BYTES])
{
    lua_State *L = s->lua;
    int r;

    s->left = instructions;
    snprintf(s->where, sizeof s->where, "%s", s->file);
    lua_sethook(L, count, LUA_MASKCOUNT, SLICE);
    lua_settop(L, 0);
    lua_pushcfunction(L, on_error);
    lua_pushcfunction(L, f);
    lua_pushlightuserdata(L, argument);
    r = lua_pcall(L, 1, results, 1);
    if (r == LUA_OK)
        return 0;
    if (s->left < 0)
        snprintf(why, SANDBOX_WHY_BYTES, "%s: over its budget of %" PRId64 " instructions",
                 s->where, instructions);
    else if (r == LUA_ERRMEM)
        snprintf(why, SANDBOX_WHY_BYTES, "%s: over its %zu bytes of memory", s->where,
                 s->most_bytes);
    else
        snprintf(why, SANDBOX_WHY_BYTES, "%s",
                 lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : s->where);
    lua_settop(L, 0);
    return -EINVAL;
}
