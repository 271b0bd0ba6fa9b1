/* script: what a script sees and what its answers do; that it cannot take more than its budget, by
 * whatever means, and that what it did wrong is told with its line. */
#include "base/log.h"
#include "moderation.h"

#include <fcntl.h>

#define RULE(body) "function message(m)\n" body "\nend\n"

static const char *script; /* the file that is being tested */

static void start_more(const char *lua, const char *more)
{
    char sections[2048];

    script = file_of(lua);
    snprintf(sections, sizeof sections, "[hub script]\nfile = %s\n%s", script, more);
    start(sections);
}

static void start_script(const char *lua)
{
    start_more(lua, "");
}

/* Standard error into a file, to see what is logged. */
static int log_file, stderr_was;

static void catch_log(void)
{
    static const char *name;

    name = file_of("");
    log_file = open(name, O_RDWR | O_APPEND);
    ck_assert_int_ge(log_file, 0);
    stderr_was = dup(2);
    ck_assert_int_eq(dup2(log_file, 2), 2);
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
}

/* The file and line, and the words, are in what was logged since the last time. */
static void logged(int line, const char *words)
{
    char text[65536], where[128];
    ssize_t n = pread(log_file, text, sizeof text - 1, 0);

    ck_assert_int_ge(n, 0);
    text[n] = 0;
    ck_assert_int_eq(ftruncate(log_file, 0), 0);
    snprintf(where, sizeof where, "%s:%d: ", script, line);
    if (line == 0)
        snprintf(where, sizeof where, "%s: ", script);
    ck_assert_msg(strstr(text, where) && strstr(text, words), "expected %s%s in\n%s", where, words,
                  text);
}

static void fails(const char *text)
{
    ck_assert(!says(ada, text));
    told(ada, "unavailable", "cannot be judged");
}

START_TEST(a_rule_in_five_lines)
{
    start_script("function message(m)\n"
                 "  if m.text:lower():find('darn', 1, true) then\n"
                 "    return false, 'Mind your language, ' .. m.username .. '.'\n"
                 "  end\n"
                 "end\n");
    ck_assert(says(ada, "good day"));
    ck_assert(!says(ada, "DARN it"));
    told(ada, "rejected", "Mind your language, ada.");
    ck_assert(!whispers(ada, "bob", "darn"));
    ck_assert_double_eq(kit_metric(k, "script", "refused"), 2);
    stop();
}
END_TEST

START_TEST(what_it_sees)
{
    start_script("function message(m)\n"
                 "  local list = {}\n"
                 "  for name, v in pairs(m) do\n"
                 "    if type(v) ~= 'table' then list[#list + 1] = name .. '=' .. v end\n"
                 "  end\n"
                 "  table.sort(list)\n"
                 "  return false, table.concat(list, ' ') .. ' texts=' .. "
                 "table.concat(m.texts, '|') .. ' ' .. tostring(m.roles.vip) .. ' ' .. "
                 "tostring(m.roles['x y']) .. tostring(m.roles.moderator)\n"
                 "end\n");
    kit_connect_as(k, "sub-1", "Eve", "App", "vip");
    says(kit_connect_as(k, "sub-1", "Eve", "App", "vip"), "hi");
    says(ada, "hi");
    told(ada, "rejected",
         "channel=general text=hi type=chat_message user=ada username=ada texts=hi false "
         "falsefalse");
    bob = kit_connect_as(k, "sub-1", "Eve", "App", "vip, x");
    says(bob, "");
    whispers(bob, "ada", "psst");
    told(bob, "rejected",
         "text=psst type=private_chat_message user=sub-1 username=Eve texts=psst true falsefalse");
    kit_input(k, ada,
              "{\"type\":\"note\",\"channel\":\"random\",\"title\":\"t\",\"items\":[\"a\",\"\"]}");
    told(ada, "rejected", "channel=random text=t type=note user=ada username=ada texts=t|a|");
    stop();
}
END_TEST

