/* Addresses: the same in, the same out, one text for each. */
#include "base/ip.h"
#include "base/str.h"

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *again(const char *text)
{
    static char out[IP_TEXT];
    struct ip ip;

    return ip_parse(text, &ip) ? ip_print(&ip, out) : "none";
}

START_TEST(text_has_one_spelling)
{
    ck_assert_str_eq(again("192.0.2.7"), "192.0.2.7");
    ck_assert_str_eq(again("::ffff:192.0.2.7"), "192.0.2.7");
    ck_assert_str_eq(again("2001:DB8:0:0::7"), "2001:db8::7");
    ck_assert_str_eq(again("::1"), "::1");
    ck_assert_str_eq(again("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    ck_assert_str_eq(again(""), "none");
    ck_assert_str_eq(again("192.0.2"), "none");
    ck_assert_str_eq(again("fe80::1%eth0"), "none");
}
END_TEST

START_TEST(sockets_have_the_same)
{
    struct sockaddr_storage from = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&from;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&from;
    struct ip got, wanted;
    char out[IP_TEXT];

    ck_assert(ip_parse("192.0.2.7", &wanted));
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(0xc0000207);
    ip_of_socket(&from, &got);
    ck_assert(ip_same(&got, &wanted));
    ck_assert(ip_is_v4(&got));
    memset(&from, 0, sizeof from);
    v6->sin6_family = AF_INET6;
    memcpy(&v6->sin6_addr, &wanted, sizeof wanted); /* ::ffff:192.0.2.7 */
    ip_of_socket(&from, &got);
    ck_assert(ip_same(&got, &wanted));
    memset(&v6->sin6_addr, 0x20, sizeof v6->sin6_addr);
    ip_of_socket(&from, &got);
    ck_assert(!ip_same(&got, &wanted));
    ck_assert(!ip_is_v4(&got));
    from.ss_family = AF_UNIX;
    ip_of_socket(&from, &got);
    ck_assert_str_eq(ip_print(&got, out), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/ip");
    TCase *t = tcase_create("ip");
    suite_add_tcase(suite, t);
    tcase_add_test(t, text_has_one_spelling);
    tcase_add_test(t, sockets_have_the_same);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
