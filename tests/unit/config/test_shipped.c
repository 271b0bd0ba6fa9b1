/* What is shipped: the INI files are valid, and they and docs/configuration.md tell the keys and
 * defaults that are true. */
#include "base/buf.h"
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

static char *file_text(const char *name)
{
    const char *root = getenv("PARLEY_SOURCE_DIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root != NULL ? root : ".", name);
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "no %s (set PARLEY_SOURCE_DIR)", path);
    struct buf b;
    buf_init(&b, 0);
    size_t n;
    do {
        char *room = buf_reserve(&b, 65536);
        n = fread(room, 1, 65536, f);
        b.n += n;
    } while (n > 0);
    fclose(f);
    return buf_take(&b, NULL);
}

START_TEST(shipped_files_are_understood)
{
    static const char *const names[] = {"etc/parley.ini", "etc/parley.dev.ini",
                                        "etc/parley.onrabble.ini", "etc/parley.bench.ini",
                                        "etc/parley.bench-jwt.ini"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        AUTO(str_free) char *text = file_text(names[i]);
        assert_faults(text, "");
        ck_assert_ptr_nonnull(config_find(&c, "protocol", PARLEY_STR("native"), PARLEY_NONE));
        ck_assert_ptr_nonnull(config_find(&c, "hub", PARLEY_STR("router"), PARLEY_NONE));
        ck_assert_str_eq(s.server.listen.items[0].p, "127.0.0.1:8080");
        if (i == 1)
            ck_assert(!s.has_admin && s.server.accept_rate == 0 &&
                      s.server.connections_per_address == 0);
        if (i == 2)
            ck_assert_str_eq(s.admin.auth, "none");
    }
}
END_TEST

/* The lines `;key = value` with their ';' taken away, save where the comment above says that there
 * is no default. */
static char *uncommented(const char *text, bool examples_too)
{
    struct buf b;
    bool example = false, comment = false;
    buf_init(&b, 0);
    for (const char *p = text; *p != '\0';) {
        const char *end = strchrnul(p, '\n');
        parley_str line = str_n(p, (size_t)(end - p));
        if (*p == '#') {
            if (!comment)
                example = false;
            example |= memmem(line.p, line.n, "Default: none", 13) != NULL;
        } else if (*p == ';' && (!example || examples_too)) {
            line = str_n(line.p + 1, line.n - 1);
        } else if (*p != ';') {
            example = false;
        }
        comment = *p == '#';
        buf_add_str(&b, line);
        buf_add_char(&b, '\n');
        p = *end == '\0' ? end : end + 1;
    }
    return buf_take(&b, NULL);
}

static void assert_same_list(const parley_list *a, const parley_list *b)
{
    ck_assert_uint_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        ck_assert_str_eq(a->items[i].p, b->items[i].p);
}

START_TEST(parley_ini_tells_the_true_defaults)
{
    AUTO(str_free) char *shipped = file_text("etc/parley.ini");
    AUTO(str_free) char *text = uncommented(shipped, false);
    assert_faults(text, "");
    struct settings shown = s, builtin;
    struct config empty;
    ck_assert_int_eq(config_read_text(&empty, "empty", ""), 0);
    ck_assert_int_eq(settings_read(&empty, &builtin), 0);
    struct settings_server *a = &shown.server, *b = &builtin.server;
    assert_same_list(&a->listen, &b->listen);
    assert_same_list(&a->dashboards, &b->dashboards);
    assert_same_list(&shown.admin.listen, &builtin.admin.listen);
    ck_assert_str_eq(a->flush_window, b->flush_window);
    ck_assert_str_eq(a->ack, b->ack);
    ck_assert_str_eq(shown.admin.auth, builtin.admin.auth);
    ck_assert_str_eq(shown.admin.role, builtin.admin.role);
    ck_assert_str_eq(shown.discovery.name, builtin.discovery.name);
    ck_assert_str_eq(shown.log.level, builtin.log.level);
    ck_assert_str_eq(shown.log.format, builtin.log.format);
    a->listen = b->listen;
    a->dashboards = b->dashboards;
    a->origins = b->origins; /* empty ones differ in their address */
    a->trusted_proxies = b->trusted_proxies;
    a->flush_window = b->flush_window;
    a->ack = b->ack;
    ck_assert_mem_eq(a, b, sizeof *a); /* all numbers, and no name where there is none by default */
    shown.discovery.name = builtin.discovery.name;
    ck_assert_mem_eq(&shown.discovery, &builtin.discovery, sizeof shown.discovery);
    config_finish(&empty);
    AUTO(str_free) char *examples = uncommented(shipped, true);
    assert_faults(examples, "");
}
END_TEST

