/* The core's routes, asked as the dispatcher asks them; the admin's token; plugins' routes through
 * a hub and back. */
#include "base/log.h"
#include "base/str.h"
#include "client/login.h"
#include "config/settings.h"
#include "control/control.h"
#include "http/admin_token.h"
#include "http/assets.h"
#include "http/pages.h"
#include "http/pages_internal.h"
#include "hub/hub.h"
#include "scratch.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static parley_str listen_on = {"127.0.0.1:0", 11};
static struct settings settings;
static struct registry registry;
static struct control *control;
static struct logins *logins;
static struct http_routes *routes;
static struct pages *pages;
static struct hub *hub;
static struct actor home; /* of requests: where answers come back */
static struct actor *pump_actors[1] = {&home};
static struct http_request *back;
static int wanted;

/* --- a section that is authenticator and has routes --- */

static parley_answer_at_door check_login(parley_host *h, const void *snapshot, parley_login *l)
{
    parley_identity i = {.struct_size = sizeof i,
                         .user = PARLEY_STR("u1"),
                         .username = PARLEY_STR("Ann"),
                         .roles = {NULL, 0}};
    parley_str bearer = parley_login_bearer(l);

    (void)h;
    (void)snapshot;
    if (str_is(bearer, "good"))
        return parley_login_admit(l, &i);
    if (str_is(bearer, "later"))
        return PARLEY_LATER;
    if (str_is(bearer, "bad"))
        return parley_login_refuse(l, "it has expired");
    return PARLEY_NOT_MINE;
}

static void on_wanted(parley_host *h, parley_str bearer)
{
    (void)h;
    (void)bearer;
    wanted++;
}

static int serve_x(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)h;
    ck_assert_int_eq(domain_current, DOMAIN_HUB);
    parley_put_str(answer, "q", parley_request_query(q, "q"));
    return 201;
}

static struct plugin_file file;
static char kind[] = "hub", name[] = "x", own_path[] = "/admin/x/own", open_path[] = "/open",
            closed_path[] = "/closed";
static struct plugin_section of_section;
static struct plugin_instance section = {
    .host = {.struct_size = sizeof(parley_host), .section = "x", .api = &parley_host_api},
    .file = &file,
    .kind = kind,
    .name = name,
    .registry = &registry};
static struct plugin_auth auth = {.auth = {.check = check_login, .wanted = on_wanted},
                                  .instance = &section};
static struct plugin_route plugin_routes[] = {
    {{"GET", "/open", NULL, "", serve_x}, &section, open_path},
    {{"POST", "/open", "admin", "", serve_x}, &section, open_path},
    {{"GET", "/closed", "admin", "", serve_x}, &section, closed_path},
    {{"GET", "own", "moderator", "", serve_x}, &section, own_path},
    {{"GET", "/open", NULL, "twice", serve_x}, &section, open_path},
    {{"BREW", "/coffee", NULL, "no method", serve_x}, &section, open_path},
};

static void on_mail(struct actor *a, struct mail *m)
{
    (void)a;
    ck_assert_uint_eq(m->kind, MAIL_ANSWER);
    back = (struct http_request *)((char *)m - offsetof(struct http_request, mail));
}

static void make_pages(void)
{
    static struct actor *actors[2];
    struct pages_context c = {.settings = &settings,
                              .registry = &registry,
                              .logins = logins,
                              .control = control,
                              .actors = actors,
                              .actor_count = 2,
                              .address = "127.0.0.1:4711"};

    actors[0] = control_actor(control);
    actors[1] = hub_actor(hub);
    routes = http_routes_new();
    pages = pages_new(&c, routes);
    ck_assert_ptr_nonnull(pages);
}

static void setup(void)
{
    static struct plugin_instance *only = &section;

    domain_enter(DOMAIN_CONTROL);
    settings.server.listen = (parley_list){&listen_on, 1};
    settings.admin.role = "admin";
    settings.admin.auth = "token";
    registry.auths = &auth;
    registry.auth_count = 1;
    section.of = &of_section;
    registry.instances = &only;
    registry.instance_count = 1;
    registry.settings = &settings;
    registry.routes = plugin_routes;
    registry.route_count = sizeof plugin_routes / sizeof *plugin_routes;
    control = control_new(&settings);
    section.control = control;
    logins = logins_new(&registry, &settings);
    section.logins = logins;
    home = (struct actor){.name = "home", .domain = DOMAIN_PUMP, .on_mail = on_mail};
    loop_add(control_loop(control), &home);
    hub = hub_new(&settings, &registry, pump_actors, 1);
    loop_add(control_loop(control), hub_actor(hub));
    make_pages();
}

