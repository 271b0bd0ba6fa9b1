/* Script: a rule in five lines of Lua.
 *
 * On the road: MODERATE. The idea to see here is a guest: somebody else's program runs on the hub,
 * where nobody may wait for it. So it lives in a sandbox (sandbox.c) with a budget for each
 * message, gets a copy of what it may see, and answers by what it returns; what it wants done is
 * done when it is over. A script that fails is a message that could not be judged, which on_error
 * decides.
 */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include "sandbox.h"

#include <parley/plugin.h>

#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES 300 /* to the author of a refused message */
#define RULE_BYTES  30
#define LOAD_FACTOR 100 /* the file itself may take so many times what a message may */

struct options {
    const char *file;
    int64_t instructions, memory_bytes;
    parley_list exempt_roles;
};
static const parley_field options[] = {
    PARLEY_OPTION("file", PARLEY_STRING, struct options, file, NULL, NULL,
                  PARLEY_REQUIRED | PARLEY_FILE, "The script: it has a function message(m)"),
    PARLEY_OPTION("instructions", PARLEY_INT, struct options, instructions, "1000..100000000",
                  "100000", 0, "What it may do about one message"),
    PARLEY_OPTION("memory", PARLEY_SIZE, struct options, memory_bytes, "64KiB..1GiB", "1MiB", 0,
                  "What it may take, with all that it keeps"),
    PARLEY_OPTION("exempt_roles", PARLEY_LIST, struct options, exempt_roles, NULL,
                  "moderator, admin", PARLEY_PER_CHANNEL, "Roles whose messages it is not shown"),
};
static const parley_metric metrics[] = {
    {"refused{rule}", PARLEY_COUNTER, "Messages that the script refused, by its rule"},
    {"changed", PARLEY_COUNTER, "Messages that the script changed"}};

struct script {
    struct sandbox sandbox;
    const parley_message *message; /* that is being judged; else NULL */
    char rule[RULE_BYTES + 1];
};

/* --- what the script is shown --- */
static void set_text(lua_State *L, const char *name, parley_str s)
{
    if (!s.p)
        return;
    lua_pushlstring(L, s.p, s.n);
    lua_setfield(L, -2, name);
}

/* m.roles.NAME: a look-up, as there is no list to copy */
static int has_role(lua_State *L)
{
    const struct script *s = (const struct script *)lua_touserdata(L, lua_upvalueindex(1));
    parley_str role = {NULL, 0};

    role.p = luaL_checklstring(L, 2, &role.n);
    lua_pushboolean(L, s->message && parley_message_has_role(s->message, (parley_list){&role, 1}));
    return 1;
}

static int judge(lua_State *L)
{
    struct script *s = (struct script *)lua_touserdata(L, 1);
    const parley_message *m = s->message;
    parley_str text;

    lua_getglobal(L, "message");
    lua_createtable(L, 0, 7);
    set_text(L, "text", parley_message_text(m, 0));
    set_text(L, "user", parley_message_user(m));
    set_text(L, "username", parley_message_username(m));
    set_text(L, "channel", parley_message_channel(m));
    set_text(L, "type", parley_message_type(m));
    lua_newtable(L);
    for (unsigned i = 0; (text = parley_message_text(m, i)).p; i++) {
        lua_pushlstring(L, text.p, text.n);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "texts");
    lua_newtable(L);
    if (luaL_newmetatable(L, "roles")) {
        lua_pushlightuserdata(L, s);
        lua_pushcclosure(L, has_role, 1);
        lua_setfield(L, -2, "__index");
    }
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "roles");
    lua_call(L, 1, 3);
    return 3;
}

/* --- what it answers --- */
/* Words, or "" if there are none that could go out: they have to be UTF-8 without a 0. */
static const char *words_at(struct script *s, int i)
{
    size_t n;
    const char *p =
        lua_type(s->sandbox.lua, i) == LUA_TSTRING ? lua_tolstring(s->sandbox.lua, i, &n) : "";

    return *p && strlen(p) == n && sandbox_is_utf8(&s->sandbox, p, n) ? p : "";
}

/* How many bytes of it fit, in whole characters. */
static int cut(const char *s, size_t most)
{
    size_t n = strnlen(s, most + 1);

    if (n > most)
        for (n = most; n && (s[n] & 0xc0) == 0x80;)
            n--;
    return (int)n;
}