START_TEST(what_passes)
{
    static const char *const bodies[] = {"",
                                         "return",
                                         "return nil",
                                         "return true",
                                         "return true, 'ignored'",
                                         "return nil, 'ignored'"};

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char lua[128];

        snprintf(lua, sizeof lua, "function message(m)\n%s\nend\n", bodies[i]);
        start_script(lua);
        ck_assert_msg(says(ada, "x"), "%s", bodies[i]);
        ck_assert_str_eq(heard("chat_message", "payload.message"), "x");
        stop();
    }
}
END_TEST

static void refuses(const char *body, const char *rule, const char *words)
{
    char lua[512];

    snprintf(lua, sizeof lua, "function message(m)\n%s\nend\n", body);
    start_script(lua);
    ck_assert_msg(!says(ada, "x"), "%s", body);
    told(ada, "rejected", words);
    ck_assert_double_eq(metric_find("script_refused", (parley_str){rule, strlen(rule)}), 1);
    stop();
    metrics_reset();
}

START_TEST(how_it_refuses)
{
    refuses("return false", "script", "This message is not allowed here.");
    refuses("return false, 'No.'", "script", "No.");
    refuses("return false, 7", "script", "This message is not allowed here.");
    refuses("return reject('house', 'Not in this house.')", "house", "Not in this house.");
    refuses("return reject('house')", "house", "This message is not allowed here.");
    refuses("reject('house', 'Not here.')", "house", "Not here.");
    refuses("reject('house', 'Not here.') return true", "house", "Not here.");
    refuses("reject('house', 'Not here.') return 'changed'", "house", "Not here.");
    refuses("reject('a', 'A.') reject('b', 'B.')", "b", "B.");
    refuses("return false, '100% %s %n'", "script", "100% %s %n");
    refuses("return false, 'Stra\xc3\x9f"
            "e'",
            "script",
            "Stra\xc3\x9f"
            "e");
}
END_TEST

/* Words go out as they are: what is no UTF-8 must not. */
START_TEST(words_are_cut_where_they_are_no_text)
{
    static const char *const bad[] = {"'ok\\xff'",
                                      "'ok\\xc3'",
                                      "'ok\\xc3x'",
                                      "'ok\\xe2\\x82'",
                                      "'ok\\xed\\xa0\\x80'",
                                      "'ok\\xc0\\x80'",
                                      "'ok\\xe0\\x80\\x80'",
                                      "'ok\\xf4\\x90\\x80\\x80'",
                                      "'ok\\xf0\\x80\\x80\\x80'",
                                      "'ok\\0more'",
                                      "'ok\\xf8'"};
    char body[128];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(body, sizeof body, "function message(m) return false, %s end", bad[i]);
        start_script(body);
        ck_assert(!says(ada, "x"));
        ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.message"), "ok");
        stop();
    }
    start_script("function message(m) return false, ('\xe4\xbe\x8b'):rep(m.text) end");
    for (int i = 98; i < 102; i++) {
        const char *words;
        char times[16];

        snprintf(times, sizeof times, "%d", i);
        ck_assert(!says(ada, times));
        words = kit_member(kit_last(k, ada, "error"), "payload.message");
        ck_assert_ptr_nonnull(words);
        ck_assert_uint_eq(strlen(words), i < 99 ? 3u * (unsigned)i : 297u);
    }
    stop();
}
END_TEST

