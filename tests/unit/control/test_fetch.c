/* Fetches, against a real server of this process: what is answered, what is bounded, what is
 * refused. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/settings.h"
#include "control/control.h"
#include "control/fetch.h"
#include "message/value.h"
#include "server.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

static struct control *control;
static struct settings settings;
static char other_ca_file[SCRATCH_BYTES];

static void setup(void)
{
    EVP_PKEY *key;
    X509 *cert;

    make_certificate(other_ca_file, &key, &cert);
    EVP_PKEY_free(key);
    X509_free(cert);
    make_certificate(ca_file, &key, &cert);
    secure.tls = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(secure.tls, cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(secure.tls, key), 1);
    EVP_PKEY_free(key);
    X509_free(cert);
    /* what must be without effect */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    domain_enter(DOMAIN_CONTROL);
    control = control_new(&settings); /* ignores SIGPIPE, which the servers need too */
    ck_assert_ptr_nonnull(control);
    server_start(&plain);
    server_start(&secure);
}

static void teardown(void)
{
    control_free(control);
    server_stop(&plain);
    server_stop(&secure);
    unlink(ca_file);
    unlink(other_ca_file);
}

/* --- the asker --- */

static struct got {
    int calls, error, status;
    char body[2048];
    size_t body_bytes;
    char why[256];
    bool inside; /* the call has not yet returned: then nothing may come */
} got;

static void take(void *arg, const struct fetch_answer *a)
{
    struct got *g = arg;

    ck_assert_int_eq(domain_current, DOMAIN_CONTROL);
    ck_assert(!g->inside);
    g->calls++;
    g->error = a->error;
    g->status = a->status;
    g->body_bytes = a->body.n;
    snprintf(g->body, sizeof g->body, "%s", a->body.p ? a->body.p : "");
    snprintf(g->why, sizeof g->why, "%s", a->why ? a->why : "");
    ck_assert(!a->error == !a->why);
}

static void run_until(const int *n, int calls)
{
    int64_t until = clock_mono_ms() + 60000;
    enum domain before = domain_enter(DOMAIN_NONE);

    while (*n < calls && clock_mono_ms() < until)
        ev_run(control_loop(control)->ev, EVRUN_ONCE);
    domain_leave(before);
    ck_assert_int_eq(*n, calls);
}

static int fetch(struct fetch_request r)
{
    got = (struct got){.inside = true};
    int error = control_fetch(control, &r, take, &got);
    got.inside = false;
    if (!error)
        run_until(&got.calls, 1);
    return error ? error : got.error;
}

static parley_str url(const char *format, int port)
{
    static char text[4][256];
    static int i;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text[++i % 4], sizeof text[0], format, port);
#pragma GCC diagnostic pop
    return str_of(text[i % 4]);
}

START_TEST(answers)
{
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/ok", plain.port)}), 0);
    ck_assert_int_eq(got.status, 200);
    ck_assert_str_eq(got.body, "{\"keys\":[1,2,3]}");
    ck_assert_ptr_nonnull(strstr(plain.last, "User-Agent: parley/"));
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://localhost:%d/missing", plain.port)}), 0);
    ck_assert_int_eq(got.status, 404);
    ck_assert_int_eq(fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/ok", plain.port),
                                                  .method = PARLEY_STR("POST"),
                                                  .body = PARLEY_STR("{\"a\":1}")}),
                     0);
    ck_assert_ptr_nonnull(strstr(plain.last, "POST /ok HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(plain.last, "Content-Type: application/json\r\n"));
    ck_assert_ptr_nonnull(strstr(plain.last, "\r\n\r\n{\"a\":1}"));
    ck_assert_ptr_null(strstr(plain.last, "Cookie"));
    ck_assert_int_eq(fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/ok", plain.port),
                                                  .method = PARLEY_STR("DELETE")}),
                     0);
    ck_assert_ptr_nonnull(strstr(plain.last, "DELETE /ok HTTP/1.1\r\n"));
}
END_TEST

