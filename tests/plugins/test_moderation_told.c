/* Moderation plugins and what is told about them: each option, with its true default, is in
 * etc/parley.ini, in docs/configuration.md and on the plugin's page, and nothing else is; the
 * README names them all.
 */
#include "message/fields.h"
#include "moderation.h"

static const char *const names[] = {"flood", "links", "slow_mode", "script", NULL};

static char *file_text(const char *name)
{
    const char *root = getenv("PARLEY_SOURCE_DIR");
    char path[4096];
    size_t n;
    char *text;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    f = fopen(path, "r");
    ck_assert_msg(f != NULL, "no %s (set PARLEY_SOURCE_DIR)", path);
    text = calloc(1, 1 << 20);
    ck_assert_ptr_nonnull(text);
    n = fread(text, 1, (1 << 20) - 1, f);
    ck_assert_uint_gt(n, 0);
    fclose(f);
    return text;
}

static const parley_table *options_of(const char *name)
{
    for (size_t i = 0; i < k->registry->instance_count; i++)
        if (strcmp(k->registry->instances[i]->name, name) == 0)
            return &k->registry->instances[i]->file->copy.options;
    ck_abort_msg("no section %s", name);
    return NULL;
}

/* A part of a text: from a line to the next that begins in one of two ways. Cut in place. */
static char *part(char *text, const char *first_line, const char *end, const char *other_end)
{
    char *from = strstr(text, first_line), *until, *other;

    ck_assert_msg(from != NULL, "there is no '%s'", first_line);
    from += strlen(first_line);
    until = strstr(from, end);
    other = strstr(from, other_end);
    if (until)
        *until = 0;
    if (other)
        *other = 0;
    return from;
}

static int count(const char *text, const char *piece)
{
    int n = 0;

    for (const char *p = text; (p = strstr(p, piece)); p++)
        n++;
    return n;
}

static bool has_default(const parley_field *f)
{
    return f->dflt && *f->dflt;
}

/* `;key = default`, or an example below a line that says that there is none. */
static void in_the_ini(const char *section, const parley_field *f)
{
    char line[256];
    const char *at, *none;

    if (has_default(f)) {
        snprintf(line, sizeof line, "\n;%s = %s\n", f->name, f->dflt);
        ck_assert_msg(strstr(section, line) != NULL, "etc/parley.ini lacks '%s'", line);
        return;
    }
    snprintf(line, sizeof line, "\n;%s = ", f->name);
    at = strstr(section, line);
    ck_assert_msg(at != NULL, "etc/parley.ini lacks '%s'", f->name);
    none = at;
    do /* the line above */
        none--;
    while (none > section && *none != '\n');
    none = strstr(none, "Default: none");
    ck_assert_msg(none && none < at, "'%s' has no default, and etc/parley.ini does not say so",
                  f->name);
}

/* | `key` | kind | `default` | range | meaning | */
static void in_the_docs(const char *section, const parley_field *f)
{
    char row[512];
    const char *at, *cell;

    snprintf(row, sizeof row, "\n| `%s` | ", f->name);
    at = strstr(section, row);
    ck_assert_msg(at != NULL, "docs/configuration.md lacks '%s'", f->name);
    cell = strstr(at + strlen(row), " | ");
    if (has_default(f))
        snprintf(row, sizeof row, " | `%s` | ", f->dflt);
    else
        snprintf(row, sizeof row, " | none | ");
    ck_assert_msg(cell && strncmp(cell, row, strlen(row)) == 0,
                  "docs/configuration.md does not say%sof '%s'", row, f->name);
}

static void on_the_page(const char *section, const parley_field *f)
{
    char row[256];

    if (has_default(f))
        snprintf(row, sizeof row, "\n| `%s` | `%s` |", f->name, f->dflt);
    else
        snprintf(row, sizeof row, "\n| `%s` | none |", f->name);
    ck_assert_msg(strstr(section, row) != NULL, "the page lacks '%s'", row);
}

static void told_of(const char *name)
{
    char *ini = file_text("etc/parley.ini"), *docs = file_text("docs/configuration.md");
    char *page;
    char head[128], *in_ini, *in_docs, *in_page;
    const parley_table *options = options_of(name);
    parley_field f;

    snprintf(head, sizeof head, "plugins/moderation/%s/%s.md", name, name);
    page = file_text(head);
    snprintf(head, sizeof head, "\n;[hub %s]", name);
    in_ini = part(ini, head, "\n[", "\n;[");
    snprintf(head, sizeof head, "\n### `[hub %s]`", name);
    in_docs = part(docs, head, "\n### ", "\n## ");
    in_page = part(page, "\n## Options", "\n## ", "\n```");
    for (uint32_t i = 0; fields_at(options, i, &f); i++) {
        in_the_ini(in_ini, &f);
        on_the_page(in_page, &f);
        in_the_docs(in_docs, &f);
    }
    ck_assert_int_eq(count(in_ini, "\n;"), (int)options->count);
    ck_assert_int_eq(count(in_docs, "\n| `"), (int)options->count);
    ck_assert_int_eq(count(in_page, "\n| `"), (int)options->count);
    free(ini);
    free(docs);
    free(page);
}

START_TEST(every_option_is_told)
{
    char sections[2048] = "";
    char *readme = file_text("README.md");

    for (size_t i = 0; names[i]; i++) {
        size_t n = strlen(sections);

        snprintf(sections + n, sizeof sections - n, "[hub %s]\n", names[i]);
        if (strcmp(names[i], "script") == 0) {
            n = strlen(sections);
            snprintf(sections + n, sizeof sections - n, "file = %s\n",
                     file_of("function message() end"));
        }
    }
    start(sections);
    for (size_t i = 0; names[i]; i++) {
        char row[64];

        told_of(names[i]);
        snprintf(row, sizeof row, "\n| `[hub %s]` |", names[i]);
        ck_assert_msg(strstr(readme, row) != NULL, "README.md has no row '%s'", row);
    }
    free(readme);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("moderation told");
    TCase *t = tcase_create("moderation told");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, every_option_is_told);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
