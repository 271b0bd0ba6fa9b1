/* script: a script cannot take more than its budget, by whatever means, and finds in its sandbox
 * what it may have and nothing else. */
#include "script.h"

/* Whatever a script does without end, it is over soon, and said to be. */
START_TEST(nothing_takes_longer_than_its_budget)
{
    static const struct {
        const char *body;
        int line;
    } endless[] = {
        {"while true do end", 3},
        {"local function f() return f() end\nf()", 3},
        {"repeat local x = {} until false", 3},
        {"local s = ('x'):lower() while true do s = s:sub(1, 1) end", 3},
        {"for i = 1, math.huge do end", 3},
        {"for i = 1, 1 << 62 do end", 3},
        {"for _ in function() return 1 end do end", 3},
        {"local t = {} while true do t[#t + 1] = 1 t = {} end", 3},
        {"while true do local s = big .. 'x' end", 3},
        {"while true do local s = big:upper() end", 3},
        {"while true do utf8.len(big) end", 3},
        {"local s = big:upper():lower() while true do local same = s == big end", 3},
        {"local t = {} for i = 1, 2000 do t[i] = i end\nwhile true do table.unpack(t) end", 4},
        {"local t = {} for i = 1, 2000 do t[i] = '' end\nwhile true do table.concat(t) end", 4},
        {"while true do x(m.text) end", 3},
        {"return worst(big)", 3},
        {"return worst(big, 'x')", 3},
        {"return far(big)", 3},
        {"return back(big)", 3},
        {"while true do far('x') end", 3},
    };
    char lua[512];

    catch_log();
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        snprintf(lua, sizeof lua,
                 "x, worst, far, back = regex 'x', regex '(a*)*(a*)*[bc]', regex 'a{9999}[bc]', "
                 "regex '(a+)\\\\1+[bc]'\n"
                 "big = 'a' while #big < 30000 do big = big .. big end function message(m)\n"
                 "%s\nend\n",
                 endless[i].body);
        start_script(lua);
        log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
        ck_assert_msg(!says(ada, "x"), "%s", endless[i].body);
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
        "kept = {kept, m}",
        "return table.unpack({}, 1, 1000000)",
        "local s = m.text while true do s = s:format(s) .. s end",
        "local s = '%s%s' while true do s = s:format(s, s) .. '%s' end",
        "local function f() return 1 + f() end return f()",
        "local t = {} while true do t = {t} end",
    };
    char lua[512];

    catch_log();
    for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
        int n = 0;

        snprintf(lua, sizeof lua, "function message(m)\n%s\nend\n", greedy[i]);
        start_more(lua, "memory = 256KiB\ninstructions = 10000000\n");
        log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT, 2);
        while (n < 1000 && says(ada, "x"))
            n++;
        ck_assert_msg(n < 1000, "%s", greedy[i]);
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

/* All that is there is known to take little at a time. */
START_TEST(what_is_there)
{
    start_script(
        "all = '' function message(m)\n"
        "  local names, n = {}, 0\n"
        "  for name in pairs(_G) do names[name] = true n = n + 1 end\n"
        "  for _, name in ipairs {'_G', '_VERSION', 'assert', 'error', 'ipairs', 'math',\n"
        "      'next', 'pairs', 'rawequal', 'rawget', 'rawlen', 'rawset', 'select',\n"
        "      'string', 'table', 'tonumber', 'tostring', 'type', 'utf8', 'regex', 'all',\n"
        "      'message'} do\n"
        "    if not names[name] then error(name) end\n"
        "    n = n - 1\n"
        "  end\n"
        "  for name in pairs(string) do n = n + 1 all = all .. name .. ' ' end\n"
        "  for name in pairs(table) do n = n + 1 all = all .. name .. ' ' end\n"
        "  if ('').rep or ('').find or table.sort then error('more') end\n"
        "  return false, tostring(n)\n"
        "end\n");
    says(ada, "x");
    told(ada, "rejected", "11"); /* eight of string, three of table */
    stop();
}
END_TEST

START_TEST(expressions_find_capture_and_replace)
{
    start_script(
        "local function list(...)\n"
        "  local t = {...}\n"
        "  for i = 1, select('#', ...) do t[i] = tostring(t[i]) end\n"
        "  return table.concat(t, ',')\n"
        "end\n"
        "local function is(got, want)\n"
        "  if got ~= want then error(got .. ' is not ' .. want, 2) end\n"
        "end\n"
        "local l, pair, some = regex 'l+', regex '(\\\\w+)=(\\\\w+)', regex '(a)|(b)|(c)'\n"
        "local word, empty = regex '(?i)\\\\bstra\xc3\x9f"
        "e\\\\b', regex ''\n"
        "function message(m)\n"
        "  is(list(l('hello')), 'll')\n"
        "  is(list(l('')), '')\n"
        "  is(list(l('xyz') == nil), 'true')\n"
        "  is(list(pair('say a=b or c=d')), 'a,b')\n"
        "  is(list(some('b')), 'nil,b')\n"
        "  is(list(word('Die STRA\xc3\x9f"
        "E.')), 'STRA\xc3\x9f"
        "E')\n"
        "  is(list(word('Die Stra\xc3\x9f"
        "en.')), '')\n"
        "  is(list(empty('x')), '')\n"
        "  is(list(l('hello world', 'L')), 'heLo worLd')\n"
        "  is(list(l('xyz', 'L')), 'xyz')\n"
        "  is(list(pair('a=b c=d', '$2=$1')), 'b=a d=c')\n"
        "  is(list(empty('ab', '-')), '-a-b-')\n"
        "  is(list(l(7)), '')\n"
        "  return false, 'all is well'\n"
        "end\n");
    says(ada, "x");
    told(ada, "rejected", "all is well");
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("script_sandbox");
    TCase *t = tcase_create("script_sandbox");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, nothing_takes_longer_than_its_budget);
    tcase_add_test(t, it_takes_no_more_memory_than_its_cap);
    tcase_add_test(t, it_recovers);
    tcase_add_test(t, what_is_there);
    tcase_add_test(t, expressions_find_capture_and_replace);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
