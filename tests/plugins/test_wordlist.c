/* wordlist: which entries are found in what, what becomes of the message and who is told what, and
 * the faults of lists. */
#include "scratch.h"
#include "wordlist.h"

static char folder[SCRATCH_BYTES];

static void setup(void)
{
    scratch_folder(folder);
}

static void teardown(void)
{
    stop();
}

/* A file in the folder; its path is valid until the next four. */
static const char *file(const char *name, const char *text, size_t bytes)
{
    static char path[4][128];
    static unsigned next;
    char *p = path[next++ % 4];
    FILE *f;

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    f = fopen(p, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, bytes, f), bytes);
    ck_assert_int_eq(fclose(f), 0);
    return p;
}

static void start_with_list(const char *text)
{
    char line[256];

    snprintf(line, sizeof line, "lists = %s", file("rude.txt", text, strlen(text)));
    start(line);
}

START_TEST(whole_words_in_any_case)
{
    start("words = bad, c++");
    assert_found("bad");
    assert_found("This is BaD!");
    assert_found("(bad)");
    assert_found("not-bad_at all");
    assert_found("@bad");
    assert_found("I write C++");
    assert_found("c++11");
    assert_passes("badly");
    assert_passes("a forbad");
    assert_passes("bad1");
    assert_passes("bédo");
    assert_passes("c+");
}
END_TEST

START_TEST(a_star_opens_an_end)
{
    start("words = ship*, *ism, *core*, a*b");
    assert_found("shipping");
    assert_found("ships");
    assert_found("ship");
    assert_passes("warship");
    assert_found("communism");
    assert_passes("isms");
    assert_found("hardcored");
    assert_found("a*b");
    assert_passes("axb");
}
END_TEST

START_TEST(phrases_with_any_white_space)
{
    start_with_list("two words\nsay it\n");
    assert_found("just two words.");
    assert_found("two   \\n\\t words");
    assert_found("two\u00a0words");
    assert_found("two\u3000words");
    assert_found("two\u2028words");
    assert_found("two\xc2\x85"
                 "words");
    assert_passes("twowords");
    assert_passes("two, words");
    assert_passes("two wordsmiths");
    assert_found("say it again");
    assert_passes("say its");
}
END_TEST

START_TEST(files_are_read_as_people_write_them)
{
    start_with_list(
        "\xef\xbb\xbf# a list\r\n\r\n  bad  \r\n\t# more\nWORSE\n   \n\u3000worst\u00a0");
    assert_found("bad");
    assert_found("worse");
    assert_found("(worst)");
    assert_passes("# a list");
    assert_passes("# more");
}
END_TEST

START_TEST(several_lists_and_words)
{
    char lines[512];

    snprintf(lines, sizeof lines, "lists = %s, %s\nwords = three, four", file("a", "one", 3),
             file("b.de.txt", "two\n# empty\n", 12));
    start(lines);
    assert_found("one");
    assert_found("two");
    assert_found("three");
    assert_found("four");
    assert_passes("five");
    ck_assert_double_eq(kit_metric(k, "wordlist", "matches"), 4);
}
END_TEST

START_TEST(an_empty_list_finds_nothing)
{
    start_with_list("# nothing yet\n");
    assert_passes("bad");
}
END_TEST

/* --- who is told what --- */
static char rule[64], section[64];

static void on_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    snprintf(rule, sizeof rule, "%s", o->rule ? o->rule : "");
    snprintf(section, sizeof section, "%s", o->section ? o->section : "");
}

/* A type with three texts, two of them in a list, and one that nobody reads. */
static const parley_field fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, NULL, NULL, PARLEY_REQUIRED | PARLEY_CHANNEL, "Where"),
    PARLEY_FIELD("question", PARLEY_STRING, NULL, NULL, PARLEY_TEXT, "What to ask"),
    PARLEY_FIELD("choices", PARLEY_LIST, NULL, NULL, PARLEY_TEXT, "What may be answered"),
    PARLEY_FIELD("key", PARLEY_STRING, NULL, NULL, 0, "For machines"),
};
static const parley_type poll = {.struct_size = sizeof poll,
                                 .type = "poll",
                                 .flags = PARLEY_SIGNED,
                                 .fields = PARLEY_TABLE(fields)};
static const parley_hub observer = {
    .struct_size = sizeof observer, .phase = PARLEY_PHASE_ADMIT, .on_settled = on_settled};
