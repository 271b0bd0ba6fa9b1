/* config/settings: the core's own sections, what no table sees alone, and the INI files that are
 * shipped. */
#include "base/str.h"
#include "config/settings.h"

#include <check.h>
#include <stdlib.h>

static struct config c;
static struct settings s;
static char *report;

static int settings_of(const char *text)
{
    config_finish(&c);
    ck_assert_int_eq(config_read_text(&c, "etc/t.ini", text), 0);
    return settings_read(&c, &s);
}

static const char *reported(void)
{
    size_t n;
    free(report);
    FILE *f = open_memstream(&report, &n);
    config_report(&c, f);
    fclose(f);
    return report;
}

static void assert_faults(const char *text, const char *expected)
{
    ck_assert_int_eq(settings_of(text), *expected == '\0' ? 0 : -EINVAL);
    ck_assert_str_eq(reported(), expected);
}

START_TEST(defaults_are_those_that_are_promised)
{
    ck_assert_int_eq(settings_of(""), 0);
    ck_assert_str_eq(reported(), "");
    ck_assert_uint_eq(s.server.listen.n, 1);
    ck_assert_str_eq(s.server.listen.items[0].p, "127.0.0.1:8080");
    ck_assert_int_eq(s.server.pumps, 1);
    ck_assert_ptr_null(s.server.plugin_path);
    ck_assert_ptr_null(s.server.tls_certificate);
    ck_assert_uint_eq(s.server.origins.n, 0);
    ck_assert_uint_eq(s.server.trusted_proxies.n, 0);
    ck_assert_str_eq(s.server.dashboards.items[0].p, "WebClient");
    ck_assert_int_eq(s.server.connections, 10000);
    ck_assert_int_eq(s.server.connections_per_address, 50);
    ck_assert_int_eq(s.server.connections_per_user, 10);
    ck_assert_int_eq(s.server.pending, 1000);
    ck_assert_int_eq(s.server.accept_rate, 200);
    ck_assert_int_eq(s.server.message_bytes, 16 << 10);
    ck_assert_int_eq(s.server.fragments, 64);
    ck_assert_int_eq(s.server.message_ms, 10000);
    ck_assert_int_eq(s.server.depth, 32);
    ck_assert_int_eq(s.server.tokens, 2048);
    ck_assert_int_eq(s.server.credit_messages, 32);
    ck_assert_int_eq(s.server.credit_bytes, 64 << 10);
    ck_assert_int_eq(s.server.queue_messages, 256);
    ck_assert_int_eq(s.server.queue_bytes, 256 << 10);
    ck_assert_int_eq(s.server.stalled_ms, 10000);
    ck_assert_int_eq(s.server.greeting_ms, 30000);
    ck_assert_int_eq(s.server.handshake_ms, 10000);
    ck_assert_int_eq(s.server.authentication_ms, 5000);
    ck_assert_int_eq(s.server.ping_ms, 25000);
    ck_assert_int_eq(s.server.hangup_ms, 35000);
    ck_assert_int_eq(s.server.close_ms, 5000);
    ck_assert_int_eq(s.server.drain_ms, 30000);
    ck_assert_int_eq(s.server.stop_ms, 45000);
    ck_assert_str_eq(s.server.flush_window, "auto");
    ck_assert_int_eq(s.server.dedupe_ms, 120000);
    ck_assert_int_eq(s.server.user_memory_ms, 600000);
    ck_assert_ptr_null(s.server.store);
    ck_assert_int_eq(s.server.store_bytes, 256 << 20);
    ck_assert_int_eq(s.server.store_section_bytes, 64 << 20);
    ck_assert_int_eq(s.server.store_keep_free_bytes, 256 << 20);
    ck_assert_str_eq(s.server.ack, "stored");
    ck_assert(!s.has_admin);
    ck_assert_str_eq(s.admin.listen.items[0].p, "127.0.0.1:8081");
    ck_assert_str_eq(s.admin.auth, "token");
    ck_assert_str_eq(s.admin.role, "admin");
    ck_assert_ptr_null(s.admin.token_file);
    ck_assert(!s.has_control);
    ck_assert_ptr_null(s.control.socket);
    ck_assert_ptr_null(s.control.group);
    ck_assert_int_eq(s.control.group_id, -1);
    ck_assert_str_eq(s.discovery.name, "Parley");
    ck_assert_ptr_null(s.discovery.id);
    ck_assert_ptr_null(s.discovery.auth_url);
    ck_assert_str_eq(s.log.level, "info");
    ck_assert_str_eq(s.log.format, "auto");
}
END_TEST