START_TEST(how_it_changes_texts)
{
    start_script("function message(m)\n"
                 "  if m.text == 'all' then\n"
                 "    for i, t in ipairs(m.texts) do m.texts[i] = t:upper() end\n"
                 "    return m.texts\n"
                 "  end\n"
                 "  return (m.text:gsub('darn', '****'))\n"
                 "end\n");
    ck_assert(says(ada, "darn that darn cat"));
    ck_assert_str_eq(heard("chat_message", "payload.message"), "**** that **** cat");
    ck_assert(says(ada, "nice cat"));
    ck_assert_str_eq(heard("chat_message", "payload.message"), "nice cat");
    ck_assert_double_eq(kit_metric(k, "script", "changed"), 1);
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"note\",\"channel\":\"general\",\"title\":\"all\","
                               "\"ref\":\"r\",\"items\":[\"a\",\"b\\\"\"]}"),
                     PARLEY_PASS);
    ck_assert_str_eq(kit_member(kit_last(k, bob, "note"), "payload.items"), "[\"A\",\"B\\\"\"]");
    stop();
}
END_TEST

START_TEST(answers_that_make_no_sense_fail)
{
    static const struct {
        const char *body, *words;
    } bad[] = {{"return 7", "is a number"},
               {"return print", "is a nil"}, /* no print, so it is nil, and passes */
               {"return reject", "is a function"},
               {"return {}", "is a nil"},
               {"return {7}", "is a number"},
               {"return '\\xff'", "cannot be used"},
               {"return 'a\\0b'", "cannot be used"}};
    char lua[128];

    catch_log();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (i == 1)
            continue;
        snprintf(lua, sizeof lua, "function message(m)\n%s\nend\n", bad[i].body);
        start_script(lua);
        log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
        fails("x");
        logged(0, bad[i].words);
        stop();
    }
}
END_TEST

START_TEST(what_goes_wrong_is_told_with_its_line_and_follows_on_error)
{
    static const char lua[] = "function message(m)\n"
                              "  if m.text == 'a' then error('oh') end\n"
                              "  if m.text == 'b' then\n"
                              "    return m.nothing.at.all\n"
                              "  end\n"
                              "  if m.text == 'c' then error({}) end\n"
                              "  if m.text == 'd' then return m.text:find('[') end\n"
                              "  if m.text == 'e' then return m.text:gsub('x(') end\n"
                              "  if m.text == 'f' then return m.roles[{}] end\n"
                              "  if m.text == 'g' then reject() end\n"
                              "  if m.text == 'h' then error('oh', 0) end\n"
                              "end\n";

    catch_log();
    start_script(lua);
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
    fails("a");
    logged(2, "oh");
    fails("b");
    logged(4, "attempt to index a nil value (field 'nothing')");
    fails("c");
    logged(6, "an error without words");
    fails("d");
    logged(7, "malformed pattern (missing ']')");
    fails("e");
    logged(8, "expected as replacement");
    fails("f");
    logged(9, "string expected");
    fails("g");
    logged(10, "string expected");
    fails("h");
    logged(11, "oh");
    ck_assert(says(ada, "x"));
    stop();
    start_more(lua, "on_error = pass\n");
    ck_assert(says(ada, "a") && says(ada, "b"));
    stop();
}
END_TEST