static const parley_provided provides[] = {{"parley.hub/1", &observer}, {"parley.type/1", &poll}};
static const parley_plugin helper = {.preamble = PARLEY_PREAMBLE,
                                     .id = "org.example.helper",
                                     .version = "1.0.0",
                                     .provides = PARLEY_TABLE(provides)};

static void start_with_helper(const char *lines)
{
    static const parley_plugin *const plugins[] = {&helper, NULL};
    char ini[2048];

    kit_close(k);
    snprintf(ini, sizeof ini, "[plugin helper]\n[hub house_rules]\nplugin = wordlist\n%s\n" REST,
             lines);
    k = kit_start(ini, plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "member");
    bob = kit_connect(k, "bob", "");
}

START_TEST(a_refusal_tells_the_list_and_not_the_word)
{
    char lines[256];
    const char *e;

    snprintf(lines, sizeof lines, "lists = %s\nwords = worse\nreply = Mind your tongue: 100%%d",
             file("very.rude.txt", "bad", 3));
    start_with_helper(lines);
    ck_assert_int_eq(say("that is bad"), PARLEY_REJECT);
    ck_assert_str_eq(rule, "very");
    ck_assert_str_eq(section, "house_rules");
    e = kit_last(k, ada, "error");
    ck_assert_ptr_null(strstr(e, "bad"));
    ck_assert_str_eq(kit_member(e, "payload.code"), "rejected");
    ck_assert_str_eq(kit_member(e, "payload.message"), "Mind your tongue: 100%d");
    ck_assert_int_eq(kit_frames(k, bob, "chat_message"), 0);
    ck_assert_int_eq(say("that is worse"), PARLEY_REJECT);
    ck_assert_str_eq(rule, "words");
}
END_TEST

START_TEST(by_default_plain_words)
{
    start("words = bad");
    assert_found("bad");
    ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.message"),
                     "There are words in it that are not welcome here.");
}
END_TEST

START_TEST(every_text_of_every_type)
{
    const char *frame;

    start_with_helper("words = bad, worse\naction = mask");
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"poll\",\"channel\":\"general\",\"question\":\"bad?\","
                               "\"choices\":[\"fine\",\"a worse bad\"],\"key\":\"bad\"}"),
                     PARLEY_PASS);
    frame = kit_last(k, bob, "poll");
    ck_assert_str_eq(kit_member(frame, "payload.question"), "***?");
    ck_assert_str_eq(kit_member(frame, "payload.choices"), "[\"fine\",\"a ***** ***\"]");
    ck_assert_str_eq(kit_member(frame, "payload.key"), "bad");
    start_with_helper("words = bad");
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"poll\",\"channel\":\"general\",\"question\":\"fine?\","
                               "\"choices\":[\"fine\",\"bad\"]}"),
                     PARLEY_REJECT);
}
END_TEST

START_TEST(a_mask_covers_what_was_found_and_no_more)
{
    start("words = bad, two words, *core*, ab, bc\naction = mask");
    assert_masked("bad", "***");
    assert_masked("Bad, not good: BAD", "***, not good: ***");
    assert_masked("badly", "badly");
    assert_masked("two  words?", "**********?");
    assert_masked("hardcored", "hard****d");
    assert_masked("baaad!", "*****!");
    assert_masked("so b a d.", "so *****.");
    assert_masked("(ab,bc)", "(**,**)");
    assert_masked("nothing", "nothing");
    ck_assert_double_eq(kit_metric(k, "wordlist", "matches"), 7);
    ck_assert_int_eq(kit_frames(k, ada, "error"), 0);
}
END_TEST

START_TEST(channels_and_roles_differ)
{
    char ini[2048];

    snprintf(ini, sizeof ini,
             "words = bad\n[hub wordlist in staff]\naction = mask\nexempt_roles = admin\n");
    start(ini);
    ck_assert_int_eq(say_in("general", "bad"), PARLEY_REJECT);
    ck_assert_int_eq(say_in("staff", "bad"), PARLEY_PASS);
    ck_assert_str_eq(kit_member(kit_last(k, bob, "chat_message"), "payload.message"), "***");
    start("words = bad\n[hub wordlist in staff]\naction = off\n");
    ck_assert_int_eq(say_in("general", "bad"), PARLEY_REJECT);
    ck_assert_int_eq(say_in("staff", "bad"), PARLEY_PASS);
    ck_assert_str_eq(kit_member(kit_last(k, bob, "chat_message"), "payload.message"), "bad");
    start("words = bad\nexempt_roles = admin, member\n[hub wordlist in staff]\nexempt_roles =\n"
          "reply = Not here.");
    ck_assert_int_eq(say_in("general", "bad"), PARLEY_PASS);
    ck_assert_int_eq(say_in("staff", "bad"), PARLEY_REJECT);
    ck_assert_str_eq(kit_member(kit_last(k, ada, "error"), "payload.message"), "Not here.");
}
END_TEST

