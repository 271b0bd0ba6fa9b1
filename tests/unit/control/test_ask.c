/* Asks of hub plugins, over the real libcurl and a real server of this process: what goes out, what
 * comes back, and that it comes back once whatever happens. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/settings.h"
#include "control/ask.h"
#include "control/control.h"
#include "message/value.h"
#include "server.h"

#include <check.h>
#include <stdlib.h>

static struct control *control;
static struct settings settings;
static struct actor hub; /* in its place: it keeps what comes home */
static struct ask *home[128];
static int came;

static void on_mail(struct actor *a, struct mail *m)
{
    (void)a;
    ck_assert_uint_eq(m->kind, MAIL_ANSWERED);
    home[came++] = (struct ask *)m;
}

static void setup(void)
{
    domain_enter(DOMAIN_CONTROL);
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    control = control_new(&settings);
    ck_assert_ptr_nonnull(control);
    hub = (struct actor){.name = "hub", .domain = DOMAIN_HUB, .on_mail = on_mail};
    loop_add(control_loop(control), &hub);
    came = 0;
    server_start(&plain);
    EVP_PKEY *key;
    X509 *cert;
    make_certificate(ca_file, &key, &cert);
    secure.tls = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(secure.tls, cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(secure.tls, key), 1);
    EVP_PKEY_free(key);
    X509_free(cert);
    server_start(&secure);
}

static void teardown(void)
{
    for (int i = 0; i < came; i++)
        ask_free(home[i]);
    control_free(control);
    server_stop(&plain);
    server_stop(&secure);
    unlink(ca_file);
}

static struct ask *new_ask(const char *method, const char *url, const char *body)
{
    struct buf text;
    struct ask *a;

    buf_init(&text, 0);
    buf_add_cstr(&text, body);
    a = ask_new(method, url, &text);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(text.p); /* it was taken */
    a->home = &hub;
    a->deadline_ms = 60000;
    return a;
}

static void run_until(int n)
{
    int64_t until = clock_mono_ms() + 20000;
    enum domain before = domain_enter(DOMAIN_NONE);

    while (came < n && clock_mono_ms() < until)
        ev_run(control_loop(control)->ev, EVRUN_ONCE);
    domain_leave(before);
    ck_assert_int_eq(came, n);
}

static const struct ask *ask_for(const char *method, const char *path, const char *body)
{
    char url[256];
    int n = came + 1;

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", plain.port, path);
    actor_post(control_actor(control), &new_ask(method, url, body)->mail, MAIL_ASK);
    run_until(n);
    return home[n - 1];
}