/* Whatever a script does without end, it is over soon, and said to be. */
START_TEST(nothing_takes_longer_than_its_budget)
{
    static const struct {
        const char *body;
        int line;
    } endless[] = {
        {"while true do end", 2},
        {"local function f() return f() end\nf()", 2},
        {"repeat local x = {} until false", 2},
        {"local s = 'x' while true do s = s:sub(1, 1) end", 2},
        {"for i = 1, math.huge do end", 2},
        {"string.rep('', 1 << 60)", 2},
        {"local t = {} for i = 1, 1 << 60 do table.insert(t, 1, i) end", 2},
        {"local s = ('x'):rep(200000) while true do local y = s .. 'y' end", 2},
        {"local s = ('x'):rep(200000) while true do s = s:upper() end", 2},
        {"local s = ('a'):rep(10000)\nreturn s:find(('a*'):rep(50) .. 'b')", 3},
        {"local s = ('a'):rep(10000)\nreturn s:match('.-.-.-.-.-.-b')", 3},
        {"local s = ('a'):rep(10000)\nreturn s:gsub('a?a?a?a?a?a?a?a*a*b', '')", 3},
        {"local s = ('a'):rep(10000)\nfor _ in s:gmatch('(a*a*)a*b') do end", 3},
        {"local s = ('('):rep(10000)\nreturn s:find('%b()')", 3},
        {"local s = ('a'):rep(10000)\nreturn s:find('(.-)%1b')", 3},
        {"local s = ('a'):rep(300000)\nreturn s:find(('a'):rep(150000) .. 'b', 1, true)", 3},
        {"local s = ('a'):rep(300000)\nreturn s:find('[' .. ('b'):rep(5000) .. ']')", 3},
        {"local t = {} for i = 1, 2000 do t[i] = -i end\nwhile true do table.sort(t) end", 3},
        {"return ('a'):rep(5000):gsub('a', function() while true do end end)", 2},
        {"return ('x'):rep(100):gsub('x', '%0%0%0%0'):rep(1000):rep(1000)", 2},
    };
    char lua[512];

    catch_log();
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        snprintf(lua, sizeof lua, "function message(m)\n%s\nend\n", endless[i].body);
        start_script(lua);
        log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
        fails("x");
        logged(endless[i].line, "over its ");
        stop();
    }
}
END_TEST

START_TEST(it_takes_no_more_memory_than_its_cap)
{
    static const char *const greedy[] = {
        "local s = 'x' while true do s = s .. s end",
        "local t = {} for i = 1, 1 << 60 do t[i] = i end",
        "kept = kept or {} for i = 1, 1000 do kept[#kept + 1] = {} end",
        "return ('x'):rep(1 << 40)",
        "return ('x'):rep(1 << 62, 'abc')",
        "return table.unpack({}, 1, 1000000)",
        "return string.format('%099d', 1):rep(100000)",
        "local function f() return 1 + f() end return f()",
        "return m.text:rep(1 << 21)",
    };
    char lua[512];

    catch_log();
    for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
        int n = 0;

        snprintf(lua, sizeof lua, "function message(m)\n%s\nend\n", greedy[i]);
        start_more(lua, "memory = 256KiB\ninstructions = 10000000\n");
        log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
        while (n < 100 && says(ada, "x"))
            n++;
        ck_assert_msg(n < 100, "%s", greedy[i]);
        told(ada, "unavailable", "cannot be judged");
        logged(2, "");
        fails("x");
        stop();
    }
}
END_TEST

/* After it was over its budget, or its memory, the next message finds it well. */
START_TEST(it_recovers)
{
    start_script("n = 0\n"
                 "function message(m)\n"
                 "  n = n + 1\n"
                 "  if m.text == 'time' then while true do end end\n"
                 "  if m.text == 'space' then local t = {} while true do t[#t + 1] = t end end\n"
                 "  return false, tostring(n)\n"
                 "end\n");
    for (int i = 0; i < 5; i++) {
        fails("time");
        fails("space");
    }
    ck_assert(!says(ada, "x"));
    told(ada, "rejected", "11");
    stop();
}
END_TEST

START_TEST(what_is_not_there)
{
    start_script(
        "function message(m)\n"
        "  local gone = {}\n"
        "  for _, name in ipairs({'pcall', 'xpcall', 'coroutine', 'load', 'loadstring', 'dofile',\n"
        "      'loadfile', 'require', 'package', 'io', 'os', 'debug', 'collectgarbage', 'print',\n"
        "      'warn', 'setmetatable', 'getmetatable'}) do\n"
        "    if _G[name] ~= nil then gone[#gone + 1] = name end\n"
        "  end\n"
        "  if string.dump or table.move then gone[#gone + 1] = 'more' end\n"
        "  return false, 'there: ' .. table.concat(gone, ' ')\n"
        "end\n");
    says(ada, "x");
    ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.message"), "there: ");
    stop();
}
END_TEST