START_TEST(sections_are_marked_as_used)
{
    ck_assert_int_eq(settings_of("[server]\n[admin]\n[discovery]\n[log]\n[hub mute]\n"), 0);
    ck_assert(s.has_admin);
    ck_assert_int_eq(config_unused(&c), 1);
}
END_TEST

START_TEST(file_names_are_taken_from_the_folder_of_the_ini)
{
    ck_assert_int_eq(
        settings_of(
            "[server]\ntls_certificate = tls/c.pem\ntls_key = /abs/k.pem\nplugin_path = plugins\n"
            "store = s.db\n[admin]\ntoken_file = t\n"),
        0);
    ck_assert_str_eq(s.server.tls_certificate, "etc/tls/c.pem");
    ck_assert_str_eq(s.server.tls_key, "/abs/k.pem");
    ck_assert_str_eq(s.server.plugin_path, "etc/plugins");
    ck_assert_str_eq(s.server.store, "etc/s.db");
    ck_assert_str_eq(s.admin.token_file, "etc/t");
    config_finish(&c);
    ck_assert_int_eq(config_read_text(&c, "/parley.ini", "[admin]\ntoken_file = t\n"), 0);
    ck_assert_int_eq(settings_read(&c, &s), 0);
    ck_assert_str_eq(s.admin.token_file, "/t");
    config_finish(&c);
    ck_assert_int_eq(config_read_text(&c, "parley.ini", "[admin]\ntoken_file = t\n"), 0);
    ck_assert_int_eq(settings_read(&c, &s), 0);
    ck_assert_str_eq(s.admin.token_file, "t");
}
END_TEST

START_TEST(the_control_socket_has_a_short_path_and_a_known_group)
{
    char path[200], ini[300], wanted[300];

    ck_assert_int_eq(settings_of("[control]\nsocket = none\n"), 0);
    ck_assert_str_eq(s.control.socket, "none");
    ck_assert(s.has_control);
    ck_assert_int_eq(settings_of("[control]\nsocket = p.sock\ngroup = root\n"), 0);
    ck_assert_str_eq(s.control.socket, "etc/p.sock");
    ck_assert_int_eq(s.control.group_id, 0);
    for (size_t n = 107; n <= 108; n++) { /* the longest, and one more */
        snprintf(path, sizeof path, "/%0*d", (int)n - 1, 0);
        snprintf(ini, sizeof ini, "[control]\nsocket = %s\n", path);
        snprintf(wanted, sizeof wanted,
                 "etc/t.ini:2: [control]: 'socket' is 108 bytes long, and the path of a socket has "
                 "107 at most\n");
        assert_faults(ini, n == 107 ? "" : wanted);
    }
    assert_faults("[control]\ngroup = no_such_group\n",
                  "etc/t.ini:2: [control]: 'group': there is no group 'no_such_group' here\n");
}
END_TEST

