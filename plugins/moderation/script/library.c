/* What a script finds of Lua's libraries, and what it pays for them.
 *
 * Not there is what could catch the end of the budget (pcall, coroutines), run outside of it
 * (finalizers, by setmetatable), make code (load) or reach out (files, print). What goes over much
 * without taking memory is charged: patterns by pattern.c, the rest by what stands in front of it.
 */
#include "sandbox.h"

#include <lualib.h>

#define NOTHING                                                                               \
    0 /* is charged: a function of Lua behind one of C, which `return gsub(...)` does not put \
         in the place of the script's line */

/* Upvalues: the function, and what is charged before it: a kind, or for a number of arguments. */
static int charged(lua_State *L)
{
    int n = lua_gettop(L);

    switch (lua_tointeger(L, lua_upvalueindex(2))) {
    case 'r': /* rep(s, n): of nothing, too */
        sandbox_charge(L, luaL_checkinteger(L, 2) > 0 ? lua_tointeger(L, 2) / 4 : 0);
        break;
    case 's': /* sort(t) */
        sandbox_charge(L, 16 * (int64_t)lua_rawlen(L, 1));
        break;
    case NOTHING:
        break;
    default: /* insert(t, at, v), remove(t, at): moves what is behind */
        if (n == lua_tointeger(L, lua_upvalueindex(2)))
            sandbox_charge(L, (int64_t)lua_rawlen(L, 1));
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, n, LUA_MULTRET);
    return lua_gettop(L);
}

static void charge_for(lua_State *L, const char *library, const char *name, int how)
{
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_pushinteger(L, how);
    lua_pushcclosure(L, charged, 2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* The rest of the patterns, made of find; given to it are find and what scripts might replace. */
static const char patterns[] =
    "local find, sub, concat, unpack, type, fail = ...\n"
    "local function found(s, from, to, first, ...)\n"
    "  if first ~= nil then return first, ... end\n"
    "  return from and sub(s, from, to)\n"
    "end\n"
    "function string.match(s, p, at) return found(s, find(s, p, at)) end\n"
    "function string.gmatch(s, p)\n"
    "  local at, last = 1\n"
    "  return function()\n"
    "    while true do\n"
    "      local m = {find(s, p, at)}\n"
    "      if not m[1] then at = #s + 2 return nil end\n"
    "      at = m[1] + 1\n" /* past an empty one where the last one ended */
    "      if m[2] ~= last then\n"
    "        at, last = m[2] + 1, m[2]\n"
    "        return found(s, unpack(m))\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local gsub\n"
    "local function expand(r, m, whole)\n"
    "  return (gsub(r, '%%(.?)', function(c)\n"
    "    if c == '%' then return c end\n"
    "    if c == '0' or c == '1' and not m[3] then return whole end\n"
    "    if not find(c, '%d') then fail(\"invalid use of '%' in replacement string\") end\n"
    "    return m[c + 2] or fail('invalid capture index in replacement string')\n"
    "  end))\n"
    "end\n"
    "function gsub(s, p, r, most)\n"
    "  local kind, parts, n, at, copied, last = type(r), {}, 0, 1, 1\n"
    "  if kind == 'number' then r, kind = r .. '', 'string' end\n"
    "  if kind ~= 'string' and kind ~= 'table' and kind ~= 'function' then\n"
    "    fail('string, function or table expected as replacement, got ' .. kind)\n"
    "  end\n"
    "  while not most or n < most do\n"
    "    local m = {find(s, p, at)}\n"
    "    local from, to = m[1], m[2]\n"
    "    if not from then break end\n"
    "    at = from + 1\n"
    "    if to ~= last then\n"
    "      local whole, v = sub(s, from, to)\n"
    "      if kind == 'function' then v = r(found(s, unpack(m)))\n"
    "      elseif kind == 'table' then v = r[m[3] or whole]\n"
    "      else v = find(r, '%', 1, true) and expand(r, m, whole) or r end\n"
    "      if v and type(v) ~= 'string' and type(v) ~= 'number' then\n"
    "        fail('invalid replacement value (a ' .. type(v) .. ')')\n"
    "      end\n"
    "      parts[#parts + 1] = sub(s, copied, from - 1) .. (v or whole)\n"
    "      n, at, copied, last = n + 1, to + 1, to + 1, to\n"
    "    end\n"
    "    if sub(p, 1, 1) == '^' then break end\n"
    "  end\n"
    "  parts[#parts + 1] = sub(s, copied)\n"
    "  return concat(parts), n\n"
    "end\n"
    "string.gsub = gsub\n";

static int raise(lua_State *L)
{
    lua_settop(L, 1);
    return lua_error(L);
}

static void open_base(lua_State *L)
{
    static const luaL_Reg libraries[] = {{"_G", luaopen_base},
                                         {"string", luaopen_string},
                                         {"table", luaopen_table},
                                         {"math", luaopen_math},
                                         {"utf8", luaopen_utf8}};
    static const char *const gone[] = {"collectgarbage", "dofile",       "getmetatable", "load",
                                       "loadfile",       "setmetatable", "pcall",        "print",
                                       "warn",           "xpcall"};

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
        lua_pushnil(L);
        lua_setglobal(L, gone[i]);
    }
    charge_for(L, "string", "rep", 'r');
    charge_for(L, "table", "sort", 's');
    charge_for(L, "table", "insert", 3);
    charge_for(L, "table", "remove", 2);
    lua_getglobal(L, "table");
    lua_pushnil(L);
    lua_setfield(L, -2, "move"); /* of nothing to nothing, for hours */
    lua_pop(L, 1);
}

static void open_patterns(lua_State *L)
{
    if (luaL_loadbufferx(L, patterns, sizeof patterns - 1, "=patterns", "t") != LUA_OK)
        lua_error(L);
    lua_getglobal(L, "string");
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pushcfunction(L, pattern_find);
    lua_setfield(L, -2, "find");
    lua_getglobal(L, "table");
    lua_pushcfunction(L, pattern_find);
    lua_getfield(L, -3, "sub");
    lua_getfield(L, -3, "concat");
    lua_getfield(L, -4, "unpack");
    lua_getglobal(L, "type");
    lua_pushcfunction(L, raise);
    lua_remove(L, -8);
    lua_remove(L, -7);
    lua_call(L, 6, 0);
    charge_for(L, "string", "match", NOTHING);
    charge_for(L, "string", "gmatch", NOTHING);
    charge_for(L, "string", "gsub", NOTHING);
}

void library_open(lua_State *L)
{
    open_base(L);
    open_patterns(L);
}
