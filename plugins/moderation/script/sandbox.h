/* A Lua that cannot do harm: it has neither files nor clocks, and each call has a budget. */
#ifndef SCRIPT_SANDBOX_H
#define SCRIPT_SANDBOX_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include <lauxlib.h>
#include <lua.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBOX_BLOCK_BYTES 65536 /* no string and no table is larger */
#define SANDBOX_REGEXES     100

struct sandbox {
    lua_State *lua;
    const char *file;
    size_t bytes, most_bytes; /* of memory: taken, and the cap */
    int64_t budget, left;     /* instructions of this call; left below 0: it is over */
    int64_t until_ns;         /* of the thread's time; 0: nobody has looked at it yet */
    unsigned refused, steps;  /* how often there was no memory; steps of expressions */
    unsigned regexes;         /* there can be more only while the file is loaded: */
    bool loading;
    pcre2_code *regex[SANDBOX_REGEXES], *nothing; /* which is in any text */
    pcre2_match_context *context;
    pcre2_match_data *found;
    char where[128], why[400]; /* file:line that ran when it went wrong; and what did */
    char replaced[SANDBOX_BLOCK_BYTES];
};

/* Run the file in a new one; *s is zero, but for most_bytes. 0, or -EINVAL with s->why. Close it in
 * either case. */
int sandbox_open(struct sandbox *s, const char *file, int64_t instructions);
void sandbox_close(struct sandbox *s);

/* Call f(argument) in it: its results are then on the stack. 0, or -EINVAL with s->why. */
int sandbox_call(struct sandbox *s, lua_CFunction f, void *argument, int64_t instructions);

/* What goes out has to be. */
bool sandbox_is_utf8(struct sandbox *s, const char *p, size_t n);
#endif