/* Each line is true in Lua itself. */
START_TEST(patterns_are_those_of_lua)
{
    start_script(
        "local function list(...)\n"
        "  local t = {...}\n"
        "  for i = 1, select('#', ...) do t[i] = tostring(t[i]) end\n"
        "  return table.concat(t, ',')\n"
        "end\n"
        "local function all(...)\n"
        "  local t = {}\n"
        "  for a, b in string.gmatch(...) do t[#t + 1] = list(a, b) end\n"
        "  return table.concat(t, ';')\n"
        "end\n"
        "local function is(got, want)\n"
        "  if got ~= want then error(got .. ' is not ' .. want, 2) end\n"
        "end\n"
        "function message(m)\n"
        "  is(list(('hello'):find('l')), '3,3')\n"
        "  is(list(('hello'):find('xyz')), 'nil')\n"
        "  is(list(('hello'):find('')), '1,0')\n"
        "  is(list(('hello'):find('', 6)), '6,5')\n"
        "  is(list(('hello'):find('', 7)), 'nil')\n"
        "  is(list(('hello'):find('l', -2)), '4,4')\n"
        "  is(list(('hello'):find('h', -99)), '1,1')\n"
        "  is(list(('a.b'):find('.', 2, true)), '2,2')\n"
        "  is(list(('a+b'):find('a+b', 1, true)), '1,3')\n"
        "  is(list(('hello'):find('(l)(l)')), '3,4,l,l')\n"
        "  is(list(('hello'):find('()ll()')), '3,4,3,5')\n"
        "  is(list(('hello'):find('^h')), '1,1')\n"
        "  is(list(('hello'):find('^e')), 'nil')\n"
        "  is(list(('hello'):find('^e', 2)), '2,2')\n"
        "  is(list(('hello'):find('o$')), '5,5')\n"
        "  is(list(('a$b'):find('a$b')), '1,3')\n"
        "  is(list(('key = value'):match('^(%w+)%s*=%s*(%w+)$')), 'key,value')\n"
        "  is(list(('  trim me  '):match('^%s*(.-)%s*$')), 'trim me')\n"
        "  is(list(('2026-01-02'):match('(%d+)-(%d+)-(%d+)')), '2026,01,02')\n"
        "  is(list(('f(a(b)c)d'):match('%b()')), '(a(b)c)')\n"
        "  is(list(('THE (quick) fox'):find('%f[%a]%a+%f[%A]', 5)), '6,10')\n"
        "  is(list(('the end'):find('%f[%z]')), '8,7')\n"
        "  is(list(('\"it\\'s\"'):match('([\"\\'])(.-)%1')), '\",it\\'s')\n"
        "  is(list(('x^y'):match('[%^x]+')), 'x^')\n"
        "  is(list(('a]b'):match('[]]')), ']')\n"
        "  is(list(('a-b'):match('[a%-]+')), 'a-')\n"
        "  is(list(('a-b'):match('[b-]+')), '-b')\n"
        "  is(list(('xyz'):match('[^x-y]')), 'z')\n"
        "  is(list(('aaa'):match('a-')), '')\n"
        "  is(list(('aaab'):match('a-b')), 'aaab')\n"
        "  is(list(('colour color'):gsub('colou?r', 'paint')), 'paint paint,2')\n"
        "  is(list(('abc'):gsub('', '-')), '-a-b-c-,4')\n"
        "  is(list(('abc'):gsub('b*', 'x')), 'xaxcx,3')\n"
        "  is(list(('hello world'):gsub('o', '0', 1)), 'hell0 world,1')\n"
        "  is(list(('hello'):gsub('l', '0', 0)), 'hello,0')\n"
        "  is(list(('abc'):gsub('%w', '%0%0')), 'aabbcc,3')\n"
        "  is(list(('abc'):gsub('(a)(b)', '%2%1%%')), 'ba%c,1')\n"
        "  is(list(('abc'):gsub('%w', '<%1>')), '<a><b><c>,3')\n"
        "  is(list(('$a $b'):gsub('%$(%w)', {a = 1, b = false})), '1 $b,2')\n"
        "  is(list(('abc'):gsub('%w', function(c) if c == 'b' then return c:upper() end end)),\n"
        "    'aBc,3')\n"
        "  is(list(('abab'):gsub('^ab', 'x')), 'xab,1')\n"
        "  is(list(('a1'):gsub('%d', 7)), 'a7,1')\n"
        "  is(list(('abc'):gsub('()', '%1')), '1a2b3c4,4')\n"
        "  is(all('one two', '%a+'), 'one,nil;two,nil')\n"
        "  is(all('k=v, a=b', '(%w+)=(%w+)'), 'k,v;a,b')\n"
        "  is(all('abc', ''), ',nil;,nil;,nil;,nil')\n"
        "  is(all('abc', '()b*'), '1,nil;2,nil;4,nil')\n"
        "  return false, 'all is well'\n"
        "end\n");
    says(ada, "x");
    told(ada, "rejected", "all is well");
    stop();
}
END_TEST

