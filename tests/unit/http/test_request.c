/* Paths and queries, as strangers write them. */
#include "base/str.h"
#include "http/http.h"
#include "message/value.h"

#include <check.h>
#include <stdlib.h>

const parley_api parley_host_api = {.struct_size = sizeof(parley_api)};

static void check_path(const char *raw, const char *wanted)
{
    struct http_request *q = http_request_new();
    int r = http_path_parse(q, str_of(raw));

    if (wanted) {
        ck_assert_msg(r == 0, "%s was refused", raw);
        ck_assert_str_eq(q->path.p, wanted);
    } else {
        ck_assert_msg(r == -EINVAL, "%s became %s", raw, q->path.p ? q->path.p : "(nothing)");
    }
    http_request_free(q);
}

START_TEST(paths)
{
    check_path("/", "/");
    check_path("/channels", "/channels");
    check_path("/a%20b", "/a b");
    check_path("/a+b", "/a+b");
    check_path("/%c3%A9", "/\xc3\xa9");
    check_path("/a/..b", "/a/..b");
    check_path("/a..", "/a..");
    check_path("/a/.b/", "/a/.b/");
    check_path("/100%25", "/100%");
    check_path("/%252e%252e/", "/%2e%2e/"); /* decoded once */
    check_path("", NULL);
    check_path("channels", NULL);
    check_path("/..", NULL);
    check_path("/../etc/passwd", NULL);
    check_path("/a/../b", NULL);
    check_path("/a/..", NULL);
    check_path("/..%2f", NULL);
    check_path("/%2e%2e/x", NULL);
    check_path("/%2E./x", NULL);
    check_path("/a%2f..%2fb", NULL);
    check_path("/%00", NULL);
    check_path("/a%00b", NULL);
    check_path("/%", NULL);
    check_path("/%4", NULL);
    check_path("/%zz", NULL);
    check_path("/%ff", NULL);
    check_path("/a%0d%0ab", NULL);
    check_path("/a%5cb", NULL);
    check_path("/a%7fb", NULL);
}
END_TEST

START_TEST(queries)
{
    struct http_request *q = http_request_new();

    ck_assert_int_eq(http_query_parse(q, PARLEY_STR("a=b&c=%20+%2B&d&e=&=f&&a=second&g=1=2")), 0);
    ck_assert_uint_eq(q->query_count, 7);
    ck_assert_str_eq(http_query(q, "a").p, "b");
    ck_assert_str_eq(http_query(q, "c").p, "  +");
    ck_assert_str_eq(http_query(q, "d").p, "");
    ck_assert_str_eq(http_query(q, "e").p, "");
    ck_assert_str_eq(http_query(q, "").p, "f");
    ck_assert_str_eq(http_query(q, "g").p, "1=2");
    ck_assert_ptr_null(http_query(q, "h").p);
    ck_assert_int_eq(http_query_parse(q, PARLEY_STR("")), 0);
    ck_assert_uint_eq(q->query_count, 0);
    ck_assert_int_eq(http_query_parse(q, PARLEY_STR("a=%")), -EINVAL);
    ck_assert_int_eq(http_query_parse(q, PARLEY_STR("a=%4")), -EINVAL);
    ck_assert_int_eq(http_query_parse(q, PARLEY_STR("a=%00")), -EINVAL);
    ck_assert_int_eq(http_query_parse(q, PARLEY_STR("%c3=x")), -EINVAL);
    http_request_free(q);
}
END_TEST

START_TEST(too_many_parts)
{
    struct http_request *q = http_request_new();
    char text[400] = "";

    for (int i = 0; i < 65; i++)
        strcat(text, "a=1&");
    ck_assert_int_eq(http_query_parse(q, str_of(text)), -EINVAL);
    http_request_free(q);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("request");
    TCase *t = tcase_create("request");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_test(t, paths);
    tcase_add_test(t, queries);
    tcase_add_test(t, too_many_parts);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
