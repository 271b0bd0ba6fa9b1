/* Loading: what the INI names is found or refused, in words that name both sides; and the chain
 * stands in its order. */
#include "base/str.h"
#include "plugin/loader.h"
#include "scratch.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBER_TEXT(n)    NUMBER_TEXT_OF(n)
#define NUMBER_TEXT_OF(n) #n

static struct registry r;
static struct config c;
static struct settings settings;

static void setup(void)
{
    memset(&r, 0, sizeof r);
    memset(&c, 0, sizeof c);
    r.settings = &settings;
}

static void teardown(void)
{
    registry_finish(&r);
    config_finish(&c);
}

static parley_verdict pass(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_PASS;
}

struct options {
    int64_t n;
    const char *word;
};
static const parley_field fields[] = {
    PARLEY_OPTION("n", PARLEY_INT, struct options, n, "1..9", "3", PARLEY_PER_CHANNEL, "A number"),
    PARLEY_OPTION("word", PARLEY_STRING, struct options, word, NULL, "w", 0, "A word"),
};
static int created, destroyed;

static int create(parley_host *h)
{
    const struct options *o = parley_options(h, PARLEY_NONE);

    created++;
    if (strcmp(o->word, "bad") == 0)
        return parley_bad_option(h, "word", "it must not be '%s'", o->word);
    return 0;
}

static void destroy(parley_host *h)
{
    (void)h;
    destroyed++;
}

#define HUB(name, the_phase, ...)                                                               \
    static const parley_hub name##_hub = {                                                      \
        .struct_size = sizeof name##_hub, .phase = the_phase, .on_message = pass, __VA_ARGS__}; \
    static const parley_provided name##_provides[] = {{"parley.hub/1", &name##_hub}};           \
    static const parley_plugin name##_plugin = {.preamble = PARLEY_PREAMBLE,                    \
                                                .id = "test." #name,                            \
                                                .version = "1",                                 \
                                                .options_size = sizeof(struct options),         \
                                                .options = PARLEY_TABLE(fields),                \
                                                .provides = PARLEY_TABLE(name##_provides),      \
                                                .create = create,                               \
                                                .destroy = destroy}
HUB(late, PARLEY_PHASE_ROUTE, .before = NULL);
HUB(early, PARLEY_PHASE_ADMIT, .before = NULL);
HUB(first, PARLEY_PHASE_ROUTE, .before = "late, other");
HUB(knot, PARLEY_PHASE_ROUTE, .after = "late", .before = "first");

static const parley_provided needy_provides[] = {{"parley.hub/1", &late_hub}};
static const parley_plugin needy_plugin = {.preamble = PARLEY_PREAMBLE,
                                           .id = "test.needy",
                                           .version = "1",
                                           .needs = "org.example.absent/1, org.example.maybe/1?",
                                           .provides = PARLEY_TABLE(needy_provides)};
static const parley_plugin strange_plugin = {
    .preamble = {PARLEY_MAGIC, sizeof(parley_plugin), 2, 0, 0, 0, "2.0.1"},
    .id = "org.example.strange",
    .version = "1"};
static const parley_plugin *const builtin[] = {
    &late_plugin, &early_plugin, &first_plugin, &knot_plugin, &needy_plugin, &strange_plugin, NULL};

static const char *load(const char *ini)
{
    static char *text;
    size_t n;
    FILE *f;

    config_read_text(&c, "t.ini", ini);
    registry_load(&r, &c, "/nonexistent", builtin);
    config_unused(&c);
    free(text);
    text = NULL;
    f = open_memstream(&text, &n);
    config_report(&c, f);
    fclose(f);
    return text;
}

START_TEST(the_chain_goes_by_phase_then_by_the_ini)
{
    ck_assert_str_eq(load("[hub late]\n[hub other]\nplugin = late\n[hub early]\n"), "");
    ck_assert_uint_eq(r.hub_count, 3);
    ck_assert_str_eq(r.hubs[0]->instance->name, "early");
    ck_assert_str_eq(r.hubs[1]->instance->name, "late");
    ck_assert_str_eq(r.hubs[2]->instance->name, "other"); /* the same plugin twice, two instances */
    ck_assert_ptr_eq(r.hubs[1]->instance->file, r.hubs[2]->instance->file);
}
END_TEST

START_TEST(wishes_move_a_hub_within_its_phase)
{
    ck_assert_str_eq(load("[hub late]\n[hub first]\n"), "");
    ck_assert_str_eq(r.hubs[0]->instance->name, "first");
}
END_TEST

START_TEST(wishes_that_contradict_are_a_fault)
{
    ck_assert_ptr_nonnull(strstr(load("[hub late]\n[hub first]\n[hub knot]\n"), "contradict"));
}
END_TEST

START_TEST(options_by_section_and_by_channel)
{
    const struct options *o;

    ck_assert_str_eq(load("[hub late]\nn = 5\nword = x\n[hub late in Gaming]\nn = 9\n"), "");
    o = parley_options(&r.instances[0]->host, PARLEY_NONE);
    ck_assert_int_eq(o->n, 5);
    o = parley_options(&r.instances[0]->host, PARLEY_STR("gaming"));
    ck_assert_int_eq(o->n, 9);
    ck_assert_str_eq(o->word, "x");
}
END_TEST

