/* The open authenticator: which names it takes, and that it serves nobody but this machine. */
#include "fake_auth_host.h"

static struct fake *start(void)
{
    struct fake *f = fake_load("open", NULL);

    ck_assert_int_eq(fake_create(f), 0);
    return f;
}

static struct fake_login named(struct fake *f, const char *name)
{
    return fake_ask(f, (struct fake_login){.query_name = "name", .query_value = name});
}

START_TEST(takes_a_name)
{
    static const struct {
        const char *given, *name;
    } good[] = {
        {"anna", "anna"},
        {"  anna\t", "anna"},
        {"Anna  Lena", "Anna  Lena"},
        {"x", "x"},
        {"J\xc3\xb6rg", "J\xc3\xb6rg"},
        {"\xe5\xb1\xb1\xe7\x94\xb0", "\xe5\xb1\xb1\xe7\x94\xb0"},
        {"\xf0\x9f\x90\x88", "\xf0\x9f\x90\x88"},
        {"<img onerror=x>", "<img onerror=x>"},
        {"0123456789012345678901234567890123456789012345678901234567890123",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {" 0123456789012345678901234567890123456789012345678901234567890123 ",
         "0123456789012345678901234567890123456789012345678901234567890123"},
    };
    struct fake *f = start();

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct fake_login l = named(f, good[i].given);
        ck_assert_msg(l.answer == PARLEY_ADMIT, "case %zu: %s", i, l.why);
        ck_assert_str_eq(l.user, good[i].name);
        ck_assert_str_eq(l.username, good[i].name);
        ck_assert_str_eq(l.issuer, "");
        ck_assert_str_eq(l.roles, "");
        ck_assert_int_eq(l.expires_unix_ms, 0);
    }
    fake_free(f);
}
END_TEST

START_TEST(refuses_what_is_no_name)
{
    static const struct {
        const char *given, *why;
    } bad[] = {
        {"", "empty"},
        {"   \t ", "empty"},
        {"\xc2\xa0", "empty"},                 /* no-break space */
        {"\xe2\x80\x8b\xe2\x80\x8d", "empty"}, /* zero width */
        {"\xe3\x80\x80", "empty"},             /* ideographic space */
        {"01234567890123456789012345678901234567890123456789012345678901234", "longer"},
        {"an\nna", "control"},
        {"an\rna", "control"},
        {"an\tna", "control"},
        {"an\x1b[2Jna", "control"},
        {"anna\x7f", "control"},
        {"anna\xc2\x85", "control"},     /* C1 */
        {"anna\xe2\x80\xae", "control"}, /* right-to-left override */
        {"\xe2\x81\xa6"
         "anna",
         "control"}, /* isolate */
        {"\xe2\x80\x8f"
         "anna",
         "control"}, /* right-to-left mark */
        {"\xd8\x9c"
         "anna",
         "control"},                     /* Arabic letter mark */
        {"anna\xe2\x80\xa8", "control"}, /* line separator */
        {"\xff", "UTF-8"},
        {"anna\xc3", "UTF-8"},
        {"\xc0\xaf", "UTF-8"}, /* overlong */
        {"\xe0\x80\xaf", "UTF-8"},
        {"\xf0\x80\x80\xaf", "UTF-8"},
        {"\xed\xa0\x80", "UTF-8"},     /* surrogate */
        {"\xf4\x90\x80\x80", "UTF-8"}, /* above U+10FFFF */
        {"\x80", "UTF-8"},
    };
    struct fake *f = start();

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fake_login l = named(f, bad[i].given);
        ck_assert_msg(l.answer == PARLEY_REFUSE, "case %zu", i);
        ck_assert_msg(strstr(l.why, bad[i].why) != NULL, "case %zu: %s", i, l.why);
    }
    fake_free(f);
}
END_TEST

/* Every byte string of up to three bytes agrees with the core's own judgement of UTF-8. */
START_TEST(utf8_like_the_core)
{
    struct fake *f = start();
    char name[5] = "a";

    for (unsigned v = 0x800000; v < 0x1000000; v += 23 + v % 31) {
        name[1] = (char)(v >> 16);
        name[2] = (char)(v >> 8);
        name[3] = (char)v;
        struct fake_login l = named(f, name);
        if (l.answer == PARLEY_ADMIT)
            ck_assert_msg(str_valid_utf8(name, strlen(name)), "%06x", v);
        else if (strstr(l.why, "UTF-8"))
            ck_assert_msg(!str_valid_utf8(name, strlen(name)), "%06x", v);
    }
    fake_free(f);
}
END_TEST

START_TEST(leaves_tokens_and_silence_to_others)
{
    struct fake *f = start();
    struct fake_login l = {.bearer = "x.y.z", .query_name = "name", .query_value = "anna"};

    ck_assert_int_eq(fake_check(f, NULL).answer, PARLEY_NOT_MINE);
    ck_assert_int_eq(fake_ask(f, l).answer, PARLEY_NOT_MINE);
    l.bearer = NULL;
    l.query_name = "nam";
    ck_assert_int_eq(fake_ask(f, l).answer, PARLEY_NOT_MINE);
    fake_free(f);
}
END_TEST

START_TEST(only_on_loopback)
{
    struct fake *f = fake_load("open", NULL);

    f->loopback = false;
    ck_assert_int_ne(fake_create(f), 0);
    ck_assert_ptr_nonnull(strstr(f->bad_option, "loopback"));
    fake_free(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("open");
    TCase *c = tcase_create("door");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 30);
    tcase_add_test(c, takes_a_name);
    tcase_add_test(c, refuses_what_is_no_name);
    tcase_add_test(c, utf8_like_the_core);
    tcase_add_test(c, leaves_tokens_and_silence_to_others);
    tcase_add_test(c, only_on_loopback);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