static parley_verdict refuse(parley_host *h, struct script *s)
{
    const char *words = words_at(s, 2), *rule = words_at(s, 3);

    snprintf(s->rule, sizeof s->rule, "%.*s", cut(rule, RULE_BYTES), rule);
    rule = s->rule[0] ? s->rule : "script";
    words = words[0] ? words : "This message is not allowed here.";
    parley_metric_add_for(h, &metrics[0], (parley_str){rule, strlen(rule)}, 1);
    return parley_reject(h, PARLEY_E_REJECTED, rule, "%.*s", cut(words, WORDS_BYTES), words);
}

static parley_verdict change(parley_host *h, parley_message *m, unsigned i, lua_State *L)
{
    const struct script *s = h->self;
    parley_str old = parley_message_text(m, i), text = {NULL, 0};
    int r;

    if (lua_type(L, -1) != LUA_TSTRING)
        return parley_fail(h, "%s: a text that it returned is a %s", s->sandbox.file,
                           luaL_typename(L, -1));
    text.p = lua_tolstring(L, -1, &text.n);
    if (text.n == old.n && memcmp(text.p, old.p, old.n) == 0)
        return PARLEY_PASS;
    parley_metric_add(h, &metrics[1], 1);
    r = parley_message_set_text(m, i, text);
    return r < 0 ? parley_fail(h, "%s: a text that it returned cannot be used: %s", s->sandbox.file,
                               strerror(-r))
                 : PARLEY_PASS;
}

static parley_verdict change_all(parley_host *h, parley_message *m, lua_State *L)
{
    parley_verdict v = PARLEY_PASS;

    for (unsigned i = 0; v == PARLEY_PASS && parley_message_text(m, i).p; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        v = change(h, m, i, L);
        lua_pop(L, 1);
    }
    return v;
}

static parley_verdict on_message(parley_host *h, parley_message *m)
{
    const struct options *o = parley_options(h, parley_message_channel(m));
    struct script *s = h->self;
    lua_State *L = s->sandbox.lua;
    parley_verdict v = PARLEY_PASS;
    int r;

    if (!parley_message_text(m, 0).p || parley_message_has_role(m, o->exempt_roles))
        return PARLEY_PASS;
    s->message = m;
    r = sandbox_call(&s->sandbox, judge, s, o->instructions);
    s->message = NULL;
    if (r < 0)
        return parley_fail(h, "%s", s->sandbox.why);
    if (lua_isboolean(L, 1) && !lua_toboolean(L, 1))
        v = refuse(h, s);
    else if (lua_istable(L, 1))
        v = change_all(h, m, L);
    else if (!lua_isnil(L, 1) && !lua_isboolean(L, 1)) {
        lua_settop(L, 1);
        v = change(h, m, 0, L);
    }
    lua_settop(L, 0);
    return v;
}

static void destroy(parley_host *h)
{
    struct script *s = h->self;

    if (s)
        sandbox_close(&s->sandbox);
    free(s);
}

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct script *s = (struct script *)calloc(1, sizeof *s);
    int r;

    h->self = s;
    if (!s)
        return -ENOMEM;
    s->sandbox.most_bytes = (size_t)o->memory_bytes;
    if (o->file[0] != '/')
        r = parley_bad_option(h, "file", "'%s' must be an absolute path", o->file);
    else if (sandbox_open(&s->sandbox, o->file, o->instructions * LOAD_FACTOR) < 0)
        r = parley_bad_option(h, "file", "%s", s->sandbox.why);
    else
        return 0;
    destroy(h);
    return r;
}

static const parley_hub hub = {
    .struct_size = sizeof hub, .phase = PARLEY_PHASE_MODERATE, .on_message = on_message};
static const parley_provided provides[] = {{"parley.hub/1", &hub}};
PARLEY_PLUGIN = {.preamble = PARLEY_PREAMBLE,
                 .id = "org.parley.script",
                 .version = "1.0.0",
                 .doc = "A rule in a few lines of Lua",
                 .options_size = sizeof(struct options),
                 .options = PARLEY_TABLE(options),
                 .metrics = PARLEY_TABLE(metrics),
                 .provides = PARLEY_TABLE(provides),
                 .create = create,
                 .destroy = destroy};
