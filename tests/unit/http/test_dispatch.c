/* The order of the dispatcher: path, whose page, who, method, body; and what errors look like. */
#include "../net/fake_client.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/cors.h"
#include "http/routes.h"

static struct settings settings;
static struct http_routes *routes;
static struct http_request *q;
static int served;

static int serve(struct http_request *r, void *context)
{
    (void)context;
    served++;
    r->status = 200;
    buf_add_cstr(&r->answer, "{}");
    return 0;
}

static int serve_badly(struct http_request *r, void *context)
{
    (void)r;
    (void)context;
    return -EIO;
}

static void add(enum http_method m, const char *path, bool public, const char *role,
                int (*fn)(struct http_request *, void *))
{
    struct http_route route = {.method = m,
                               .path = path,
                               .on_public = public,
                               .on_admin = true,
                               .role = role,
                               .serve = fn};

    ck_assert_int_eq(http_routes_add(routes, &route), 0);
    ck_assert_int_eq(http_routes_add(routes, &route), -EEXIST);
}

static void context(struct logins *logins, const char *token)
{
    struct http_context x = {&settings, logins, token};

    ck_assert_int_eq(http_routes_context(routes, &x), 0);
}

static void setup(void)
{
    static const parley_str origins[] = {{"https://admin.example.org", 25}};

    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    memset(&settings, 0, sizeof settings);
    settings.server.origins = (parley_list){origins, 1};
    settings.server.depth = 8;
    settings.server.tokens = 100;
    settings.admin.auth = "token";
    needs_token = true;
    served = 0;
    q = NULL;
    routes = http_routes_new();
    context((struct logins *)&settings, "local-token");
    add(HTTP_GET, "/open", true, NULL, serve);
    add(HTTP_POST, "/ticket", true, "", serve);
    add(HTTP_GET, "/channels", false, "admin", serve);
    add(HTTP_PATCH, "/channels", false, "admin", serve);
    add(HTTP_GET, "/broken", true, NULL, serve_badly);
}

static void teardown(void)
{
    http_request_free(q);
    http_routes_free(routes);
}

/* One request through the dispatcher; its status. */
static int ask_as(bool admin, enum http_method m, const char *path, const char *bearer,
                  const char *origin, const char *body)
{
    int r;

    http_request_free(q);
    q = http_request_new();
    q->admin_listener = admin;
    q->method = m;
    ck_assert_int_eq(http_path_parse(q, str_of(path)), 0);
    q->bearer = str_of(bearer);
    q->origin = str_of(origin);
    q->host = PARLEY_STR("localhost:8081");
    q->address = PARLEY_STR("192.0.2.7");
    q->body = str_of(body);
    served = 0;
    r = http_dispatch(q, routes);
    ck_assert_int_eq(r, 0);
    return q->status;
}

static bool has(const char *header)
{
    for (size_t i = 0; i < q->extra_count; i++)
        if (strcmp(q->extra_headers[i], header) == 0)
            return true;
    return false;
}

START_TEST(by_listener_and_method)
{
    ck_assert_int_eq(ask_as(false, HTTP_GET, "/open", NULL, NULL, NULL), 200);
    ck_assert_int_eq(ask_as(false, HTTP_HEAD, "/open", NULL, NULL, NULL), 200);
    ck_assert_int_eq(served, 1);
    ck_assert_int_eq(ask_as(false, HTTP_GET, "/nothing", NULL, NULL, NULL), 404);
    ck_assert_int_eq(ask_as(false, HTTP_GET, "/Open", NULL, NULL, NULL), 404);
    ck_assert_int_eq(ask_as(false, HTTP_GET, "/open/", NULL, NULL, NULL), 404);
    ck_assert_int_eq(ask_as(false, HTTP_GET, "/channels", "admin", NULL, NULL), 404);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "admin", NULL, NULL), 200);
    ck_assert_ptr_nonnull(q->identity);
    ck_assert_int_eq(ask_as(false, HTTP_POST, "/open", NULL, NULL, NULL), 405);
    ck_assert(has("Allow: GET, HEAD"));
    ck_assert_int_eq(ask_as(false, HTTP_OTHER, "/open", NULL, NULL, NULL), 405);
    ck_assert_int_eq(ask_as(false, HTTP_GET, "/broken", NULL, NULL, NULL), 500);
}
END_TEST

