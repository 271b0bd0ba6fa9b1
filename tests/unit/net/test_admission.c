/* Caps and proxies: counts go up and come back, keys are what one customer has, and the leftmost
 * words of X-Forwarded-For are nobody's. */
#include "base/str.h"
#include "net/admission.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

static const parley_str proxies[] = {{"10.0.0.0/8", 10}, {"2001:db8::/33", 13}, {"192.0.2.1", 9}};
static struct settings_server settings;
static struct admission *a;

static void setup(void)
{
    settings = (struct settings_server){.connections = 3,
                                        .connections_per_address = 2,
                                        .connections_per_user = 2,
                                        .trusted_proxies = {proxies, 3}};
    a = admission_new(&settings);
}

static void teardown(void)
{
    admission_free(a);
}

static const struct ip *ip(const char *text) /* "": one that is not known */
{
    static _Thread_local struct ip r;

    r = (struct ip){0};
    ck_assert(!text[0] || ip_parse(text, &r));
    return &r;
}

START_TEST(caps_in_all)
{
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(admission_connect(a), ADMIT_OK);
    ck_assert_int_eq(admission_connect(a), ADMIT_FULL);
    admission_disconnected(a);
    ck_assert_int_eq(admission_connect(a), ADMIT_OK);
}
END_TEST

START_TEST(caps_by_address)
{
    ck_assert_int_eq(admission_address(a, ip("1.2.3.4")), ADMIT_OK);
    ck_assert_int_eq(admission_address(a, ip("1.2.3.4")), ADMIT_OK);
    ck_assert_int_eq(admission_address(a, ip("1.2.3.4")), ADMIT_ADDRESS);
    ck_assert_int_eq(admission_address(a, ip("::ffff:1.2.3.4")), ADMIT_ADDRESS);
    ck_assert_int_eq(admission_address(a, ip("1.2.3.5")), ADMIT_OK);
    admission_address_left(a, ip("1.2.3.4"));
    ck_assert_int_eq(admission_address(a, ip("1.2.3.4")), ADMIT_OK);
    /* a /64 is one customer's */
    ck_assert_int_eq(admission_address(a, ip("2001:db8:1:2::1")), ADMIT_OK);
    ck_assert_int_eq(admission_address(a, ip("2001:db8:1:2:ffff::9")), ADMIT_OK);
    ck_assert_int_eq(admission_address(a, ip("2001:db8:1:2:3:4:5:6")), ADMIT_ADDRESS);
    ck_assert_int_eq(admission_address(a, ip("2001:db8:1:3::1")), ADMIT_OK);
    admission_address_left(a, ip("9.9.9.9")); /* never came: nothing happens */
}
END_TEST

START_TEST(caps_by_user)
{
    parley_str one = PARLEY_STR("https://sso"), two = PARLEY_STR("https://other"),
               u = PARLEY_STR("u1");

    ck_assert_int_eq(admission_user(a, one, u), ADMIT_OK);
    ck_assert_int_eq(admission_user(a, one, u), ADMIT_OK);
    ck_assert_int_eq(admission_user(a, one, u), ADMIT_USER);
    ck_assert_int_eq(admission_user(a, two, u), ADMIT_OK);
    ck_assert_int_eq(admission_user(a, PARLEY_NONE, u), ADMIT_OK);
    ck_assert_int_eq(admission_user(a, PARLEY_NONE, PARLEY_STR("https://ssou1")), ADMIT_OK);
    admission_user_left(a, one, u);
    ck_assert_int_eq(admission_user(a, one, u), ADMIT_OK);
}
END_TEST

START_TEST(no_caps)
{
    admission_free(a);
    settings.connections_per_address = settings.connections_per_user = 0;
    a = admission_new(&settings);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(admission_address(a, ip("1.2.3.4")), ADMIT_OK);
        ck_assert_int_eq(admission_user(a, PARLEY_NONE, PARLEY_STR("x")), ADMIT_OK);
    }
}
END_TEST

START_TEST(proxies_are_networks)
{
    ck_assert(admission_is_proxy(a, ip("10.200.3.4")));
    ck_assert(!admission_is_proxy(a, ip("11.0.0.1")));
    ck_assert(admission_is_proxy(a, ip("192.0.2.1")));
    ck_assert(!admission_is_proxy(a, ip("192.0.2.2")));
    ck_assert(admission_is_proxy(a, ip("2001:db8:7fff::1")));
    ck_assert(!admission_is_proxy(a, ip("2001:db8:8000::1")));
    ck_assert(!admission_is_proxy(a, ip("")));
}
END_TEST

static void check_forwarded(const char *peer, const char *header, const char *wanted)
{
    char text[IP_TEXT];
    struct ip got;

    admission_forwarded(a, ip(peer), str_of(header), &got);
    ck_assert_str_eq(ip_print(&got, text), wanted);
}

START_TEST(forwarded)
{
    check_forwarded("10.0.0.1", "1.2.3.4", "1.2.3.4");
    check_forwarded("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4");
    check_forwarded("10.0.0.1", "6.6.6.6,1.2.3.4 , 10.9.9.9", "1.2.3.4");
    check_forwarded("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1");
    check_forwarded("10.0.0.1", "1.2.3.4:5678", "1.2.3.4");
    check_forwarded("10.0.0.1", "[2001:db8:9999::7]:443", "2001:db8:9999::7");
    check_forwarded("10.0.0.1", "2001:DB8:9999:0::7", "2001:db8:9999::7");
    check_forwarded("10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4");
    check_forwarded("10.0.0.1", "1.2.3.4, unknown, 10.2.2.2", "10.2.2.2");
    check_forwarded("10.0.0.1", "<script>", "10.0.0.1");
    check_forwarded("10.0.0.1", "", "10.0.0.1");
    check_forwarded("10.0.0.1", ",,,", "10.0.0.1");
    check_forwarded("10.0.0.1", NULL, "10.0.0.1");
    check_forwarded("8.8.8.8", "1.2.3.4", "8.8.8.8"); /* whoever says so is no proxy of ours */
}
END_TEST

static void *in_and_out(void *arg)
{
    char address[32];

    for (int i = 0; i < 20000; i++) {
        snprintf(address, sizeof address, "5.6.%d.%d", i % 7, i % 11);
        if (admission_address(a, ip(address)) == ADMIT_OK)
            admission_address_left(a, ip(address));
        if (admission_user(a, PARLEY_NONE, PARLEY_STR("u")) == ADMIT_OK)
            admission_user_left(a, PARLEY_NONE, PARLEY_STR("u"));
        if (admission_connect(a) == ADMIT_OK)
            admission_disconnected(a);
    }
    return arg;
}

START_TEST(from_many_threads)
{
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, in_and_out, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(admission_connect(a), ADMIT_OK);
    ck_assert_int_eq(admission_address(a, ip("5.6.1.1")), ADMIT_OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("admission");
    TCase *t = tcase_create("admission");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, caps_in_all);
    tcase_add_test(t, caps_by_address);
    tcase_add_test(t, caps_by_user);
    tcase_add_test(t, no_caps);
    tcase_add_test(t, proxies_are_networks);
    tcase_add_test(t, forwarded);
    tcase_add_test(t, from_many_threads);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