START_TEST(what_it_keeps_is_there_for_the_next_message)
{
    start_script("local count = {}\n"
                 "function message(m)\n"
                 "  count[m.user] = (count[m.user] or 0) + 1\n"
                 "  if count[m.user] > 3 then return false, 'That was ' .. count[m.user] end\n"
                 "end\n");
    for (int i = 0; i < 3; i++)
        ck_assert(says(ada, "x") && says(bob, "x"));
    ck_assert(!says(ada, "x") && !says(ada, "x"));
    told(ada, "rejected", "That was 5");
    stop();
}
END_TEST

/* A message that it kept is a copy; the roles of one that is over are nobody's. */
START_TEST(a_message_that_is_over_tells_nothing_more)
{
    parley_client vip;

    start_script("function message(m)\n"
                 "  local before = kept\n"
                 "  kept = m\n"
                 "  return before and false, before and before.text .. tostring(before.roles.vip)\n"
                 "    .. tostring(m.roles.vip)\n"
                 "end\n");
    vip = kit_connect(k, "vip", "vip");
    ck_assert(says(vip, "first"));
    ck_assert(!says(ada, "x"));
    told(ada, "rejected", "firstfalsefalse");
    stop();
}
END_TEST

START_TEST(some_roles_are_not_shown_to_it)
{
    parley_client mod;

    start_more(RULE("return false"), "[hub script in random]\nexempt_roles = vip\n");
    mod = kit_connect(k, "mod", "moderator");
    ck_assert(says(mod, "x") && !says(ada, "x"));
    ck_assert_int_eq(say_in(mod, "random", "x"), PARLEY_REJECT);
    ck_assert_int_eq(kit_input(k, ada, "{\"type\":\"typing\",\"channel\":\"general\"}"),
                     PARLEY_PASS);
    stop();
}
END_TEST

START_TEST(two_sections_share_nothing)
{
    char more[256];

    snprintf(more, sizeof more, "[hub script2]\nplugin = script\nfile = %s\n",
             file_of(RULE("if m.text ~= 'A' or x then return false, 'two ' .. m.text end")));
    start_more("x = 1\nfunction message(m)\nif m.text == 'a' then return 'A' end\nend\n", more);
    ck_assert(says(ada, "a"));
    ck_assert(!says(ada, "b"));
    told(ada, "rejected", "two b");
    stop();
}
END_TEST

START_TEST(hostile_texts_are_shown_as_they_are)
{
    char **all = hostile_texts();

    start_script(RULE("if #m.text < 15000 or not utf8.len(m.text) then return false end\n"
                      "return m.text"));
    for (size_t i = 0; all[i]; i++) {
        if (say_in(ada, "general", all[i]) != PARLEY_PASS)
            told(ada, "invalid_message", "white space"); /* by the type */
        else
            ck_assert_str_eq(heard("chat_message", "payload.message"), all[i]);
        free(all[i]);
    }
    ck_assert_int_eq(
        kit_input(k, ada, "{\"type\":\"note\",\"channel\":\"general\",\"title\":\"\"}"),
        PARLEY_REJECT);
    told(ada, "rejected", "");
    stop();
}
END_TEST

