/* A Lua that cannot do harm: it has neither files nor clocks, and each call has a budget. */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H
#include <lauxlib.h>
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_WHY_BYTES 400

struct sandbox {
    lua_State *lua;
    const char *file;
    size_t bytes, most_bytes; /* of memory: taken, and the cap */
    int64_t left;             /* instructions of this call; below 0: it is over */
    char where[128];          /* file:line of the script, when something went wrong */
};

/* Make one of `most_bytes` at most, and run in it the file, with `globals` before it. 0, or -EINVAL
 * and the reason with file:line; then it is closed. */
int sandbox_open(struct sandbox *s, const char *file, const luaL_Reg *globals, void *upvalue,
                 size_t most_bytes, int64_t instructions, char why[SANDBOX_WHY_BYTES]);
void sandbox_close(struct sandbox *s);

/* Call f(argument) in it; its `results` are then on the stack, from 2. 0, or -EINVAL, and why. */
int sandbox_call(struct sandbox *s, lua_CFunction f, void *argument, int results,
                 int64_t instructions, char why[SANDBOX_WHY_BYTES]);

/* For functions that are called from Lua. Charge work that Lua does not count: returns only if
 * there is as much left. And raise an error; the line is added. */
void sandbox_charge(lua_State *L, int64_t instructions);
int sandbox_error(lua_State *L, const char *words);

/* The other files: the libraries that a script finds, and string.find, each step of it charged. */
void library_open(lua_State *L);
int pattern_find(lua_State *L);
#endif
