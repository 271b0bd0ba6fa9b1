/* script: what a script sees, what its answers do, and that what it did wrong is told with its
 * line. */
#include "script.h"

START_TEST(a_rule_in_five_lines)
{
    start_script("local darn = regex('(?i)\\\\bdarn\\\\b')\n"
                 "function message(m)\n"
                 "  if darn(m.text) then return false, 'Mind your language, ' .. m.username end\n"
                 "end\n");
    ck_assert(says(ada, "good day to darners"));
    ck_assert(!says(ada, "DARN it"));
    told(ada, "rejected", "Mind your language, ada");
    ck_assert(!whispers(ada, "bob", "darn"));
    ck_assert_double_eq(kit_metric(k, "script", "refused"), 2);
    stop();
}
END_TEST

START_TEST(what_it_sees)
{
    start_script("function message(m)\n"
                 "  local list, n = {}, 0\n"
                 "  for _, name in ipairs {'channel', 'text', 'type', 'user', 'username'} do\n"
                 "    if m[name] then list[#list + 1] = name .. '=' .. m[name] end\n"
                 "  end\n"
                 "  for _ in pairs(m) do n = n + 1 end\n"
                 "  if n ~= #list + 2 then error('more than is told') end\n"
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
    refuses("return false, 'Not in this house.', 'house'", "house", "Not in this house.");
    refuses("return false, nil, 'house'", "house", "This message is not allowed here.");
    refuses("return false, 'No.', {}", "script", "No.");
    refuses("return false, 'No.', 'a\\0b'", "script", "No.");
    refuses("return false, 'No.', '0123456789012345678901234567\xc3\x9f\xc3\x9f'",
            "0123456789012345678901234567\xc3\x9f", "No.");
    refuses("return false, '100% %s %n'", "script", "100% %s %n");
    refuses("return false, 'Stra\xc3\x9f"
            "e'",
            "script",
            "Stra\xc3\x9f"
            "e");
}
END_TEST

/* Words go out as they are: what is no UTF-8 must not. */
START_TEST(words_that_are_no_text_are_not_told)
{
    static const char *const bad[] = {"'no\\xff'",
                                      "'no\\xc3'",
                                      "'no\\xc3x'",
                                      "'no\\xe2\\x82'",
                                      "'no\\xed\\xa0\\x80'",
                                      "'no\\xc0\\x80'",
                                      "'no\\xf4\\x90\\x80\\x80'",
                                      "'no\\0more'",
                                      "''",
                                      "'no\\xf8'"};
    char body[128];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(body, sizeof body, "function message(m) return false, %s end", bad[i]);
        start_script(body);
        ck_assert(!says(ada, "x"));
        ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.message"),
                         "This message is not allowed here.");
        stop();
    }
    start_script(RULE("local t = {} for i = 1, tonumber(m.text) do t[i] = '\xe4\xbe\x8b' end\n"
                      "return false, 'x' .. table.concat(t)"));
    for (int i = 98; i < 102; i++) {
        const char *words;
        char times[16];

        snprintf(times, sizeof times, "%d", i);
        ck_assert(!says(ada, times));
        words = kit_member(kit_last(k, ada, "error"), "payload.message");
        ck_assert_ptr_nonnull(words);
        ck_assert_uint_eq(strlen(words), i < 99 ? 3u * (unsigned)i + 1 : 298u);
    }
    stop();
}
END_TEST

START_TEST(how_it_changes_texts)
{
    start_script("local darn = regex 'darn'\n"
                 "function message(m)\n"
                 "  if m.text == 'all' then\n"
                 "    for i, t in ipairs(m.texts) do m.texts[i] = t:upper() end\n"
                 "    return m.texts\n"
                 "  end\n"
                 "  return darn(m.text, '****')\n"
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
               {"return type", "is a function"},
               {"return {}", "is a nil"},
               {"return {7}", "is a number"},
               {"return '\\xff'", "cannot be used"},
               {"return 'a\\0b'", "cannot be used"}};
    char lua[128];

    catch_log();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
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
    static const char lua[] = "bad = regex '[a-z]' function message(m)\n"
                              "  if m.text == 'a' then error('oh') end\n"
                              "  if m.text == 'b' then\n"
                              "    return m.nothing.at.all\n"
                              "  end\n"
                              "  if m.text == 'c' then error({}) end\n"
                              "  if m.text == 'd' then return m.text:find('x') end\n"
                              "  if m.text == 'e' then return bad('\\xff') end\n"
                              "  if m.text == 'f' then return m.roles[{}] end\n"
                              "  if m.text == 'g' then regex 'x' end\n"
                              "  if m.text == 'h' then error('oh', 0) end\n"
                              "  if m.text == 'i' then error(nil) end\n"
                              "  if m.text == 'j' then return bad(m.text, '$9') end\n"
                              "  if m.text == 'k' then return bad() end\n"
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
    logged(7, "attempt to call a nil value (method 'find')");
    fails("e");
    logged(8, "regex: UTF-8 error");
    fails("f");
    logged(9, "string expected");
    fails("g");
    logged(10, "only while the file is loaded");
    fails("h");
    logged(11, "oh");
    fails("i");
    logged(12, "an error without words");
    fails("j");
    logged(13, "regex: unknown substring");
    fails("k");
    logged(14, "string expected");
    ck_assert(says(ada, "x"));
    stop();
    start_more(lua, "on_error = pass\n");
    ck_assert(says(ada, "a") && says(ada, "b"));
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
    refused("[hub script]\nfile = /tmp\n", "test.ini:2: ", "cannot read /tmp");
    refused("[hub script]\nfile = /nonexistent.lua\n",
            "test.ini:2: ", "/nonexistent.lua: No such file");
    bad_script("function message(m)\n  return 'a\nend\n", 2, "unfinished string");
    bad_script("function message(m)\n", 2, "'end' expected");
    bad_script("\n\nerror('not today')\n", 3, "not today");
    bad_script("x = 1\n", 0, "it has no function 'message'");
    bad_script("message = 'x'\n", 0, "it has no function 'message'");
    bad_script("\x1bLua", 0, "attempt to load a binary chunk");
    bad_script("while true do end\n", 1, "over its budget of 10000000 instructions");
    bad_script("x = 1\nr = regex 'a('\n", 2, "regex, at byte 2: missing closing parenthesis");
    bad_script("\nfor i = 1, 101 do regex 'a' end\n", 2, "and 100 at most");
    bad_script("\nerror(setmetatable)\n", 2, "an error without words");
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
    tcase_add_test(t, words_that_are_no_text_are_not_told);
    tcase_add_test(t, how_it_changes_texts);
    tcase_add_test(t, answers_that_make_no_sense_fail);
    tcase_add_test(t, what_goes_wrong_is_told_with_its_line_and_follows_on_error);
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