START_TEST(addresses_must_be_addresses)
{
    assert_faults("[server]\nlisten = 127.0.0.1:0, [::1]:65535, 0.0.0.0:80, [::]:80\n", "");
    static const char *const bad[] = {
        "8080",         "127.0.0.1",       "127.0.0.1:", ":8080",          "localhost:80",
        "127.0.0.1:-1", "127.0.0.1:65536", "::1:8080",   "[127.0.0.1]:80", "[::1]",
        "256.0.0.1:80", "127.0.0.1:80x",   "[]:80",      "[::1:80",        "1.2.3:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[100], expected[300];
        snprintf(text, sizeof text, "[server]\nlisten = %s\n", bad[i]);
        snprintf(expected, sizeof expected,
                 "etc/t.ini:2: [server]: 'listen' must be addresses with ports, such as "
                 "'127.0.0.1:8080' or '[::1]:8080', "
                 "not '%s'\n",
                 bad[i]);
        assert_faults(text, expected);
    }
    assert_faults(
        "[server]\ntrusted_proxies = 10.0.0.0/8, ::1, 2001:db8::/32, 127.0.0.1, 0.0.0.0/0\n", "");
    assert_faults("[server]\ntrusted_proxies = 10.0.0.0/33, 10.0.0/8, ::/129, proxy, 10.0.0.0/, "
                  "10.0.0.0/-1\n",
                  "etc/t.ini:2: [server]: 'trusted_proxies' must be addresses or networks, such as "
                  "'10.0.0.0/8' or '::1', not '10.0.0.0/33'\n"
                  "etc/t.ini:2: [server]: 'trusted_proxies' must be addresses or networks, such as "
                  "'10.0.0.0/8' or '::1', not '10.0.0/8'\n"
                  "etc/t.ini:2: [server]: 'trusted_proxies' must be addresses or networks, such as "
                  "'10.0.0.0/8' or '::1', not '::/129'\n"
                  "etc/t.ini:2: [server]: 'trusted_proxies' must be addresses or networks, such as "
                  "'10.0.0.0/8' or '::1', not 'proxy'\n"
                  "etc/t.ini:2: [server]: 'trusted_proxies' must be addresses or networks, such as "
                  "'10.0.0.0/8' or '::1', not '10.0.0.0/'\n"
                  "etc/t.ini:2: [server]: 'trusted_proxies' must be addresses or networks, such as "
                  "'10.0.0.0/8' or '::1', not '10.0.0.0/-1'\n");
}
END_TEST

START_TEST(origins_are_compared_as_browsers_send_them)
{
    assert_faults("[server]\norigins = https://chat.example.org, http://localhost:5173\n", "");
    assert_faults("[server]\norigins = https://chat.example.org/, https://x.org/chat, "
                  "chat.example.org, https://\n",
                  "etc/t.ini:2: [server]: 'origins' has an item that must match 'http://*' or "
                  "'https://*', not 'chat.example.org'\n");
    assert_faults("[server]\norigins = https://chat.example.org/, https://x.org/chat, https://\n",
                  "etc/t.ini:2: [server]: 'origins' is scheme, host and port alone, not "
                  "'https://chat.example.org/' (did you mean "
                  "'https://chat.example.org'?)\n"
                  "etc/t.ini:2: [server]: 'origins' is scheme, host and port alone, such as "
                  "'https://chat.example.org', not "
                  "'https://x.org/chat'\n"
                  "etc/t.ini:2: [server]: 'origins' is scheme, host and port alone, such as "
                  "'https://chat.example.org', not 'https://'\n");
}
END_TEST

START_TEST(keys_that_need_each_other)
{
    assert_faults("[server]\ntls_certificate = c\n[admin]\ntls_key = k\n",
                  "etc/t.ini:2: [server]: 'tls_certificate' needs 'tls_key' beside it\n"
                  "etc/t.ini:4: [admin]: 'tls_key' needs 'tls_certificate' beside it\n");
    assert_faults("[server]\nping = 10s\nhangup = 10s\n",
                  "etc/t.ini:3: [server]: 'hangup' must be longer than 'ping', or every silent "
                  "client is cut before it was asked\n");
    assert_faults("[server]\nping = 35s\n",
                  "etc/t.ini:2: [server]: 'hangup' must be longer than 'ping', or every silent "
                  "client is cut before it was asked\n");
    assert_faults("[server]\nping = 10s\nhangup = 11s\n", "");
    assert_faults("[server]\nflush_window = 0\n", "");
    assert_faults("[server]\nflush_window = 5ms\n", "");
    assert_faults("[server]\nflush_window = 2s\n",
                  "etc/t.ini:2: [server]: 'flush_window' must be 'auto' or a duration up to '1s', "
                  "such as '5ms', not '2s'\n");
    assert_faults(
        "[discovery]\nid = 4a0c2c1e-5b1f-4f5e-9d53-2b7f9d0f3a11\npublic_url = https://x.org:8443\n",
        "");
    assert_faults(
        "[discovery]\nid = 4a0c2c1e5b1f-4f5e-9d53-2b7f9d0f3a11\npublic_url = https://x.org/\n",
        "etc/t.ini:2: [discovery]: 'id' must be a UUID, as `uuidgen` prints one, not "
        "'4a0c2c1e5b1f-4f5e-9d53-2b7f9d0f3a11'\n"
        "etc/t.ini:3: [discovery]: 'public_url' is scheme, host and port alone, not "
        "'https://x.org/' (did you mean "
        "'https://x.org'?)\n");
    assert_faults("[discovery]\nid = 4a0c2c1e-5b1f-4f5e-9d53-2b7f9d0f3a11f\n",
                  "etc/t.ini:2: [discovery]: 'id' must be a UUID, as `uuidgen` prints one, not "
                  "'4a0c2c1e-5b1f-4f5e-9d53-2b7f9d0f3a11f'\n");
}
END_TEST