START_TEST(every_fault_is_found)
{
    const char *t = load("[hub late]\nm = 5\nn = 10\n"
                         "[hub absent]\n"
                         "[hub strange]\n"
                         "[hub needy]\n"
                         "[auth early]\n"
                         "[hub nobody in gaming]\n"
                         "[hub first]\nword = bad\n");

    ck_assert_ptr_nonnull(strstr(t, "t.ini:2: "));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:3: "));
    ck_assert_ptr_nonnull(
        strstr(t, "t.ini:4: [hub absent]: /nonexistent/absent.so: there is no such plugin"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:5: [hub strange]: org.example.strange: plugin"));
    ck_assert_ptr_nonnull(
        strstr(t, "needs plugin ABI 2.0 (built with SDK 2.0.1); this parleyd " PARLEY_VERSION
                  " provides ABI 1." NUMBER_TEXT(PARLEY_ABI_MINOR) "\n"));
    ck_assert_ptr_nonnull(strstr(t, "needs the service 'org.example.absent/1'"));
    ck_assert_ptr_null(strstr(t, "maybe"));
    ck_assert_ptr_nonnull(strstr(t, "is no auth: its section is [hub early]"));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:8: "));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:10: 'word' in [hub first]: it must not be 'bad'"));
}
END_TEST

START_TEST(what_was_created_is_destroyed)
{
    created = destroyed = 0;
    load("[hub late]\n[hub early]\nword = bad\n");
    ck_assert_int_eq(created, 2);
    registry_finish(&r);
    ck_assert_int_eq(destroyed, 1); /* the one whose create succeeded */
}
END_TEST

START_TEST(files_that_strangers_could_have_written)
{
    char folder[SCRATCH_BYTES], path[256], why[LOADER_WHY_BYTES];
    int fd;

    scratch_folder(folder);
    snprintf(path, sizeof path, "%s/x.so", folder);
    fd = open(path, O_RDWR | O_CREAT, 0644);
    ck_assert_int_eq(loader_check_file(path, fd, why), 0);
    fchmod(fd, 0664); /* a checkout under umask 002 */
    ck_assert_int_eq(loader_check_file(path, fd, why), 0);
    fchmod(fd, 0666);
    ck_assert_int_eq(loader_check_file(path, fd, why), -EACCES);
    ck_assert_ptr_nonnull(strstr(why, "writable by anyone"));
    fchmod(fd, 0644);
    chmod(folder, 0777);
    ck_assert_int_eq(loader_check_file(path, fd, why), -EACCES);
    chmod(folder, 01777); /* sticky, as /tmp is */
    ck_assert_int_eq(loader_check_file(path, fd, why), 0);
    close(fd);
    unlink(path);
    rmdir(folder);
}
END_TEST

START_TEST(names_that_are_no_names)
{
    const char *t =
        load("[hub a]\nplugin = ../x\n[hub b]\nplugin = /usr/../x.so\n[hub c]\nplugin = sub/x\n");

    ck_assert_ptr_nonnull(strstr(t, "t.ini:2: "));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:4: "));
    ck_assert_ptr_nonnull(strstr(t, "t.ini:6: "));
}
END_TEST

START_TEST(folders_are_searched_in_their_order)
{
    char path[512], why[LOADER_WHY_BYTES];
    struct plugin_file *f;

    snprintf(path, sizeof path, "/nonexistent::%s:%s", getenv("PARLEY_FIXTURES"),
             getenv("PARLEY_PLUGIN_PATH"));
    r.first = &r;
    r.root = calloc(1, sizeof *r.root);
    r.plugin_path = strdup(path);
    ck_assert_int_eq(loader_fetch(&r, "noop", NULL, &f, why), 0);
    ck_assert_ptr_eq(strstr(f->path, getenv("PARLEY_FIXTURES")), f->path);
    ck_assert_int_eq(loader_fetch(&r, "router", NULL, &f, why), 0);
    ck_assert_int_eq(loader_map(f, why), 0);
    ck_assert_str_eq(f->copy.id, "org.parley.router");
    ck_assert_int_eq(loader_fetch(&r, "absent", NULL, &f, why), -ENOENT);
    snprintf(path, sizeof path, "absent.so: there is no such plugin in %s", r.plugin_path);
    ck_assert_str_eq(why, path);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("registry");
    TCase *t = tcase_create("registry");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_chain_goes_by_phase_then_by_the_ini);
    tcase_add_test(t, wishes_move_a_hub_within_its_phase);
    tcase_add_test(t, wishes_that_contradict_are_a_fault);
    tcase_add_test(t, options_by_section_and_by_channel);
    tcase_add_test(t, every_fault_is_found);
    tcase_add_test(t, what_was_created_is_destroyed);
    tcase_add_test(t, files_that_strangers_could_have_written);
    tcase_add_test(t, names_that_are_no_names);
    tcase_add_test(t, folders_are_searched_in_their_order);
    suite_add_tcase(s, t);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