static const char *const keys[][64] = {
    {"server",
     "listen",
     "pumps",
     "plugin_path",
     "tls_certificate",
     "tls_key",
     "trusted_proxies",
     "origins",
     "dashboards",
     "max_connections",
     "max_per_address",
     "max_per_user",
     "max_pending",
     "accept_rate",
     "max_message",
     "max_fragments",
     "message_timeout",
     "max_depth",
     "max_tokens",
     "credit_messages",
     "credit_bytes",
     "queue_messages",
     "queue_bytes",
     "stalled_timeout",
     "greeting_timeout",
     "handshake_timeout",
     "authentication_timeout",
     "ping",
     "hangup",
     "close_timeout",
     "drain",
     "stop",
     "flush_window",
     "dedupe_window",
     "user_memory",
     "store",
     "store_max",
     "store_section_max",
     "store_keep_free",
     "verdicts",
     "ack"},
    {"admin", "listen", "tls_certificate", "tls_key", "auth", "role", "token_file"},
    {"control", "socket", "group"},
    {"discovery", "name", "id", "auth_url", "token_url", "chat_client", "public_url"},
    {"log", "level", "format"},
};

static struct config defaults; /* of what parley.ini says is the default */

/* A row of the docs: | `key` | kind | `default` | range | meaning | */
static void assert_default_told(const char *row, const char *section, const char *name)
{
    const struct config_key *k =
        config_key(config_find(&defaults, section, PARLEY_NONE, PARLEY_NONE), name);
    char cell[200];
    if (k == NULL)
        snprintf(cell, sizeof cell, " | none | ");
    else
        snprintf(cell, sizeof cell, " | `%s` | ", k->value.p);
    const char *at = strstr(row, cell);
    ck_assert_msg(at != NULL && at < strchrnul(row, '\n'),
                  "docs/configuration.md does not say%sof '%s'", cell, name);
}

START_TEST(every_key_is_shown_and_documented)
{
    AUTO(str_free) char *shipped = file_text("etc/parley.ini");
    AUTO(str_free) char *text = uncommented(shipped, true);
    AUTO(str_free) char *only_defaults = uncommented(shipped, false);
    AUTO(str_free) char *docs = file_text("docs/configuration.md");
    ck_assert_int_eq(config_read_text(&defaults, "defaults", only_defaults), 0);
    assert_faults(text, "");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct config_section *section =
            config_find(&c, keys[i][0], PARLEY_NONE, PARLEY_NONE);
        ck_assert_ptr_nonnull(section);
        char heading[100], row[100];
        snprintf(heading, sizeof heading, "\n### `[%s]`", keys[i][0]);
        const char *from = strstr(docs, heading);
        ck_assert_msg(from != NULL, "docs/configuration.md has no [%s]", keys[i][0]);
        const char *until = strstr(from + 5, "\n### ");
        size_t count = 0;
        for (size_t k = 1; keys[i][k] != NULL; k++, count++) {
            ck_assert_msg(config_key(section, keys[i][k]) != NULL,
                          "etc/parley.ini does not show '%s'", keys[i][k]);
            snprintf(row, sizeof row, "\n| `%s` |", keys[i][k]);
            const char *at = strstr(from, row);
            ck_assert_msg(at != NULL && (until == NULL || at < until),
                          "docs/configuration.md lacks '%s'", keys[i][k]);
            assert_default_told(at + 1, keys[i][0], keys[i][k]);
        }
        for (const struct config_key *k = section->keys; k != NULL; k = k->next)
            count--;
        ck_assert_msg(count == 0, "etc/parley.ini has keys in [%s] that are not listed here",
                      keys[i][0]);
    }
    config_finish(&defaults);
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
    Suite *suite = suite_create("config/shipped");
    TCase *t = tcase_create("shipped");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, start, stop);
    tcase_add_test(t, shipped_files_are_understood);
    tcase_add_test(t, parley_ini_tells_the_true_defaults);
    tcase_add_test(t, every_key_is_shown_and_documented);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