/* --- faults --- */
static void refused(const char *lines, const char *because)
{
    char ini[TEXT_BYTES];

    snprintf(ini, sizeof ini, "[hub wordlist]\n%s\n" REST, lines);
    ck_assert_ptr_null(kit_start(ini, NULL));
    ck_assert_msg(strstr(kit_refusal(), because) != NULL, "%s", kit_refusal());
}

static void refused_list(const char *text, size_t bytes, const char *because)
{
    char lines[256], why[512];
    const char *path = file("faulty.txt", text, bytes);

    snprintf(lines, sizeof lines, "lists = %s", path);
    snprintf(why, sizeof why, "test.ini:2: 'lists' in [hub wordlist]: %s%s", path, because);
    refused(lines, why);
}

START_TEST(faulty_lists_are_refused_with_their_line)
{
    char text[1200], lines[512], why[256];
    const char *good = file("good.txt", "good", 4);

    refused_list("bad\n\xff\n", 6, ":2: not UTF-8");
    refused_list("a\n\xed\xa0\x80\n", 6, ":2: not UTF-8");
    refused_list("a\n\n*\n", 5, ":3: nothing that could be looked for");
    refused_list("\u200b\u00ad", 5, ":1: nothing that could be looked for");
    refused_list("a\n\u3000\n", 6, ":2: nothing that could be looked for");
    refused_list("a\nb\0c\nd", 8, ":2: longer than 510 bytes, or with a NUL in it");
    memset(text, 'x', sizeof text);
    text[510] = '\n';
    text[1022] = '\n';
    refused_list(text, 1100, ":2: longer than 510 bytes");
    snprintf(lines, sizeof lines, "lists = %s/none.txt, %s, %s, ./good.txt", folder, good, folder);
    ck_assert_int_eq(chdir(folder), 0);
    snprintf(why, sizeof why, "%s/none.txt: No such file", folder);
    refused(lines, why);
    snprintf(why, sizeof why, "%s: Is a directory", folder);
    refused(lines, why);
    refused(lines, "./good.txt: not an absolute path");
}
END_TEST

START_TEST(too_many_entries_are_refused)
{
    enum { MOST = 50000 };
    char *text = malloc(MOST * 8), *p = text;

    for (int i = 0; i <= MOST; i++)
        p += sprintf(p, "w%d\n", i);
    refused_list(text, (size_t)(p - text), ":50001: the lists have more than 50000 entries");
    free(text);
}
END_TEST

START_TEST(faulty_options_are_refused)
{
    refused("", "test.ini:1: 'lists' in [hub wordlist]: nothing to look for");
    refused("words = good, \u200b, bad", "test.ini:2: 'words' in [hub wordlist]: ");
    refused("words = bad\naction = shout", "'action' must be");
    refused("words = bad\n[hub wordlist in staff]\nleet = yes\n", "'leet' is the same in all");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wordlist");
    TCase *t = tcase_create("wordlist");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, whole_words_in_any_case);
    tcase_add_test(t, a_star_opens_an_end);
    tcase_add_test(t, phrases_with_any_white_space);
    tcase_add_test(t, files_are_read_as_people_write_them);
    tcase_add_test(t, several_lists_and_words);
    tcase_add_test(t, an_empty_list_finds_nothing);
    tcase_add_test(t, a_refusal_tells_the_list_and_not_the_word);
    tcase_add_test(t, by_default_plain_words);
    tcase_add_test(t, every_text_of_every_type);
    tcase_add_test(t, a_mask_covers_what_was_found_and_no_more);
    tcase_add_test(t, channels_and_roles_differ);
    tcase_add_test(t, faulty_lists_are_refused_with_their_line);
    tcase_add_test(t, too_many_entries_are_refused);
    tcase_add_test(t, faulty_options_are_refused);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