START_TEST(certificates_count)
{
    parley_str at = url("https://127.0.0.1:%d/ok", secure.port);

    ck_assert_int_eq(fetch((struct fetch_request){.url = at, .ca_file = str_of(ca_file)}), 0);
    ck_assert_int_eq(got.status, 200);
    ck_assert_int_eq(fetch((struct fetch_request){.url = at}), -EACCES);
    ck_assert_int_eq(fetch((struct fetch_request){.url = at, .ca_file = str_of(other_ca_file)}),
                     -EACCES);
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = at, .ca_file = PARLEY_STR("/nowhere/ca.pem")}),
        -EACCES);
    /* the name in it is the address, not the name */
    ck_assert_int_eq(fetch((struct fetch_request){.url = url("https://localhost:%d/", secure.port),
                                                  .ca_file = str_of(ca_file)}),
                     -EACCES);
}
END_TEST

START_TEST(sizes)
{
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/bytes/1048576", plain.port)}),
        0);
    ck_assert_uint_eq(got.body_bytes, 1048576);
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/bytes/1048577", plain.port)}),
        -E2BIG);
    ck_assert_int_eq(
        fetch((struct fetch_request){
            .url = url("http://127.0.0.1:%d/bytes/5000/unsaid", plain.port), .max_bytes = 4999}),
        -E2BIG);
    ck_assert_int_eq(
        fetch((struct fetch_request){
            .url = url("http://127.0.0.1:%d/bytes/5000/unsaid", plain.port), .max_bytes = 5000}),
        0);
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/bytes/0", plain.port)}), 0);
    ck_assert_uint_eq(got.body_bytes, 0);
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/headers", plain.port)}),
        -E2BIG);
    ck_assert_int_eq(
        fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/cut", plain.port)}), -EIO);
}
END_TEST

START_TEST(deadlines)
{
    int64_t before = clock_mono_ms();

    ck_assert_int_eq(fetch((struct fetch_request){
                         .url = url("http://127.0.0.1:%d/slow", plain.port), .deadline_ms = 200}),
                     -ETIMEDOUT);
    ck_assert_int_ge(clock_mono_ms() - before, 150);
    ck_assert_int_lt(clock_mono_ms() - before, 20000);
    ck_assert_int_eq(got.status, 0);
}
END_TEST

START_TEST(redirects)
{
    char text[1024];
    int before = atomic_load(&plain.requests);

    /* http to loopback may lead to https, and to nothing else */
    snprintf(text, sizeof text, "http://127.0.0.1:%d/to/https://127.0.0.1:%d/ok", plain.port,
             secure.port);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_of(text), .ca_file = str_of(ca_file)}),
                     0);
    ck_assert_int_eq(got.status, 200);
    ck_assert_int_eq(atomic_load(&plain.requests), before + 1);
    snprintf(text, sizeof text, "https://127.0.0.1:%d/to/http://127.0.0.1:%d/ok", secure.port,
             plain.port);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_of(text), .ca_file = str_of(ca_file)}),
                     -EPROTO);
    ck_assert_int_eq(atomic_load(&plain.requests), before + 1);
    snprintf(text, sizeof text, "https://127.0.0.1:%d/to/file:///etc/passwd", secure.port);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_of(text), .ca_file = str_of(ca_file)}),
                     -EPROTO);
    /* four are one too many */
    static const char hop[] = "/to/https://127.0.0.1:%d";
    char hops[512] = "";
    for (int i = 0; i < 4; i++)
        snprintf(hops + strlen(hops), sizeof hops - strlen(hops), hop, secure.port);
    snprintf(text, sizeof text, "https://127.0.0.1:%d%s/ok", secure.port, hops);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_of(text), .ca_file = str_of(ca_file)}),
                     -ELOOP);
    snprintf(text, sizeof text, "https://127.0.0.1:%d%s/ok", secure.port, hops + strlen(hops) / 4);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_of(text), .ca_file = str_of(ca_file)}),
                     0);
    ck_assert_int_eq(got.status, 200);
    /* what is not a GET is not repeated elsewhere */
    snprintf(text, sizeof text, "https://127.0.0.1:%d/to/https://127.0.0.1:%d/ok", secure.port,
             secure.port);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_of(text),
                                                  .method = PARLEY_STR("POST"),
                                                  .body = PARLEY_STR("x"),
                                                  .ca_file = str_of(ca_file)}),
                     0);
    ck_assert_int_eq(got.status, 302);
}
END_TEST

