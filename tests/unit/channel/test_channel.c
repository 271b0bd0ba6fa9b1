/* The catalogue: names, their spelling, and numbers that are used again only when free. */
#include "base/str.h"
#include "channel/channel.h"

#include <check.h>

static struct channels cs;

static void setup(void)
{
    channels_init(&cs, 2);
}

static void teardown(void)
{
    channels_finish(&cs);
}

START_TEST(found_in_any_case_and_kept_as_spelled)
{
    struct hub_channel *c, *d;

    ck_assert_int_eq(channel_open(&cs, PARLEY_STR("General"), &c), 0);
    ck_assert_ptr_eq(channel_find(&cs, PARLEY_STR("gENERAL")), c);
    ck_assert_pstr_eq(c->name.p, "General");
    ck_assert_int_eq(channel_open(&cs, PARLEY_STR("GENERAL"), &d), -EEXIST);
    ck_assert_ptr_null(channel_find(&cs, PARLEY_STR("Genera")));
    ck_assert_ptr_null(channel_find(&cs, PARLEY_NONE));
}
END_TEST

START_TEST(bad_names_are_refused)
{
    static const char *const bad[] = {
        "",     "a\nb",     "\x7f",
        "\xff", "\xc0\xaf", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct hub_channel *c;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(channel_open(&cs, str_of(bad[i]), &c), -EINVAL);
    ck_assert_int_eq(channel_open(&cs, PARLEY_STR("caf\xc3\xa9"), &c), 0);
}
END_TEST

START_TEST(each_life_has_its_epoch_and_numbers_return)
{
    struct hub_channel *c;
    char epoch[17];
    uint32_t number;

    ck_assert_int_eq(channel_open(&cs, PARLEY_STR("a"), &c), 0);
    memcpy(epoch, c->epoch, sizeof epoch);
    number = c->number;
    ck_assert_uint_ge(number, 1);
    channel_close(&cs, c, false);
    ck_assert_ptr_null(channel_find(&cs, PARLEY_STR("a")));
    ck_assert_int_eq(channel_open(&cs, PARLEY_STR("a"), &c), 0);
    ck_assert_uint_eq(c->number, number);
    ck_assert_int_ne(memcmp(epoch, c->epoch, sizeof epoch), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("channel");
    TCase *t = tcase_create("channel");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, found_in_any_case_and_kept_as_spelled);
    tcase_add_test(t, bad_names_are_refused);
    tcase_add_test(t, each_life_has_its_epoch_and_numbers_return);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