static void teardown(void)
{
    http_routes_free(routes);
    pages_free(pages);
    enum domain before = domain_enter(DOMAIN_HUB);
    hub_quiesce(hub);
    domain_leave(before);
    control_quiesce(control);
    loop_drain(control_loop(control));
    loop_finish(control_loop(control));
    hub_free(hub);
    logins_free(logins);
    control_free(control);
}

static struct http_request *request(void)
{
    struct http_request *q = http_request_new();

    q->address = PARLEY_STR("192.0.2.1");
    q->home = &home;
    return q;
}

/* Asks; what is not there is NULL, and q is gone. */
static struct http_request *ask(struct http_request *q, bool admin, enum http_method m,
                                const char *path)
{
    bool known;
    const struct http_route *r = http_routes_find(routes, admin, m, str_of(path), &known);

    if (!r) {
        http_request_free(q);
        return NULL;
    }
    q->method = m;
    q->path = str_of(path);
    q->admin_listener = admin;
    int result = r->serve(q, r->context);
    ck_assert_int_eq(result, q->status ? 0 : -EINPROGRESS);
    return q;
}

static const char *header(const struct http_request *q, const char *start)
{
    for (size_t i = 0; i < q->extra_count; i++)
        if (!strncmp(q->extra_headers[i], start, strlen(start)))
            return q->extra_headers[i];
    return NULL;
}

static void remake(void)
{
    http_routes_free(routes);
    pages_free(pages);
    make_pages();
}

/* --- /discovery --- */

static void discovery_is(bool admin, const char *host, const char *start)
{
    struct http_request *q = request();

    q->host = str_of(host);
    q = ask(q, admin, HTTP_GET, "/discovery");
    ck_assert_ptr_nonnull(q);
    ck_assert_int_eq(q->status, 200);
    ck_assert_msg(!strncmp(q->answer.p, start, strlen(start)), "%s\n%s", q->answer.p, start);
    ck_assert_ptr_nonnull(strstr(q->answer.p, "\"server_id\":\""));
    http_request_free(q);
}

START_TEST(discovery)
{
    discovery_is(false, "chat.example.org:8080",
                 "{\"health_url\":\"chat.example.org:8080/healthz\",\"chat_url\":\"ws://"
                 "chat.example.org:8080/ws\",\"server_name\":\"Parley\",\"server_id\":\"");
    discovery_is(false, "[::1]:8080", "{\"health_url\":\"[::1]:8080/healthz\",");
    discovery_is(false, NULL, "{\"health_url\":\"127.0.0.1:4711/healthz\",");
    discovery_is(false, "evil\"><script>", "{\"health_url\":\"127.0.0.1:4711/healthz\",");
    discovery_is(false, "", "{\"health_url\":\"127.0.0.1:4711/healthz\",");
    discovery_is(true, "192.0.2.7:8081", "{\"health_url\":\"192.0.2.7:4711/healthz\",");
    discovery_is(true, "[::1]", "{\"health_url\":\"[::1]:4711/healthz\",");
    settings.discovery = (struct settings_discovery){.name = "Caf\"e",
                                                     .auth_url = "https://sso.example.org/auth",
                                                     .token_url = "http://sso.example.org/token",
                                                     .chat_client = "ChatClient",
                                                     .id = "0190b7c8-0000-7000-8000-000000000001",
                                                     .public_url = "https://chat.example.org"};
    remake();
    discovery_is(
        false, "elsewhere",
        "{\"auth_url\":\"sso.example.org/auth\",\"token_url\":\"sso.example.org/token\","
        "\"health_url\":\"chat.example.org/healthz\",\"chat_url\":\"wss://"
        "chat.example.org/ws\",\"chat_client\":\"ChatClient\",\"server_name\":\"Caf\\\"e\","
        "\"server_id\":\"0190b7c8-0000-7000-8000-000000000001\"}");
}
END_TEST