START_TEST(who_asks)
{
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", NULL, NULL, NULL), 401);
    ck_assert(has("WWW-Authenticate: Bearer"));
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "user", NULL, NULL), 403);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "banned", NULL, NULL), 401);
    ck_assert_str_eq(q->answer.p, "User is banned.\n");
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "later", NULL, NULL), 503);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "local-token", NULL, NULL), 200);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "local-tokeN", NULL, NULL),
                     403); /* a user */
    ck_assert_int_eq(ask_as(false, HTTP_POST, "/ticket", "user", NULL, NULL), 200);
    ck_assert_int_eq(ask_as(false, HTTP_POST, "/ticket", NULL, NULL, NULL), 401);
    /* before method and body */
    ck_assert_int_eq(ask_as(true, HTTP_DELETE, "/channels", NULL, NULL, NULL), 401);
    ck_assert_int_eq(ask_as(true, HTTP_DELETE, "/channels", "user", NULL, NULL), 403);
    ck_assert_int_eq(ask_as(true, HTTP_DELETE, "/channels", "admin", NULL, NULL), 405);
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", NULL, NULL, "{"), 401);
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", "admin", NULL, "{"), 400);
    settings.admin.auth = "none";
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", NULL, NULL, NULL), 200);
    ck_assert_int_eq(ask_as(false, HTTP_POST, "/ticket", NULL, NULL, NULL), 401);
}
END_TEST

START_TEST(no_local_token)
{
    context(NULL, NULL);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "", NULL, NULL), 401);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "admin", NULL, NULL), 401);
    context(NULL, "");
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "", NULL, NULL), 401);
    context((struct logins *)&settings, "local-token"); /* not on the public listener */
    ck_assert_int_eq(ask_as(false, HTTP_POST, "/ticket", "wrong", NULL, NULL), 401);
}
END_TEST

START_TEST(bodies)
{
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", "admin", NULL, "{\"id\":1}"), 200);
    ck_assert_ptr_nonnull(q->json);
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", "admin", NULL, NULL), 200);
    ck_assert_ptr_null(q->json);
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", "admin", NULL, "{\"a\":1,\"a\":2}"),
                     400);
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", "admin", NULL, "[[[[[[[[[]]]]]]]]]"),
                     400);
    ck_assert_int_eq(memcmp(q->answer.p, "Malformed JSON", 14), 0);
    ck_assert_int_eq(served, 0);
    for (int fault = 0; fault < 2; fault++) { /* told only to whom it concerns */
        ask_as(true, HTTP_GET, "/open", NULL, NULL, NULL);
        q->status = fault ? 411 : 413;
        q->method = HTTP_PATCH;
        q->path = PARLEY_STR("/channels");
        http_dispatch(q, routes);
        ck_assert_int_eq(q->status, 401);
        q->status = fault ? 411 : 413;
        q->bearer = PARLEY_STR("admin");
        http_dispatch(q, routes);
        ck_assert_int_eq(q->status, fault ? 411 : 413);
    }
}
END_TEST

START_TEST(errors_as_json)
{
    ask_as(false, HTTP_GET, "/nothing", NULL, NULL, NULL);
    ck_assert_str_eq(q->content_type, "text/plain; charset=utf-8");
    ck_assert_str_eq(q->answer.p, "Not found.\n");
    q->accept = PARLEY_STR("application/json, */*");
    http_answer_error(q, 400, "say \"what\"");
    ck_assert_str_eq(q->content_type, "application/json");
    ck_assert_str_eq(q->answer.p, "{\"error\":\"say \\\"what\\\"\"}\n");
}
END_TEST

