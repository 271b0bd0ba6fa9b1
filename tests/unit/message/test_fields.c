/* message/fields: what a table lets pass, what it says of the rest, and what becomes of it. */
#include "base/str.h"
#include "host_table.h"
#include "message/fields.h"

#include <check.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TABLE(array) ((parley_table)PARLEY_TABLE(array))

static struct arena arena;
static struct out out;

static const parley_field poll[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..8", NULL, PARLEY_REQUIRED | PARLEY_CHANNEL, "Where"),
    PARLEY_FIELD("question", PARLEY_STRING, "1..20", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "What"),
    PARLEY_FIELD("settings.secret", PARLEY_BOOL, NULL, "no", 0, "No results before the end"),
    PARLEY_FIELD("choices", PARLEY_LIST, "2..3 of 1..5", NULL, PARLEY_REQUIRED | PARLEY_TEXT, "Of"),
    PARLEY_FIELD("duration", PARLEY_INT, "10..100", "30", 0, "Seconds"),
    PARLEY_FIELD("share", PARLEY_NUMBER, "0..1", NULL, 0, "A share"),
    PARLEY_FIELD("settings.show.title", PARLEY_STRING, NULL, NULL, PARLEY_TEXT, "Above it"),
    PARLEY_FIELD("mode", PARLEY_STRING, "open|closed", NULL, 0, "How"),
    PARLEY_FIELD("to", PARLEY_STRING, "1..8", NULL, PARLEY_USER, "Whom"),
};
static const parley_table table = PARLEY_TABLE(poll);
static const char good[] =
    "{\"choices\":[\"a\",\"b\"],\"question\":\"Who?\",\"channel\":\"c\",\"other\":[{}]}";

static void setup(void)
{
    arena_init(&arena, 4096);
    out_init(&out, 0);
}

static void teardown(void)
{
    arena_finish(&arena);
    out_finish_memory(&out);
}

static const parley_value *parse(const char *json)
{
    const struct value *v = NULL;
    const char *why = "";
    ck_assert_msg(value_parse(&arena, str_of(json), 32, 2048, &v, &why) == 0, "%s: %s", why, json);
    return &v->pub;
}

/* What is said of the members; NULL: nothing. */
static void check(const parley_table *fields, const char *json, const char *expected)
{
    char why[256] = "";
    int r = fields_check(fields, parse(json), why);
    ck_assert_msg(r == (expected == NULL ? 0 : -EINVAL), "%s: %d %s", json, r, why);
    if (expected != NULL)
        ck_assert_msg(strstr(why, expected) == why, "%s: %s", json, why);
}

/* The same with a good poll's members around it. */
static void check_with(const char *members, const char *expected)
{
    char json[1024];
    snprintf(json, sizeof json, "%.*s,%s}", (int)sizeof good - 2, good, members);
    check(&table, json, expected);
}

static void expect(const char *json)
{
    ck_assert_int_eq(out_end(&out), 0);
    ck_assert_str_eq(out.text.p, json);
    parse(out.text.p);
    out_clear(&out);
}

START_TEST(required_fields_are_there)
{
    check(&table, good, NULL);
    check(&table, "{}", "'channel' is required");
    check(&table, "{\"channel\":\"c\"}", "'question' is required");
    check(&table, "{\"channel\":null}", "'channel' is required");
    check(&table, "{\"channel\":\"c\",\"question\":\"q\"}", "'choices' is required");
    check(&table, "[\"channel\"]", "must be an object");
    const parley_field inner[] = {PARLEY_FIELD("a.b", PARLEY_INT, NULL, NULL, PARLEY_REQUIRED, "")};
    check(&TABLE(inner), "{}", "'a.b' is required");
    check(&TABLE(inner), "{\"a\":{}}", "'a.b' is required");
    check(&TABLE(inner), "{\"a\":null}", "'a.b' is required");
    check(&TABLE(inner), "{\"a\":1}", "'a' must be an object");
    check(&TABLE(inner), "{\"a.b\":1}", "'a.b' is required");
    check(&TABLE(inner), "{\"a\":{\"b\":1}}", NULL);
    char why[256];
    ck_assert_int_eq(fields_check(&table, NULL, why), -EINVAL);
    const parley_table none = {0};
    check(&none, "{\"a\":1}", NULL);
}
END_TEST