START_TEST(refusals)
{
    static const char *const bad[] = {"http://example.org/",
                                      "http://10.0.0.1/",
                                      "http://127.0.0.1.example.org/",
                                      "http://localhost.example.org/",
                                      "http://[::2]/",
                                      "http://user@192.168.0.1/",
                                      "http://127.0.0.1@example.org/",
                                      "ftp://127.0.0.1/",
                                      "file:///etc/passwd",
                                      "gopher://127.0.0.1/",
                                      "127.0.0.1/",
                                      "",
                                      "https://",
                                      "nonsense"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(fetch((struct fetch_request){.url = str_of(bad[i])}) == -EINVAL, "%s",
                      bad[i]);
    ck_assert_int_eq(fetch((struct fetch_request){0}), -EINVAL);
    ck_assert_int_eq(fetch((struct fetch_request){.url = str_n("https://a\0.b/", 13)}), -EINVAL);
    ck_assert_int_eq(fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/", plain.port),
                                                  .method = PARLEY_STR("GET / HTTP/1.1\r\nX:")}),
                     -EINVAL);
    ck_assert_int_eq(fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/", plain.port),
                                                  .method = PARLEY_STR("CONNECT")}),
                     -EINVAL);
    ck_assert_int_eq(fetch((struct fetch_request){.url = url("http://127.0.0.1:%d/", plain.port),
                                                  .max_bytes = -1}),
                     -EINVAL);
    ck_assert_int_eq(fetch((struct fetch_request){.url = PARLEY_STR("http://127.0.0.1:1/")}),
                     -ECONNREFUSED);
    ck_assert_int_eq(fetch((struct fetch_request){.url = PARLEY_STR("http://[::1]:1/")}),
                     -ECONNREFUSED);
    ck_assert_int_eq(fetch((struct fetch_request){.url = PARLEY_STR("https://no-such.invalid/"),
                                                  .deadline_ms = 5000}) < 0,
                     1);
}
END_TEST

START_TEST(many_are_bounded_and_the_end_answers_all)
{
    struct fetch_request r = {.url = url("http://127.0.0.1:%d/slow", plain.port)};

    got = (struct got){0};
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(control_fetch(control, &r, take, &got), 0);
    ck_assert_int_eq(control_fetch(control, &r, take, &got), -EAGAIN);
    ck_assert_int_eq(got.calls, 0);
    for (int i = 0; i < 5; i++)
        ev_run(control_loop(control)->ev, EVRUN_NOWAIT);
    control_quiesce(control);
    ck_assert_int_eq(got.calls, 64);
    ck_assert_int_eq(got.error, -ECANCELED);
    ck_assert_int_eq(control_fetch(control, &r, take, &got), -ESHUTDOWN);
}
END_TEST

/* --- for plugins --- */

static struct {
    int answers, timers, wanted;
    uint32_t tag;
    int error, status;
    int64_t second_key;
    char key[64], bearer[64];
} seen;

static void on_answer(parley_host *h, const parley_answer *a)
{
    (void)h;
    ck_assert_int_eq(domain_current, DOMAIN_CONTROL);
    seen.answers++;
    seen.tag = a->tag;
    seen.error = a->error;
    seen.status = a->status;
    seen.second_key = value_as_int(value_at(value_get(a->json, "keys"), 1), -1);
}

static void on_timer(parley_host *h, const char *key)
{
    ck_assert_int_eq(domain_current, DOMAIN_CONTROL);
    snprintf(seen.key, sizeof seen.key, "%s", key);
    if (++seen.timers == 1) /* of its own name, from within */
        ck_assert_int_eq(control_timer(((struct plugin_instance *)h)->control,
                                       (struct plugin_instance *)h, PARLEY_TIMER_AFTER, 1, key),
                         0);
}

static void on_wanted(parley_host *h, parley_str bearer)
{
    (void)h;
    seen.wanted++;
    snprintf(seen.bearer, sizeof seen.bearer, "%s", bearer.p);
}

