/* Script: a rule in five lines of Lua.
 *
 * On the road: MODERATE. The idea to see here is a guest: somebody else's program runs on the hub,
 * where nobody may wait for it. So it lives in a sandbox (sandbox.c) with a budget for each
 * message, gets a copy of what it may see, and answers by what it returns; what it wants done is
 * done when it is over. A script that fails is a message that could not be judged, which on_error
 * decides.
 */
#define _POSIX_C_SOURCE 200809L /* S_ISREG */
#include "sandbox.h"

#include <parley/plugin.h>

#include <stdlib.h>
#include <sys/stat.h>

#define WORDS_BYTES 300 /* to the author of a refused message */

struct options {
    const char *file;
    int64_t instructions, memory_bytes;
    parley_list exempt_roles;
};
static const parley_field options[] = {
    PARLEY_OPTION("file", PARLEY_STRING, struct options, file, NULL, NULL, PARLEY_REQUIRED,
                  "The script: it has a function message(m)"),
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
    bool rejected;                 /* by reject(), and with this: */
    char rule[32], words[WORDS_BYTES];
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
    lua_call(L, 1, 2);
    return 2;
}

/* --- what it answers --- */
/* As much as fits and is UTF-8 without a zero: the words of a refusal go out as they are. */
static void copy_words(char *to, size_t room, const char *s)
{
    size_t n = 0;

    for (size_t more; s[n]; n += more) {
        const unsigned char *p = (const unsigned char *)s + n;

        more = *p < 0x80                 ? 1
               : *p >= 0xc2 && *p < 0xe0 ? 2
               : *p >= 0xe0 && *p < 0xf0 ? 3
               : *p >= 0xf0 && *p < 0xf5 ? 4
                                         : 0;
        if (!more || n + more >= room || (*p == 0xe0 && p[1] < 0xa0) ||
            (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
            (*p == 0xf4 && p[1] > 0x8f))
            break;
        for (size_t i = 1; i < more; i++)
            if ((p[i] & 0xc0) != 0x80)
                more = 0;
        if (!more)
            break;
    }
    memcpy(to, s, n);
    to[n] = 0;
}

static void set_refusal(struct script *s, const char *rule, const char *words)
{
    s->rejected = true;
    copy_words(s->rule, sizeof s->rule, rule);
    copy_words(s->words, sizeof s->words, words ? words : "This message is not allowed here.");
}

/* reject(rule, words): holds whatever the script returns */
static int reject(lua_State *L)
{
    struct script *s = (struct script *)lua_touserdata(L, lua_upvalueindex(1));

    set_refusal(s, luaL_checkstring(L, 1), luaL_optstring(L, 2, NULL));
    lua_pushboolean(L, false);
    return 1;
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

/* Of its two results: what it made of the texts. */
static parley_verdict change_all(parley_host *h, parley_message *m, lua_State *L)
{
    parley_verdict v = PARLEY_PASS;

    if (lua_type(L, 2) != LUA_TTABLE) {
        lua_settop(L, 2);
        return change(h, m, 0, L);
    }
    for (unsigned i = 0; v == PARLEY_PASS && parley_message_text(m, i).p; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
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
    char why[SANDBOX_WHY_BYTES];
    parley_verdict v = PARLEY_PASS;
    int r;

    if (!parley_message_text(m, 0).p || parley_message_has_role(m, o->exempt_roles))
        return PARLEY_PASS;
    s->message = m;
    s->rejected = false;
    r = sandbox_call(&s->sandbox, judge, s, 2, o->instructions, why);
    s->message = NULL;
    if (r < 0)
        return parley_fail(h, "%s", why);
    if (!s->rejected && lua_type(L, 2) == LUA_TBOOLEAN && !lua_toboolean(L, 2))
        set_refusal(s, "script", lua_type(L, 3) == LUA_TSTRING ? lua_tostring(L, 3) : NULL);
    if (!s->rejected && !lua_isnil(L, 2) && !lua_isboolean(L, 2))
        v = change_all(h, m, L);
    lua_settop(L, 0);
    if (!s->rejected)
        return v;
    parley_metric_add_for(h, &metrics[0], (parley_str){s->rule, strlen(s->rule)}, 1);
    return parley_reject(h, PARLEY_E_REJECTED, s->rule, "%s", s->words);
}

static int create(parley_host *h)
{
    static const luaL_Reg globals[] = {{"reject", reject}, {NULL, NULL}};
    const struct options *o = parley_options(h, PARLEY_NONE);
    struct script *s = (struct script *)calloc(1, sizeof *s);
    char why[SANDBOX_WHY_BYTES];
    struct stat st;

    if (!s)
        return -ENOMEM;
    h->self = s;
    if (o->file[0] != '/')
        snprintf(why, sizeof why, "'%s' must be an absolute path", o->file);
    else if (stat(o->file, &st) == 0 && !S_ISREG(st.st_mode))
        snprintf(why, sizeof why, "'%s' is not a file", o->file);
    else if (sandbox_open(&s->sandbox, o->file, globals, s, (size_t)o->memory_bytes,
                          o->instructions, why) == 0)
        return 0;
    free(s);
    return parley_bad_option(h, "file", "%s", why);
}

static void destroy(parley_host *h)
{
    struct script *s = h->self;

    sandbox_close(&s->sandbox);
    free(s);
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