START_TEST(server_ids_are_stable)
{
    char a[PAGES_ID_BYTES], b[PAGES_ID_BYTES];

    pages_server_id(&settings, a);
    pages_server_id(&settings, b);
    ck_assert_str_eq(a, b);
    ck_assert_uint_eq(strlen(a), 36);
    ck_assert_int_eq(a[14], '8');
    ck_assert_ptr_nonnull(strchr("89ab", a[19]));
    parley_str other = PARLEY_STR("127.0.0.1:1");
    settings.server.listen.items = &other;
    pages_server_id(&settings, b);
    ck_assert_str_ne(a, b);
}
END_TEST

/* --- /ticket --- */

static int ticket(const char *bearer, char *ret, size_t n, const char *wanted_header)
{
    struct http_request *q = request();

    q->bearer = str_of(bearer);
    q = ask(q, false, HTTP_POST, "/ticket");
    ck_assert_ptr_nonnull(q);
    int status = q->status;
    if (ret)
        snprintf(ret, n, "%s", q->answer.p ? q->answer.p : "");
    ck_assert_ptr_nonnull(header(q, "Cache-Control: no-store"));
    ck_assert(!wanted_header || header(q, wanted_header));
    http_request_free(q);
    return status;
}

START_TEST(tickets)
{
    char text[512], t[128] = "";

    ck_assert_int_eq(ticket("good", text, sizeof text, NULL), 200);
    ck_assert_int_eq(sscanf(text, "{\"ticket\":\"%127[^\"]\",\"expires_in\":30}", t), 1);
    struct identity *i = ticket_redeem(logins, str_of(t));
    ck_assert_ptr_nonnull(i);
    ck_assert(str_is(identity_username(i), "Ann"));
    identity_unref(i);
    ck_assert_ptr_null(ticket_redeem(logins, str_of(t)));
    ck_assert_int_eq(ticket(NULL, text, sizeof text, "WWW-Authenticate: Bearer"), 401);
    ck_assert_ptr_nonnull(strstr(text, "Authorization: Bearer"));
    ck_assert_int_eq(ticket("bad", text, sizeof text, "WWW-Authenticate: Bearer"), 401);
    ck_assert_ptr_nonnull(strstr(text, "it has expired"));
    ck_assert_int_eq(ticket("strange", NULL, 0, NULL), 401);
    ck_assert_int_eq(ticket("later", NULL, 0, "Retry-After: 1"), 503);
    loop_drain(control_loop(control));
    ck_assert_int_eq(wanted, 1);
    ck_assert_ptr_null(ask(request(), false, HTTP_GET, "/ticket"));
}
END_TEST

/* --- health, metrics --- */

START_TEST(health_and_readiness)
{
    struct http_request *q = ask(request(), false, HTTP_GET, "/healthz");

    ck_assert_int_eq(q->status, 200);
    ck_assert_str_eq(q->static_body, "ok\n");
    http_request_free(q);
    q = ask(request(), true, HTTP_GET, "/readyz");
    ck_assert_int_eq(q->status, 503);
    ck_assert_str_eq(q->answer.p, "the server is starting\n");
    http_request_free(q);
    control_listening(control, true);
    control_ready(control, &section, false, "no keys yet");
    q = ask(request(), false, HTTP_GET, "/readyz");
    ck_assert_int_eq(q->status, 503);
    ck_assert_str_eq(q->answer.p, "[hub x]: no keys yet\n");
    http_request_free(q);
    control_ready(control, &section, true, NULL);
    q = ask(request(), false, HTTP_GET, "/readyz");
    ck_assert_int_eq(q->status, 200);
    http_request_free(q);
}
END_TEST