START_TEST(a_body_goes_out_and_json_comes_back)
{
    const struct ask *a = ask_for("POST", "/v1", "{\"text\":\"hi\"}");

    ck_assert_int_eq(a->error, 0);
    ck_assert_int_eq(a->status, 200);
    ck_assert_str_eq(a->answer.p, "{\"keys\":[1,2,3]}");
    ck_assert_uint_eq(value_length(value_get(a->json, "keys")), 3);
    ck_assert_ptr_nonnull(strstr(plain.last, "POST /v1 HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(plain.last, "Content-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(plain.last, "\r\n\r\n{\"text\":\"hi\"}"));
}
END_TEST

START_TEST(a_get_has_no_body_unless_something_was_put)
{
    ask_for("GET", "/a", "{}");
    ck_assert_ptr_nonnull(strstr(plain.last, "GET /a HTTP/1.1\r\n"));
    ck_assert_ptr_null(strstr(plain.last, "Content-Length"));
    ask_for("GET", "/b", "{\"q\":1}");
    ck_assert_ptr_nonnull(strstr(plain.last, "GET /b HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(plain.last, "{\"q\":1}"));
    ask_for("POST", "/c", "{}");
    ck_assert_ptr_nonnull(strstr(plain.last, "\r\n\r\n{}"));
    ask_for("PUT", "/d", "{\"x\":2}");
    ck_assert_ptr_nonnull(strstr(plain.last, "PUT /d HTTP/1.1\r\n"));
}
END_TEST

START_TEST(what_is_no_json_is_told_as_it_came)
{
    const struct ask *a = ask_for("GET", "/missing", "{}");

    ck_assert_int_eq(a->error, 0);
    ck_assert_int_eq(a->status, 404);
    ck_assert_str_eq(a->answer.p, "nope\n");
    ck_assert_ptr_null(a->json);
}
END_TEST

START_TEST(answers_are_bounded)
{
    const struct ask *a = ask_for("GET", "/bytes/1048576", "{}");

    ck_assert_int_eq(a->error, 0);
    ck_assert_uint_eq(a->answer.n, 1048576);
    ck_assert_ptr_null(a->json);
    a = ask_for("GET", "/bytes/1048577", "{}");
    ck_assert_int_eq(a->error, -E2BIG);
    ck_assert_uint_eq(a->answer.n, 0);
    a = ask_for("GET", "/headers", "{}");
    ck_assert_int_eq(a->error, -E2BIG);
}
END_TEST

START_TEST(what_goes_wrong_has_its_name)
{
    struct ask *a = new_ask("GET", "http://127.0.0.1:1/", "{}");

    actor_post(control_actor(control), &a->mail, MAIL_ASK);
    run_until(1);
    ck_assert_int_eq(a->error, -ECONNREFUSED);
    ck_assert_int_eq(a->status, 0);
    ck_assert_str_ne(a->why, "");
    ck_assert_int_eq(ask_for("GET", "/cut", "{}")->error, -EIO);
}
END_TEST

START_TEST(a_certificate_that_nobody_vouches_for_is_refused)
{
    char url[64];

    snprintf(url, sizeof url, "https://127.0.0.1:%d/", secure.port);
    actor_post(control_actor(control), &new_ask("POST", url, "{\"secret\":1}")->mail, MAIL_ASK);
    run_until(1);
    ck_assert_int_eq(home[0]->error, -EACCES);
    ck_assert_int_eq(atomic_load(&secure.requests), 0);
}
END_TEST

START_TEST(its_deadline_ends_it)
{
    char url[64];
    struct ask *a;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/slow", plain.port);
    a = new_ask("POST", url, "{}");
    a->deadline_ms = 50;
    actor_post(control_actor(control), &a->mail, MAIL_ASK);
    run_until(1);
    ck_assert_int_eq(a->error, -ETIMEDOUT);
    a = new_ask("POST", url, "{}");
    a->deadline_ms = 0; /* it waited so long that nothing is left */
    actor_post(control_actor(control), &a->mail, MAIL_ASK);
    run_until(2);
    ck_assert_int_eq(a->error, -ETIMEDOUT);
}
END_TEST

START_TEST(what_may_not_be_asked_comes_back_too)
{
    static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "", "gopher://x/",
                                       "http://"};

    for (int i = 0; i < 5; i++) {
        actor_post(control_actor(control), &new_ask("GET", urls[i], "{}")->mail, MAIL_ASK);
        run_until(i + 1);
        ck_assert_int_eq(home[i]->error, -EINVAL);
    }
    ck_assert_int_eq(ask_for("CONNECT", "/", "{}")->error, -EINVAL);
    ck_assert_int_eq(ask_for("get", "/", "{}")->error, -EINVAL);
}
END_TEST

/* What authenticators may fetch stays theirs. */
START_TEST(many_at_once_take_nobodys_place)
{
    char url[64];
    int requests;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/x", plain.port);
    requests = atomic_load(&plain.requests);
    for (int i = 0; i < 100; i++)
        actor_post(control_actor(control), &new_ask("POST", url, "{}")->mail, MAIL_ASK);
    run_until(100);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(home[i]->error, 0);
    ck_assert_int_eq(atomic_load(&plain.requests) - requests, 100);
}
END_TEST

START_TEST(at_the_end_all_come_home)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d/slow", plain.port);
    actor_post(control_actor(control), &new_ask("POST", url, "{}")->mail, MAIL_ASK);
    loop_drain(control_loop(control));
    control_quiesce(control);
    actor_post(control_actor(control), &new_ask("POST", url, "{}")->mail, MAIL_ASK); /* too late */
    loop_drain(control_loop(control));
    ck_assert_int_eq(came, 2);
    ck_assert_int_eq(home[0]->error, -ECANCELED);
    ck_assert_int_eq(home[1]->error, -ESHUTDOWN);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ask");
    TCase *t = tcase_create("ask");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_body_goes_out_and_json_comes_back);
    tcase_add_test(t, a_get_has_no_body_unless_something_was_put);
    tcase_add_test(t, what_is_no_json_is_told_as_it_came);
    tcase_add_test(t, answers_are_bounded);
    tcase_add_test(t, what_goes_wrong_has_its_name);
    tcase_add_test(t, a_certificate_that_nobody_vouches_for_is_refused);
    tcase_add_test(t, its_deadline_ends_it);
    tcase_add_test(t, what_may_not_be_asked_comes_back_too);
    tcase_add_test(t, many_at_once_take_nobodys_place);
    tcase_add_test(t, at_the_end_all_come_home);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