START_TEST(authenticators_are_served)
{
    static const char part[] = "the cellar";
    struct registry r = {0};
    char kind[] = "auth", name[] = "jwt";
    struct plugin_instance section = {.kind = kind, .name = name, .registry = &r};
    struct plugin_auth auth = {
        .auth = {.on_answer = on_answer, .on_timer = on_timer, .wanted = on_wanted},
        .instance = &section};
    struct buf reasons = {0};

    r.auths = &auth;
    r.auth_count = 1;
    section.control = control;
    memset(&seen, 0, sizeof seen);
    ck_assert_int_eq(control_plugin_fetch(control, &section, PARLEY_NONE,
                                          url("http://127.0.0.1:%d/ok", plain.port), PARLEY_NONE, 0,
                                          PARLEY_NONE, 2000, 7),
                     0);
    run_until(&seen.answers, 1);
    ck_assert_uint_eq(seen.tag, 7);
    ck_assert_int_eq(seen.error, 0);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_int_eq((int)seen.second_key, 2);

    ck_assert_int_eq(control_timer(control, &section, PARLEY_TIMER_AFTER, 1, "again"), 0);
    ck_assert_int_eq(control_timer(control, &section, PARLEY_TIMER_AFTER, 60000, "again"), 0);
    ck_assert_int_eq(
        control_timer(control, &section, PARLEY_TIMER_AT, clock_unix_ms() + 3600000, "later"), 0);
    ck_assert_int_eq(control_timer(control, &section, PARLEY_TIMER_CANCEL, 0, "later"), 0);
    ck_assert_int_eq(control_timer(control, &section, PARLEY_TIMER_CANCEL, 0, "later"), -ENOENT);
    ck_assert_int_eq(control_timer(control, &section, PARLEY_TIMER_AFTER, 1, ""), -EINVAL);
    run_until(&seen.timers, 2);
    ck_assert_str_eq(seen.key, "again");
    ck_assert_int_eq(control_timer(control, &section, PARLEY_TIMER_AT, clock_unix_ms() - 5, "past"),
                     0);
    run_until(&seen.timers, 3);
    ck_assert_str_eq(seen.key, "past");

    control_wanted(control, &section, PARLEY_STR("a.b.c"));
    run_until(&seen.wanted, 1);
    ck_assert_str_eq(seen.bearer, "a.b.c");

    ck_assert(control_unready(control, &reasons));
    control_listening(control, true);
    buf_clear(&reasons);
    ck_assert(!control_unready(control, &reasons));
    ck_assert_int_eq(control_ready(control, &section, false, "no keys\nyet"), 0);
    ck_assert(control_unready(control, &reasons));
    ck_assert_str_eq(reasons.p, "[auth jwt]: no keys\\x0ayet\n");
    ck_assert_int_eq(control_ready_part(control, part, false, "no room"), 0);
    ck_assert_int_eq(control_ready_part(control, part, false, "still no room"), 0);
    buf_clear(&reasons);
    ck_assert(control_unready(control, &reasons));
    ck_assert_ptr_nonnull(strstr(reasons.p, "the cellar: still no room\n"));
    ck_assert_ptr_nonnull(strstr(reasons.p, "[auth jwt]: "));
    ck_assert_int_eq(control_ready(control, &section, true, NULL), 0);
    ck_assert(control_unready(control, &reasons));
    ck_assert_int_eq(control_ready_part(control, part, true, NULL), 0);
    ck_assert(!control_unready(control, &reasons));
    control_draining(control);
    ck_assert(control_unready(control, &reasons));
    buf_finish(&reasons);
    control_wanted(control, &section, PARLEY_STR("after the end")); /* not called, and not leaked */
    control_quiesce(control);
    loop_drain(control_loop(control));
    ck_assert_int_eq(seen.wanted, 1);
}
END_TEST

START_TEST(loopback)
{
    static const struct {
        const char *server, *admin;
        bool yes;
    } cases[] = {{"127.0.0.1:80", "[::1]:1", true},
                 {"127.9.9.9:0", "none", true},
                 {"0.0.0.0:80", "none", false},
                 {"[::]:80", "none", false},
                 {"127.0.0.1:80", "10.0.0.1:1", false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parley_str server = str_of(cases[i].server), admin = str_of(cases[i].admin);
        struct settings s = {.server.listen = {&server, 1}, .admin.listen = {&admin, 1}};
        ck_assert_msg(control_on_loopback(&s) == cases[i].yes, "%s", cases[i].server);
    }
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, STDERR_FILENO);
    Suite *s = suite_create("fetch");
    TCase *c = tcase_create("fetch");

    tcase_set_timeout(c, 20);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, answers);
    tcase_add_test(c, certificates_count);
    tcase_add_test(c, sizes);
    tcase_add_test(c, deadlines);
    tcase_add_test(c, redirects);
    tcase_add_test(c, refusals);
    tcase_add_test(c, many_are_bounded_and_the_end_answers_all);
    tcase_add_test(c, authenticators_are_served);
    tcase_add_test(c, loopback);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