START_TEST(metrics_page)
{
    bool known;

    ck_assert_ptr_null(ask(request(), false, HTTP_GET, "/metrics"));
    ck_assert_str_eq(http_routes_find(routes, true, HTTP_GET, PARLEY_STR("/metrics"), &known)->role,
                     "admin");
    struct http_request *q = ask(request(), true, HTTP_GET, "/metrics");
    ck_assert_int_eq(q->status, 200);
    ck_assert_str_eq(q->content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    static const char *const lines[] = {"\nprocess_cpu_seconds_total ",
                                        "\nprocess_resident_memory_bytes ",
                                        "\nprocess_open_fds ",
                                        "\nprocess_start_time_seconds ",
                                        "\nparley_mailbox_depth{actor=\"hub\"} 0\n",
                                        "\nparley_build_info{version=\"",
                                        "\n# EOF\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(q->answer.p, lines[i]) != NULL, "%s", lines[i]);
    http_request_free(q);
    settings.admin.auth = "none";
    remake();
    ck_assert_ptr_null(
        http_routes_find(routes, true, HTTP_GET, PARLEY_STR("/metrics"), &known)->role);
}
END_TEST

/* --- plugins' routes --- */

START_TEST(plugin_routes_go_to_the_hub)
{
    bool known;
    struct http_query query = {PARLEY_STR("q"), PARLEY_STR("\"7\"")};
    struct http_request *q = request();

    q->query = &query;
    q->query_count = 1;
    q = ask(q, false, HTTP_GET, "/open");
    ck_assert_ptr_nonnull(q);
    ck_assert_int_eq((int)actor_depth(hub_actor(hub)), 1);
    loop_drain(control_loop(control));
    ck_assert_ptr_eq(back, q);
    ck_assert_int_eq(back->status, 201);
    ck_assert_str_eq(back->answer.p, "{\"q\":\"\\\"7\\\"\"}");
    http_request_free(back);

    /* what only an admin may do is not offered to the public */
    ck_assert_ptr_null(ask(request(), false, HTTP_POST, "/open"));
    ck_assert_ptr_null(ask(request(), false, HTTP_GET, "/closed"));
    ck_assert_ptr_null(ask(request(), false, HTTP_GET, "/admin/x/own"));
    ck_assert_ptr_null(ask(request(), true, HTTP_GET, "/coffee"));
    ck_assert_str_eq(http_routes_find(routes, true, HTTP_GET, PARLEY_STR("/closed"), &known)->role,
                     "admin");
    ck_assert_str_eq(
        http_routes_find(routes, true, HTTP_GET, PARLEY_STR("/admin/x/own"), &known)->role,
        "moderator");
    settings.admin.auth = "none";
    remake();
    ck_assert_ptr_null(
        http_routes_find(routes, true, HTTP_GET, PARLEY_STR("/admin/x/own"), &known)->role);
}
END_TEST

/* --- web pages --- */

START_TEST(web_pages)
{
    for (size_t i = 0; i < assets_count; i++) {
        const struct asset *a = &assets[i];
        struct http_request *q = request();
        q->accept_encoding = PARLEY_STR("br, gzip;q=0.8");
        q = ask(q, true, HTTP_GET, a->path);
        ck_assert_ptr_nonnull(q);
        ck_assert_int_eq(q->status, 200);
        ck_assert_ptr_eq(q->static_body, a->gzip ? a->gzip : a->body);
        ck_assert(!header(q, "Content-Encoding: gzip") == !a->gzip);
        ck_assert_ptr_nonnull(strstr(header(q, "Content-Security-Policy: "), "default-src 'self'"));
        ck_assert(!strstr(header(q, "Cache-Control: "), "immutable") == !a->immutable);
        http_request_free(q);
        q = request();
        q->if_none_match = str_of(a->etag);
        q = ask(q, true, HTTP_GET, a->path);
        ck_assert_int_eq(q->status, 304);
        ck_assert_ptr_null(q->static_body);
        ck_assert_ptr_nonnull(header(q, "ETag: "));
        http_request_free(q);
    }
}
END_TEST

START_TEST(codings_and_tags)
{
    ck_assert(page_accepts(PARLEY_STR("gzip"), "gzip"));
    ck_assert(page_accepts(PARLEY_STR("deflate, GZIP ;q=0.5"), "gzip"));
    ck_assert(page_accepts(PARLEY_STR("br, *;q=0.1"), "gzip"));
    ck_assert(!page_accepts(PARLEY_STR("gzip;q=0, *"), "gzip"));
    ck_assert(!page_accepts(PARLEY_STR("gzip; q=0.000"), "gzip"));
    ck_assert(!page_accepts(PARLEY_STR("xgzip, gzipx"), "gzip"));
    ck_assert(!page_accepts(PARLEY_STR(""), "gzip"));
    ck_assert(!page_accepts(PARLEY_STR(",,"), "gzip"));
    ck_assert(!page_accepts(PARLEY_NONE, "gzip"));
    ck_assert(page_matches(PARLEY_STR("\"a\", W/\"b\""), "\"b\""));
    ck_assert(page_matches(PARLEY_STR("*"), "\"b\""));
    ck_assert(!page_matches(PARLEY_STR("\"bb\", b"), "\"b\""));
    ck_assert(!page_matches(PARLEY_NONE, "\"b\""));
}
END_TEST

/* --- the admin's token --- */

static char dir[SCRATCH_BYTES];

static mode_t mode_of(const char *path)
{
    struct stat st;

    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
    fchmod(fd, mode);
    close(fd);
}

START_TEST(admin_tokens)
{
    struct settings_admin s = {0};
    char why[256] = "", path[128], first[600];

    scratch_folder(dir);
    setenv("XDG_RUNTIME_DIR", dir, 1);
    unsetenv("RUNTIME_DIRECTORY");
    struct admin_token *t = admin_token_open(&s, 8081, why);
    ck_assert_msg(t != NULL, "%s", why);
    snprintf(path, sizeof path, "%s/parley/admin-8081.token", dir);
    ck_assert_str_eq(admin_token_file(t), path);
    ck_assert_uint_eq(strlen(admin_token_text(t)), 64);
    ck_assert_uint_eq(mode_of(path), 0600);
    snprintf(first, sizeof first, "%s", admin_token_text(t));
    struct admin_token *again =
        admin_token_open(&s, 8081, why); /* after a crash: it is still there */
    ck_assert_ptr_nonnull(again);
    ck_assert_str_eq(admin_token_text(again), first);
    admin_token_free(again);
    admin_token_free(t);
    ck_assert_int_ne(access(path, F_OK), 0);

    /* what others could have put there is not believed */
    write_file(path, "0123456789012345678901234567890123456789", 0644);
    ck_assert_ptr_null(admin_token_open(&s, 8081, why));
    ck_assert_ptr_nonnull(strstr(why, "open to other users"));
    unlink(path);
    ck_assert_int_eq(symlink("/etc/hostname", path), 0);
    ck_assert_ptr_null(admin_token_open(&s, 8081, why));
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_ptr_null(admin_token_open(&s, 8081, why));
    rmdir(path);
    snprintf(path, sizeof path, "%s/parley", dir);
    ck_assert_int_eq(chmod(path, 0777), 0);
    ck_assert_ptr_null(admin_token_open(&s, 8081, why));
    ck_assert_ptr_nonnull(strstr(why, "written to by other users"));
    rmdir(path);
    ck_assert_int_eq(symlink("/tmp", path), 0);
    ck_assert_ptr_null(admin_token_open(&s, 8081, why));
    unlink(path);

    /* one of the operator's own stays */
    snprintf(path, sizeof path, "%s/own", dir);
    s.token_file = path;
    t = admin_token_open(&s, 1, why);
    ck_assert_ptr_nonnull(t);
    admin_token_free(t);
    ck_assert_uint_eq(mode_of(path), 0600);
    write_file(path, "  my own long token\n", 0600);
    ck_assert_ptr_null(admin_token_open(&s, 1, why)); /* a space is in it */
    write_file(path, "my-own-long-token-of-mine\r\n", 0600);
    t = admin_token_open(&s, 1, why);
    ck_assert_str_eq(admin_token_text(t), "my-own-long-token-of-mine");
    admin_token_free(t);
    write_file(path, "short\n", 0600);
    ck_assert_ptr_null(admin_token_open(&s, 1, why));
    ck_assert_ptr_nonnull(strstr(why, "16 to 512"));
    write_file(path, "", 0600);
    ck_assert_ptr_null(admin_token_open(&s, 1, why));
    unlink(path);
    s.token_file = "/nowhere/at/all";
    ck_assert_ptr_null(admin_token_open(&s, 1, why));
    rmdir(dir);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, STDERR_FILENO);
    Suite *s = suite_create("pages");
    TCase *c = tcase_create("pages"), *t = tcase_create("token");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, discovery);
    tcase_add_test(c, server_ids_are_stable);
    tcase_add_test(c, tickets);
    tcase_add_test(c, health_and_readiness);
    tcase_add_test(c, metrics_page);
    tcase_add_test(c, plugin_routes_go_to_the_hub);
    tcase_add_test(c, web_pages);
    tcase_add_test(c, codings_and_tags);
    tcase_add_test(t, admin_tokens);
    suite_add_tcase(s, c);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