START_TEST(cross_origin)
{
    static const char ours[] = "https://admin.example.org", evil[] = "https://evil.example";

    ck_assert_int_eq(ask_as(true, HTTP_OPTIONS, "/channels", NULL, ours, NULL), 200);
    ck_assert(has("Access-Control-Allow-Origin: https://admin.example.org"));
    ck_assert(has("Access-Control-Allow-Methods: GET, POST, PATCH, OPTIONS, DELETE"));
    ck_assert(has("Access-Control-Allow-Headers: Content-Type, Authorization"));
    ck_assert(has("Vary: Origin"));
    ck_assert_int_eq(ask_as(true, HTTP_OPTIONS, "/channels", NULL, evil, NULL), 403);
    ck_assert(!has("Access-Control-Allow-Origin: https://evil.example"));
    ck_assert_int_eq(ask_as(true, HTTP_OPTIONS, "/nothing", NULL, ours, NULL), 404);
    ck_assert_int_eq(ask_as(true, HTTP_OPTIONS, "/channels", NULL, NULL, NULL), 200);
    ck_assert_int_eq(ask_as(true, HTTP_OPTIONS, "/channels", NULL, "http://localhost:8081", NULL),
                     200);
    ck_assert_int_eq(ask_as(true, HTTP_OPTIONS, "/channels", NULL, "null", NULL), 403);
    /* errors can be read as well */
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", NULL, ours, NULL), 401);
    ck_assert(has("Access-Control-Allow-Origin: https://admin.example.org"));
    /* a foreign page may look at what is open to all, unseen; and change nothing */
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/open", NULL, evil, NULL), 200);
    ck_assert_uint_eq(q->extra_count, 1);
    settings.admin.auth = "none";
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", NULL, evil, "{}"), 403);
    ck_assert_int_eq(served, 0);
    ck_assert_int_eq(ask_as(true, HTTP_PATCH, "/channels", NULL, ours, "{}"), 200);
}
END_TEST

START_TEST(origins)
{
    static const parley_str listed[] = {{"https://a.example", 17}, {"http://[::1]:3000", 17}};
    const parley_list list = {listed, 2};
    static const struct {
        const char *origin, *host;
        bool allowed;
    } cases[] = {
        {"http://chat.example", "chat.example", true},
        {"https://chat.example", "chat.example", true},
        {"http://chat.example:80", "chat.example", true},
        {"http://chat.example", "CHAT.example:80", true},
        {"https://chat.example", "chat.example:443", true},
        {"http://chat.example:8080", "chat.example:8080", true},
        {"http://[::1]:8080", "[::1]:8080", true},
        {"http://chat.example", "chat.example:8080", false},
        {"http://chat.example.evil", "chat.example", false},
        {"http://evil-chat.example", "chat.example", false},
        {"http://chat.example/", "chat.example", false},
        {"http://x@chat.example", "chat.example", false},
        {"http://chat.example:0", "chat.example", false},
        {"http://chat.example:99999", "chat.example", false},
        {"ftp://chat.example", "chat.example", false},
        {"chat.example", "chat.example", false},
        {"null", "null", false},
        {"null", "chat.example", false},
        {"", "", false},
        {"http://", "", false},
        {"https://a.example", "other", true},
        {"https://a.example:443", NULL, true},
        {"http://a.example", "other", false},
        {"https://b.a.example", "other", false},
        {"http://[::1]:3000", "other", true},
        {"http://[::1", "other", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(cors_allows(str_of(cases[i].origin), str_of(cases[i].host), &list) ==
                          cases[i].allowed,
                      "%s at %s", cases[i].origin, cases[i].host ? cases[i].host : "nowhere");
}
END_TEST

START_TEST(guessing)
{
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "wrong", NULL, NULL), 401);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "wrong", NULL, NULL), 429);
    ck_assert(has("Retry-After: 60"));
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "local-token", NULL, NULL), 429);
    ck_assert(!lockout_holds(routes, PARLEY_STR("192.0.2.8")));
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/open", NULL, NULL, NULL), 200);
    clock_advance_ms(61000);
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "local-token", NULL, NULL), 200);
    /* asking without a token is no guess; strangers with many addresses take no memory */
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", NULL, NULL, NULL), 401);
    for (int i = 0; i < 2000; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.0.%d.%d", i / 256, i % 256);
        lockout_failed(routes, str_of(address));
    }
    ck_assert_int_eq(ask_as(true, HTTP_GET, "/channels", "local-token", NULL, NULL), 200);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dispatch");
    TCase *t = tcase_create("dispatch");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, by_listener_and_method);
    tcase_add_test(t, who_asks);
    tcase_add_test(t, no_local_token);
    tcase_add_test(t, bodies);
    tcase_add_test(t, errors_as_json);
    tcase_add_test(t, cross_origin);
    tcase_add_test(t, origins);
    tcase_add_test(t, guessing);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