START_TEST(admin_is_never_open_to_others)
{
    assert_faults("[admin]\nauth = none\n", "");
    assert_faults("[admin]\nauth = none\nlisten = 127.1.2.3:8081, [::1]:8081\n", "");
    assert_faults("[admin]\nauth = none\nlisten = none\n", "");
    assert_faults("[admin]\nlisten = 0.0.0.0:8081\ntls_certificate = c\ntls_key = k\n", "");
    const char *unencrypted = "[admin]: 'listen' is reachable from other machines, and tokens "
                              "would travel unencrypted: set 'tls_certificate' and "
                              "'tls_key', or listen on 127.0.0.1\n";
    char expected[1000];
    static const char *const open[] = {"0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081",
                                       "127.0.0.1:8081, 192.0.2.1:80", "[::ffff:127.0.0.1]:80"};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        char text[200];
        snprintf(text, sizeof text, "[admin]\nlisten = %s\n", open[i]);
        snprintf(expected, sizeof expected, "etc/t.ini:2: %s", unencrypted);
        assert_faults(text, expected);
    }
    assert_faults("[admin]\nlisten = 0.0.0.0:8081\nauth = none\ntls_certificate = c\ntls_key = k\n",
                  "etc/t.ini:3: [admin]: 'auth = none' lets everyone in who reaches 'listen': it "
                  "is allowed on loopback addresses alone\n");
}
END_TEST

START_TEST(all_faults_at_once)
{
    assert_faults(
        "[server]\nlistn = x\npumps = 0\nmax_message = 16KB\nping = 60\n[log]\nlevel = "
        "loud\nformat = jsn\n[admin]\nauth = no\n",
        "etc/t.ini:2: unknown key 'listn' in [server] (did you mean 'listen'?)\n"
        "etc/t.ini:3: [server]: 'pumps' must be from 1 to 64, not '0'\n"
        "etc/t.ini:4: [server]: 'max_message' must be a size such as '16KiB' or '1MiB', not "
        "'16KB'\n"
        "etc/t.ini:5: [server]: 'ping' must be a duration such as '60s' or '5m', not '60'\n"
        "etc/t.ini:7: [log]: 'level' must be 'debug', 'info', 'warning' or 'error', not 'loud'\n"
        "etc/t.ini:8: [log]: 'format' must be 'auto', 'json' or 'text', not 'jsn' (did you mean "
        "'json'?)\n"
        "etc/t.ini:10: [admin]: 'auth' must be 'token' or 'none', not 'no'\n");
}
END_TEST

static void start(void)
{
    c = (struct config){0};
}

static void stop(void)
{
    config_finish(&c);
    free(report);
    report = NULL;
}

int main(void)
{
    Suite *suite = suite_create("config/settings");
    TCase *t = tcase_create("settings");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, defaults_are_those_that_are_promised);
    tcase_add_test(t, sections_are_marked_as_used);
    tcase_add_test(t, file_names_are_taken_from_the_folder_of_the_ini);
    tcase_add_test(t, the_control_socket_has_a_short_path_and_a_known_group);
    tcase_add_test(t, addresses_must_be_addresses);
    tcase_add_test(t, origins_are_compared_as_browsers_send_them);
    tcase_add_test(t, keys_that_need_each_other);
    tcase_add_test(t, admin_is_never_open_to_others);
    tcase_add_test(t, all_faults_at_once);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