/* With the line of the INI, and that of the script. */
static void bad_script(const char *lua, int line, const char *words)
{
    char sections[512], where[128];

    script = file_of(lua);
    snprintf(sections, sizeof sections, "[hub script]\n\nfile = %s\n", script);
    snprintf(where, sizeof where, line ? "%s:%d: " : "%s: ", script, line);
    refused(sections, "test.ini:3: 'file' in [hub script]: ", words);
    ck_assert_msg(strstr(kit_refusal(), where), "expected %s in\n%s", where, kit_refusal());
}

START_TEST(bad_options_are_refused_with_their_line)
{
    char sections[512];

    refused("[hub script]\n", "test.ini:1: ", "'file' is missing");
    refused("[hub script]\nfile = rules.lua\n", "test.ini:2: ", "must be an absolute path");
    refused("[hub script]\nfile = /tmp\n", "test.ini:2: ", "'/tmp' is not a file");
    refused("[hub script]\nfile = /nonexistent.lua\n",
            "test.ini:2: ", "/nonexistent.lua: No such file");
    bad_script("function message(m)\n  return 'a\nend\n", 2, "unfinished string");
    bad_script("function message(m)\n", 2, "'end' expected");
    bad_script("\n\nerror('not today')\n", 3, "not today");
    bad_script("x = 1\n", 0, "it has no function 'message'");
    bad_script("message = 'x'\n", 0, "it has no function 'message'");
    bad_script("\x1bLua", 0, "attempt to load a binary chunk");
    bad_script("while true do end\n", 1, "over its budget of 10000000 instructions");
    bad_script("\nlocal s = 'x' while true do s = s .. s end\n", 2, "over its 1048576 bytes");
    snprintf(sections, sizeof sections, "[hub script]\nfile = %s\ninstructions = 10\n",
             file_of(RULE("")));
    refused(sections, "test.ini:3: ", "'instructions' must be");
    snprintf(sections, sizeof sections, "[hub script]\nfile = %s\nmemory = 1KiB\n",
             file_of(RULE("")));
    refused(sections, "test.ini:3: ", "'memory' must be");
    snprintf(sections, sizeof sections,
             "[hub script]\nfile = %s\n[hub script in general]\nmemory = 1MiB\n",
             file_of(RULE("")));
    refused(sections, "test.ini:4: ", "'memory' is the same in all channels");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("script");
    TCase *t = tcase_create("script");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_rule_in_five_lines);
    tcase_add_test(t, what_it_sees);
    tcase_add_test(t, what_passes);
    tcase_add_test(t, how_it_refuses);
    tcase_add_test(t, words_are_cut_where_they_are_no_text);
    tcase_add_test(t, how_it_changes_texts);
    tcase_add_test(t, answers_that_make_no_sense_fail);
    tcase_add_test(t, what_goes_wrong_is_told_with_its_line_and_follows_on_error);
    tcase_add_test(t, nothing_takes_longer_than_its_budget);
    tcase_add_test(t, it_takes_no_more_memory_than_its_cap);
    tcase_add_test(t, it_recovers);
    tcase_add_test(t, what_is_not_there);
    tcase_add_test(t, patterns_are_those_of_lua);
    tcase_add_test(t, what_it_keeps_is_there_for_the_next_message);
    tcase_add_test(t, a_message_that_is_over_tells_nothing_more);
    tcase_add_test(t, some_roles_are_not_shown_to_it);
    tcase_add_test(t, two_sections_share_nothing);
    tcase_add_test(t, hostile_texts_are_shown_as_they_are);
    tcase_add_test(t, bad_options_are_refused_with_their_line);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