START_TEST(kinds_are_held_to)
{
    const char *const cases[][2] = {
        {"\"duration\":10", NULL},
        {"\"duration\":1e1", NULL},
        {"\"duration\":20.0", NULL},
        {"\"duration\":null", NULL},
        {"\"duration\":20.5", "'duration' must be a whole number"},
        {"\"duration\":1e300", "'duration' must be a whole number"},
        {"\"duration\":\"20\"", "'duration' must be a whole number"},
        {"\"duration\":true", "'duration' must be a whole number"},
        {"\"share\":1", NULL},
        {"\"share\":0.25", NULL},
        {"\"share\":\"0\"", "'share' must be a number"},
        {"\"settings\":{\"secret\":true}", NULL},
        {"\"settings\":{\"secret\":null}", NULL},
        {"\"settings\":null", NULL},
        {"\"settings\":{\"secret\":1}", "'settings.secret' must be true or false"},
        {"\"settings\":{\"secret\":\"yes\"}", "'settings.secret' must be true or false"},
        {"\"settings\":[]", "'settings' must be an object"},
        {"\"settings\":{\"show\":1}", "'settings.show' must be an object"},
        {"\"settings\":{\"show\":{\"title\":\"t\"}}", NULL},
        {"\"mode\":1", "'mode' must be a string"},
        {"\"mode\":[\"open\"]", "'mode' must be a string"},
        {"\"mode\":\"open\"", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check_with(cases[i][0], cases[i][1]);
    const char *const lists[] = {"\"a\"", "{\"0\":\"a\"}", "[\"a\",1]", "[\"a\",null]", "[[],[]]"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        char json[256];
        snprintf(json, sizeof json, "{\"channel\":\"c\",\"question\":\"q\",\"choices\":%s}",
                 lists[i]);
        check(&table, json, "'choices' must be a list of strings");
    }
}
END_TEST

START_TEST(ranges_are_held_to)
{
    check_with("\"duration\":9", "'duration' must be from 10 to 100");
    check_with("\"duration\":101", "'duration' must be from 10 to 100");
    check_with("\"duration\":101.0", "'duration' must be from 10 to 100");
    check_with("\"share\":1.01", "'share' must be from 0 to 1");
    check_with("\"share\":-1", "'share' must be from 0 to 1");
    check_with("\"mode\":\"ajar\"", "'mode' must be 'open' or 'closed'");
    check(&table, "{\"channel\":\"\"}", "'channel' must be 1 to 8 characters");
    check(&table, "{\"channel\":\"123456789\"}", "'channel' must be 1 to 8 characters");
    check(&table,
          "{\"channel\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}",
          "'question' is required"); /* eight characters, not sixteen bytes */
    check(&table, "{\"channel\":\"c\",\"question\":\"q\",\"choices\":[\"a\"]}",
          "'choices' must have 2 to 3 items");
    check(&table, "{\"channel\":\"c\",\"question\":\"q\",\"choices\":[\"a\",\"b\",\"c\",\"d\"]}",
          "'choices' must have 2 to 3 items");
    check(&table, "{\"channel\":\"c\",\"question\":\"q\",\"choices\":[\"a\",\"123456\"]}",
          "'choices' has an item that must be 1 to 5 characters");
    const parley_field odd[] = {PARLEY_FIELD("x", 99, NULL, NULL, 0, "")};
    check(&TABLE(odd), "{\"x\":1}", "'x' has a kind");
    check(&TABLE(odd), "{}", NULL);
}
END_TEST

START_TEST(a_long_name_does_not_hide_what_is_wrong)
{
    char name[400], json[512], why[256];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    const parley_field fields[] = {PARLEY_FIELD(name, PARLEY_INT, NULL, NULL, 0, "")};
    snprintf(json, sizeof json, "{\"%s\":true}", name);
    ck_assert_int_eq(fields_check(&TABLE(fields), parse(json), why), -EINVAL);
    ck_assert_uint_lt(strlen(why), sizeof why);
    ck_assert_ptr_nonnull(strstr(why, "must be a whole number"));
}
END_TEST

START_TEST(copies_what_the_table_knows)
{
    fields_copy(&table, parse(good), &out.pub);
    expect("{\"channel\":\"c\",\"question\":\"Who?\",\"settings\":{\"secret\":false},"
           "\"choices\":[\"a\",\"b\"],\"duration\":30}");
    fields_copy(&table,
                parse("{\"settings\":{\"other\":1,\"show\":{\"title\":\"T\"},\"secret\":true},"
                      "\"duration\":5e1,\"share\":1,\"question\":\"q\",\"mode\":null,"
                      "\"x\":2,\"choices\":[\"b\",\"a\"],\"channel\":\"c\"}"),
                &out.pub);
    expect("{\"channel\":\"c\",\"question\":\"q\","
           "\"settings\":{\"secret\":true,\"show\":{\"title\":\"T\"}},"
           "\"choices\":[\"b\",\"a\"],\"duration\":50,\"share\":1}");
    const parley_field bare[] = {
        PARLEY_FIELD("a.b.c", PARLEY_INT, NULL, NULL, 0, ""),
        PARLEY_FIELD("ab", PARLEY_INT, NULL, NULL, 0, ""),
        PARLEY_FIELD("a.x", PARLEY_INT, NULL, NULL, 0, ""),
        PARLEY_FIELD("a.b.d", PARLEY_INT, NULL, NULL, 0, ""),
    };
    fields_copy(&TABLE(bare), parse("{\"ab\":1}"), &out.pub);
    expect("{\"ab\":1}");
    fields_copy(&TABLE(bare), parse("{\"ab\":1,\"a\":{\"x\":2,\"b\":{}}}"), &out.pub);
    expect("{\"a\":{\"x\":2},\"ab\":1}"); /* a group stands where its first field does */
    fields_copy(&TABLE(bare), parse("{\"a\":{\"x\":2,\"b\":{\"d\":3}},\"ab\":1}"), &out.pub);
    expect("{\"a\":{\"b\":{\"d\":3},\"x\":2},\"ab\":1}");
    fields_copy(&TABLE(bare), parse("{}"), &out.pub);
    expect("{}");
}
END_TEST

START_TEST(writes_defaults)
{
    const parley_field fields[] = {
        PARLEY_FIELD("b", PARLEY_BOOL, NULL, "yes", 0, ""),
        PARLEY_FIELD("i", PARLEY_INT, NULL, "-3", 0, ""),
        PARLEY_FIELD("n", PARLEY_NUMBER, NULL, "0.5", 0, ""),
        PARLEY_FIELD("s", PARLEY_STRING, "0..9", "a\"b", 0, ""),
        PARLEY_FIELD("e", PARLEY_STRING, NULL, "", 0, ""),
        PARLEY_FIELD("size", PARLEY_SIZE, NULL, "2KiB", 0, ""),
        PARLEY_FIELD("time", PARLEY_DURATION, NULL, "2s", 0, ""),
        PARLEY_FIELD("l", PARLEY_LIST, NULL, "x, y", 0, ""),
        PARLEY_FIELD("none", PARLEY_LIST, NULL, "", 0, ""),
        PARLEY_FIELD("bad", PARLEY_INT, "1..2", "3", 0, ""),
        PARLEY_FIELD("in.side", PARLEY_INT, NULL, "1", 0, ""),
        PARLEY_FIELD("nothing", PARLEY_INT, NULL, NULL, 0, ""),
    };
    fields_copy(&TABLE(fields), parse("{}"), &out.pub);
    expect("{\"b\":true,\"i\":-3,\"n\":0.5,\"s\":\"a\\\"b\",\"e\":\"\",\"size\":2048,"
           "\"time\":2000,\"l\":[\"x\",\"y\"],\"none\":[],\"in\":{\"side\":1}}");
    fields_copy(&TABLE(fields), parse("{\"i\":null,\"b\":false,\"l\":[]}"), &out.pub);
    expect("{\"b\":false,\"i\":-3,\"n\":0.5,\"s\":\"a\\\"b\",\"e\":\"\",\"size\":2048,"
           "\"time\":2000,\"l\":[],\"none\":[],\"in\":{\"side\":1}}");
}
END_TEST

START_TEST(copies_no_part_that_has_no_room)
{
    char name[300];
    memset(name, 'n', sizeof name);
    memcpy(name + sizeof name - 3, ".x", 3);
    const parley_field fields[] = {PARLEY_FIELD(name, PARLEY_INT, NULL, "1", 0, "")};
    fields_copy(&TABLE(fields), parse("{}"), &out.pub);
    ck_assert_int_eq(out_end(&out), -EINVAL);
    struct out small;
    out_init(&small, 20);
    fields_copy(&table, parse(good), &small.pub);
    ck_assert_int_eq(out_end(&small), -E2BIG);
    out_finish_memory(&small);
}
END_TEST

static const char texts[] =
    "{\"id\":7,\"settings\":{\"show\":{\"title\":\"T\",\"n\":null},\"secret\":true},"
    "\"choices\":[\"a\",5,\"b\"],\"channel\":\"c\",\"question\":\"Q\",\"extra\":[[\"a\"],{}]}";

START_TEST(texts_are_counted_in_the_order_of_the_table)
{
    const char *const expected[] = {"Q", "a", "b", "T"};
    const parley_value *v = parse(texts);
    for (unsigned i = 0; i < COUNT(expected); i++)
        ck_assert(str_is(fields_text(&table, v, i), expected[i]));
    ck_assert_ptr_null(fields_text(&table, v, COUNT(expected)).p);
    ck_assert_ptr_null(fields_text(&table, v, UINT32_MAX).p);
    ck_assert_ptr_null(fields_text(&table, NULL, 0).p);
    ck_assert_ptr_null(fields_text(&table, parse("{\"question\":1,\"choices\":[]}"), 0).p);
    ck_assert(str_is(fields_text(&table, parse("{\"choices\":[\"x\"]}"), 0), "x"));
}
END_TEST

START_TEST(one_text_is_replaced)
{
    const parley_value *v = parse(texts);
    const char *const expected[] = {
        "{\"id\":7,\"settings\":{\"show\":{\"title\":\"T\",\"n\":null},\"secret\":true},"
        "\"choices\":[\"a\",5,\"b\"],\"channel\":\"c\",\"question\":\"*\\n*\","
        "\"extra\":[[\"a\"],{}]}",
        "{\"id\":7,\"settings\":{\"show\":{\"title\":\"T\",\"n\":null},\"secret\":true},"
        "\"choices\":[\"*\\n*\",5,\"b\"],\"channel\":\"c\",\"question\":\"Q\","
        "\"extra\":[[\"a\"],{}]}",
        "{\"id\":7,\"settings\":{\"show\":{\"title\":\"T\",\"n\":null},\"secret\":true},"
        "\"choices\":[\"a\",5,\"*\\n*\"],\"channel\":\"c\",\"question\":\"Q\","
        "\"extra\":[[\"a\"],{}]}",
        "{\"id\":7,\"settings\":{\"show\":{\"title\":\"*\\n*\",\"n\":null},\"secret\":true},"
        "\"choices\":[\"a\",5,\"b\"],\"channel\":\"c\",\"question\":\"Q\","
        "\"extra\":[[\"a\"],{}]}",
    };
    for (unsigned i = 0; i < COUNT(expected); i++) {
        ck_assert_int_eq(fields_set_text(&table, v, i, PARLEY_STR("*\n*"), &out.pub), 0);
        expect(expected[i]);
    }
    ck_assert_int_eq(fields_set_text(&table, v, COUNT(expected), PARLEY_STR("x"), &out.pub),
                     -ENOENT);
    expect("{}");
    v = parse("{\"question\":\"Q\"}");
    ck_assert_int_eq(fields_set_text(&table, v, 0, PARLEY_NONE, &out.pub), 0);
    expect("{\"question\":\"\"}");
    ck_assert_int_eq(fields_set_text(&table, v, 0, PARLEY_STR("\xff"), &out.pub), 0);
    ck_assert_int_eq(out_end(&out), -EINVAL);
}
END_TEST

START_TEST(flags_and_strings_are_found)
{
    ck_assert_ptr_eq(fields_flagged(&table, PARLEY_TEXT), &poll[1]);
    ck_assert_ptr_eq(fields_flagged(&table, PARLEY_CHANNEL), &poll[0]);
    ck_assert_ptr_eq(fields_flagged(&table, PARLEY_USER), &poll[8]);
    ck_assert_ptr_null(fields_flagged(&table, PARLEY_OPEN));
    const parley_value *v = parse(texts);
    ck_assert(str_is(fields_str(&poll[0], v), "c"));
    ck_assert(str_is(fields_str(&poll[6], v), "T"));
    ck_assert_ptr_null(fields_str(&poll[2], v).p);
    ck_assert_ptr_null(fields_str(&poll[8], v).p);
    ck_assert_ptr_null(fields_str(NULL, v).p);
    ck_assert_ptr_null(fields_str(&poll[0], NULL).p);
}
END_TEST

/* A plugin of tomorrow, whose entries have grown, and one whose entries are shorter. */
START_TEST(entries_may_be_of_another_size)
{
    struct {
        parley_field f;
        const char *more[3];
    } larger[] = {{poll[0], {"x", "y", "z"}}, {poll[1], {NULL, NULL, NULL}}, {poll[8], {"x"}}};
    const parley_table grown = TABLE(larger);
    check(&grown, "{\"channel\":\"c\"}", "'question' is required");
    ck_assert_ptr_eq(fields_flagged(&grown, PARLEY_USER), &larger[2].f);
    struct {
        const char *name;
        int32_t kind;
        uint32_t flags;
    } smaller[] = {{"a", PARLEY_STRING, PARLEY_TEXT}, {"b", PARLEY_INT, PARLEY_REQUIRED}};
    const parley_table shrunk = TABLE(smaller);
    parley_field f;
    ck_assert_ptr_eq(fields_at(&shrunk, 1, &f), &f);
    ck_assert(strcmp(f.name, "b") == 0 && f.kind == PARLEY_INT && f.flags == PARLEY_REQUIRED);
    ck_assert(f.range == NULL && f.dflt == NULL && f.doc == NULL && f.offset == 0 && f.size == 0);
    ck_assert_ptr_null(fields_at(&shrunk, 2, &f));
    check(&shrunk, "{\"a\":\"x\"}", "'b' is required");
    check(&shrunk, "{\"a\":\"x\",\"b\":1}", NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message/fields");
    TCase *t = tcase_create("fields");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, required_fields_are_there);
    tcase_add_test(t, kinds_are_held_to);
    tcase_add_test(t, ranges_are_held_to);
    tcase_add_test(t, a_long_name_does_not_hide_what_is_wrong);
    tcase_add_test(t, copies_what_the_table_knows);
    tcase_add_test(t, writes_defaults);
    tcase_add_test(t, copies_no_part_that_has_no_room);
    tcase_add_test(t, texts_are_counted_in_the_order_of_the_table);
    tcase_add_test(t, one_text_is_replaced);
    tcase_add_test(t, flags_and_strings_are_found);
    tcase_add_test(t, entries_may_be_of_another_size);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
