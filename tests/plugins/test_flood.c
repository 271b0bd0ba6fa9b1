/* flood: what counts as the same text, for how long and where; capitals, mentions, links and runs
 * at their bounds, over all texts of a message. */
#include "moderation.h"

#define LONG_TEXT \
    "Buy the best watches of the whole town at the shop behind the station, today only"

#define ALONE(rule) "[hub flood]\nrepeats = 0\n" rule

static bool notes(const char *json_members)
{
    char frame[4096];

    snprintf(frame, sizeof frame, "{\"type\":\"note\",\"channel\":\"general\",%s}", json_members);
    return kit_input(k, ada, frame) == PARLEY_PASS;
}

START_TEST(the_same_text_may_be_said_twice_in_a_while)
{
    long ms;

    start("[hub flood]\n");
    ck_assert(says(ada, "hello") && says(ada, "hello") && !says(ada, "hello"));
    ms = atol(kit_member(kit_last(k, ada, "error"), "payload.retry_after_ms"));
    ck_assert_msg(ms > 20000 && ms <= 30000, "%ld", ms);
    ck_assert(says(bob, "hello") && says(ada, "something else"));
    kit_advance_ms(k, 10000);
    ck_assert(!says(ada, "hello"));
    told(ada, "rate_limited", "You have said this, or nearly this");
    kit_advance_ms(k, 20000);
    ck_assert(says(ada, "hello") && says(ada, "hello") && !says(ada, "hello"));
    ck_assert_double_eq(kit_metric(k, "flood", "refused"), 3);
    stop();
}
END_TEST

/* Each time there is room for one more as soon as it says so, and not before. */
START_TEST(the_wait_it_names_is_enough)
{
    start("[hub flood]\nrepeats = 3\nwindow = 100s\n");
    for (int i = 0; i < 3; i++) {
        ck_assert(says(ada, "hello"));
        kit_advance_ms(k, 20000);
    }
    for (int i = 0; i < 5; i++) {
        ck_assert(!says(ada, "hello"));
        kit_advance_ms(k, atol(kit_member(kit_last(k, ada, "error"), "payload.retry_after_ms")));
        ck_assert(says(ada, "hello"));
    }
    stop();
}
END_TEST

START_TEST(the_same_is_what_has_the_same_letters)
{
    static const char *const same[][2] = {
        {"Hello, World!", "h e l l o  world"},
        {"HELLO", "he-l.l~o..."},
        {"\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8"}, /* Cyrillic case */
        {"\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3", "abc"},          /* fullwidth */
        {"caf\xc3\xa9", "cafe\xcc\x81"},                          /* composed or not */
        {"caf\xc3\xa9", "CAFE"},                                  /* accents */
        {"stra\xc3\x9f"
         "e",
         "STRASSE"},                                              /* sharp s */
        {"no\xe2\x80\x8bw", "now"},                               /* zero width */
        {"\xf0\x9d\x90\x9a\xf0\x9d\x90\x9b", "ab"},               /* mathematical */
        {"\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", "\xf0\x9f\x91\x8d"}, /* tone of skin */
        {"!!!", "!!!"},
        {"\xcc\x81\xcc\x81", "\xcc\x81\xcc\x81"},
    };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        start("[hub flood]\nrepeats = 1\nsimilarity = 100\n");
        ck_assert_msg(says(ada, same[i][0]), "%s", same[i][0]);
        ck_assert_msg(!says(ada, same[i][1]), "%s, %s", same[i][0], same[i][1]);
        stop();
    }
}
END_TEST

START_TEST(what_differs_in_letters_is_not_the_same)
{
    static const char *const differ[][2] = {
        {"hello", "hallo"},
        {"!!!", "???"},
        {"ok", "okok"},
        {"123", "124"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81"},                 /* two faces */
        {"\xe0\xa4\x95\xe0\xa4\xbf", "\xe0\xa4\x95\xe0\xa4\xbe"}, /* ki and kaa */
        {"yes, of course", "no, of course not"},
    };

    for (size_t i = 0; i < sizeof differ / sizeof *differ; i++) {
        start("[hub flood]\nrepeats = 1\n");
        ck_assert(says(ada, differ[i][0]));
        ck_assert_msg(says(ada, differ[i][1]), "%s, %s", differ[i][0], differ[i][1]);
        stop();
    }
}
END_TEST

START_TEST(nearly_the_same_counts_as_the_same)
{
    static const char *const near[] = {
        LONG_TEXT " (7531)",
        ("Hi! " LONG_TEXT),
        "Buy the best watches of the whole town at the shop behind the station, tomorrow only",
        "Buy the best clocks of the whole town at the shop behind the station, today only",
    };

    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        start("[hub flood]\nrepeats = 1\n");
        ck_assert(says(ada, LONG_TEXT));
        ck_assert_msg(!says(ada, near[i]), "%s", near[i]);
        stop();
        start("[hub flood]\nrepeats = 1\nsimilarity = 100\n");
        ck_assert(says(ada, LONG_TEXT));
        ck_assert_msg(says(ada, near[i]), "%s", near[i]);
        stop();
    }
}
END_TEST

/* What people say to each other about one subject, all of it different. */
START_TEST(talk_is_not_taken_for_repeats)
{
    static const char *const talk[] = {
        "Has anybody seen the new release of the server?",
        "The release notes say that the server is twice as fast now.",
        "I have not tried the new server yet, is it worth it?",
        "It is worth it, the new release starts in a second here.",
        "On my machine the new release does not start at all...",
        "Which machine is that? The server needs a new kernel.",
        "A new kernel? The release notes do not say that at all.",
        "They do, in the second part: the server needs version six.",
    };

    start("[hub flood]\nrepeats = 1\n");
    for (size_t i = 0; i < sizeof talk / sizeof *talk; i++)
        ck_assert_msg(says(ada, talk[i]), "%s", talk[i]);
    stop();
}
END_TEST

START_TEST(across_connections_channels_and_whispers)
{
    parley_client second;

    start("[hub flood]\nrepeats = 3\n");
    second = kit_connect(k, "ada", "");
    ck_assert(says(ada, "hello") && say_in(second, "random", "hello") == PARLEY_PASS);
    ck_assert(whispers(ada, "bob", "hello")); /* of another type, so counted apart */
    ck_assert_int_eq(say_in(second, "slow", "hello"), PARLEY_PASS);
    ck_assert_int_eq(say_in(second, "slow", "hello"), PARLEY_REJECT);
    kit_disconnect(k, ada);
    kit_disconnect(k, second);
    ada = kit_connect(k, "ada", "");
    ck_assert(!says(ada, "hello"));
    stop();
}
END_TEST

/* Two were said elsewhere, where more may be: here both must be forgotten first. */
START_TEST(a_stricter_channel_waits_for_the_later_one)
{
    long ms;

    start("[hub flood]\nrepeats = 3\n[hub flood in random]\nrepeats = 1\n");
    ck_assert(says(ada, "hello"));
    kit_advance_ms(k, 15000);
    ck_assert(says(ada, "hello"));
    ck_assert_int_eq(say_in(ada, "random", "hello"), PARLEY_REJECT);
    ms = atol(kit_member(kit_last(k, ada, "error"), "payload.retry_after_ms"));
    ck_assert_msg(ms > 20000 && ms <= 30000, "%ld", ms);
    stop();
}
END_TEST

/* Messages of different types do not repeat each other: to correct one is to say it again. */
START_TEST(types_are_told_apart)
{
    start("[hub flood]\nrepeats = 1\n");
    ck_assert(says(ada, LONG_TEXT) && whispers(ada, "bob", LONG_TEXT) && !says(ada, LONG_TEXT));
    ck_assert(notes("\"title\":\"" LONG_TEXT "!\""));
    ck_assert(!notes("\"title\":\"" LONG_TEXT "!\""));
    stop();
}
END_TEST

START_TEST(each_channel_by_itself)
{
    parley_client eve;

    start("[hub flood]\nrepeats = 1\nacross_channels = no\n");
    eve = kit_connect(k, "eve", "");
    ck_assert(says(ada, "hello") && !says(ada, "hello"));
    ck_assert_int_eq(say_in(ada, "random", "hello"), PARLEY_PASS);
    ck_assert_int_eq(say_in(ada, "random", "hello"), PARLEY_REJECT);
    ck_assert(whispers(ada, "bob", "hello") && !whispers(ada, "bob", "hello"));
    ck_assert(whispers(ada, "eve", "hello") && whispers(eve, "bob", "hello"));
    stop();
}
END_TEST

START_TEST(whispers_to_many_are_a_flood)
{
    start("[hub flood]\n");
    kit_connect(k, "eve", "");
    kit_connect(k, "dan", "");
    ck_assert(whispers(ada, "bob", "hello") && whispers(ada, "eve", "hello"));
    ck_assert(!whispers(ada, "dan", "hello"));
    stop();
}
END_TEST

START_TEST(what_is_not_posted_was_not_said)
{
    start("[hub flood]\nrepeats = 1\n");
    later_verdict = PARLEY_REJECT;
    for (int i = 0; i < 3; i++) {
        ck_assert(!says(ada, "hello"));
        told(ada, "rejected", "Not today.");
    }
    later_verdict = PARLEY_DROP;
    ck_assert_int_eq(say_in(ada, "general", "hello"), PARLEY_DROP);
    ck_assert_int_eq(say_in(ada, "general", "hello"), PARLEY_REJECT);
    told(ada, "rate_limited", "You have said this");
    stop();
}
END_TEST

/* As many as it remembers; what is older is forgotten, and nothing else is. */
START_TEST(its_memory_is_bounded)
{
    char text[32];

    start("[hub flood]\nrepeats = 1\nwindow = 1h\nsimilarity = 100\n");
    for (int i = 0; i < 33; i++) {
        snprintf(text, sizeof text, "text %d", i);
        ck_assert(says(ada, text));
    }
    for (int i = 1; i < 33; i++) {
        snprintf(text, sizeof text, "text %d", i);
        ck_assert(!says(ada, text));
    }
    ck_assert(says(ada, "text 0"));
    stop();
}
END_TEST

START_TEST(all_texts_of_a_message_count_together)
{
    start("[hub flood]\nrepeats = 1\nlinks = 3\nmentions = 3\n");
    ck_assert(notes("\"title\":\"what?\",\"items\":[\"red\",\"green\"]"));
    ck_assert(!notes("\"title\":\"What?\",\"items\":[\"red\",\"green\"],\"ref\":\"new\""));
    ck_assert(notes("\"title\":\"what?\",\"items\":[\"red\",\"blue\"]"));
    ck_assert(!notes("\"title\":\"@a\",\"items\":[\"@b\",\"@c @d\"]"));
    told(ada, "rejected", "A message may mention 3 people at most; yours has 4.");
    ck_assert(!notes("\"items\":[\"http://a\",\"http://b\",\"http://c\",\"http://d\"]"));
    ck_assert(notes("\"ref\":\"http://a http://b http://c http://d\",\"title\":\"\""));
    stop();
}
END_TEST

START_TEST(capitals)
{
    start(ALONE("capitals = 50\ncapitals_from = 10\n"));
    ck_assert(says(ada, "ABCDEfghij") && says(ada, "ABCDEFGHI") && says(ada, "12345 !!!!! 67890"));
    ck_assert(!says(ada, "ABCDEFghij"));
    told(ada, "rejected", "Please do not shout: at most 50% may be capitals.");
    ck_assert(!says(ada, "\xd0\x9f\xd0\xa0\xd0\x98\xd0\x92\xd0\x95\xd0\xa2\xd0\x9f\xd0\xa0\xd0\x98"
                         "\xd0\x92\xd0\x95\xd0\xa2"));
    ck_assert(!says(ada, "\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3"
                         "\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3\xef\xbc\xa3"));
    ck_assert(says(ada, "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
                        "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2 OK"));
    ck_assert(notes("\"title\":\"ABCDE\",\"items\":[\"fghij\"]"));
    ck_assert(!notes("\"title\":\"ABCDE\",\"items\":[\"Fghij\"]"));
    stop();
}
END_TEST

START_TEST(mentions)
{
    start(ALONE("mentions = 2\n"));
    ck_assert(says(ada, "@a @b a@c.org @ @@ x@y"));
    ck_assert(!says(ada, "@a @b @c"));
    ck_assert(!says(ada, "@a,@b:@\xc3\xa9"));
    told(ada, "rejected", "mention 2 people at most; yours has 3");
    stop();
}
END_TEST

START_TEST(links)
{
    start(ALONE("links = 2\n"));
    ck_assert(says(ada, "http://www.a.b WWW.c"));
    ck_assert(says(ada, "awww. http://www.a.b bwww.c"));
    ck_assert(!says(ada, "http://a,http://b,ftp://c"));
    told(ada, "rejected", "A message may have 2 links at most; yours has 3.");
    ck_assert(!says(ada, "www.a WwW.b www.c"));
    stop();
}
END_TEST

START_TEST(runs)
{
    start(ALONE("run = 5\n"));
    ck_assert(says(ada, "aaaaa bbbbb !!!!!") && says(ada, "ababababab"));
    ck_assert(!says(ada, "so coooooool"));
    told(ada, "rejected", "Please do not repeat one character more than 5 times.");
    ck_assert(!says(ada, "aAaAaA") && !says(ada, "??????") && !says(ada, "a\n\n\n\n\n\nb"));
    ck_assert(!says(ada, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"));
    ck_assert(!says(ada, "a\xe2\x80\x8b"
                         "a\xe2\x80\x8b"
                         "a\xe2\x80\x8b"
                         "aaa"));
    ck_assert(!says(ada, "o\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86 piled up"));
    ck_assert(says(ada, "a\xcc\x81"
                        "b\xcc\x81"
                        "c\xcc\x81"
                        "d\xcc\x81"
                        "e\xcc\x81"
                        "f\xcc\x81"));
    ck_assert(notes("\"title\":\"aaa\",\"items\":[\"aaa\"]")); /* one text, then another */
    ck_assert(
        notes("\"title\":\"a\xcc\x81\xcc\x81\xcc\x81\",\"items\":[\"\xcc\x81\xcc\x81\xcc\x81\"]"));
    stop();
}
END_TEST

START_TEST(rules_differ_by_channel_and_some_roles_are_free)
{
    parley_client mod;

    start("[hub flood]\nrepeats = 0\n[hub flood in random]\nrepeats = 1\nrun = 3\n"
          "exempt_roles =\n");
    mod = kit_connect(k, "mod", "moderator");
    for (int i = 0; i < 5; i++)
        ck_assert(says(ada, "hello") && says(mod, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    ck_assert(says(ada, "aaaa") && !says(ada, "aaaaaaaaaaaaaaaaaaaaa"));
    ck_assert_int_eq(say_in(mod, "random", "hello"), PARLEY_PASS);
    ck_assert_int_eq(say_in(mod, "random", "hello"), PARLEY_REJECT);
    ck_assert_int_eq(say_in(mod, "random", "aaaa"), PARLEY_REJECT);
    stop();
}
END_TEST

START_TEST(two_sections_share_nothing)
{
    start("[hub flood]\nrepeats = 2\n[hub flood2]\nplugin = flood\nrepeats = 1\nwindow = 1s\n");
    ck_assert(says(ada, "hello") && !says(ada, "hello"));
    kit_advance_ms(k, 1000);
    ck_assert(says(ada, "hello"));
    kit_advance_ms(k, 1000);
    ck_assert(!says(ada, "hello"));
    ck_assert_double_eq(kit_metric(k, "flood", "refused"), 1);
    ck_assert_double_eq(kit_metric(k, "flood2", "refused"), 1);
    stop();
}
END_TEST

START_TEST(hostile_texts_are_judged)
{
    char **all = hostile_texts(), name[32];

    start("[hub flood]\nrepeats = 1\nrun = 0\nmentions = 0\nlinks = 0\ncapitals = 100\n");
    for (size_t i = 0; all[i]; i++) {
        parley_client c;

        snprintf(name, sizeof name, "user%zu", i);
        c = kit_connect(k, name, "");
        if (says(c, all[i])) {
            ck_assert_msg(!says(c, all[i]), "%zu", i);
            told(c, "rate_limited", "You have said this");
        } else {
            told(c, "invalid_message", "white space"); /* by the type */
        }
        free(all[i]);
    }
    ck_assert(notes("\"title\":\"\",\"items\":[]") && notes("\"ref\":\"\""));
    ck_assert(!notes("\"title\":\"\",\"items\":[]"));
    stop();
}
END_TEST

START_TEST(bad_options_are_refused_with_their_line)
{
    refused("[hub flood]\nrepeats = 31\n", "test.ini:2: ", "'repeats' must be");
    refused("[hub flood]\n\nsimilarity = 59\n", "test.ini:3: ", "'similarity' must be");
    refused("[hub flood]\ncapitals = 101\n", "test.ini:2: ", "'capitals' must be");
    refused("[hub flood]\ncapitals = 70%\n", "test.ini:2: ", "'capitals' must be");
    refused("[hub flood]\nwindow = 2h\n", "test.ini:2: ", "'window' must be");
    refused("[hub flood]\nacross_channels = maybe\n", "test.ini:2: ", "'across_channels' must be");
    refused("[hub flood]\nlinks = -1\nmention = 3\n", "test.ini:3: ", "did you mean 'mentions'");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("flood");
    TCase *t = tcase_create("flood");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, the_same_text_may_be_said_twice_in_a_while);
    tcase_add_test(t, the_wait_it_names_is_enough);
    tcase_add_test(t, the_same_is_what_has_the_same_letters);
    tcase_add_test(t, what_differs_in_letters_is_not_the_same);
    tcase_add_test(t, nearly_the_same_counts_as_the_same);
    tcase_add_test(t, talk_is_not_taken_for_repeats);
    tcase_add_test(t, across_connections_channels_and_whispers);
    tcase_add_test(t, a_stricter_channel_waits_for_the_later_one);
    tcase_add_test(t, types_are_told_apart);
    tcase_add_test(t, each_channel_by_itself);
    tcase_add_test(t, whispers_to_many_are_a_flood);
    tcase_add_test(t, what_is_not_posted_was_not_said);
    tcase_add_test(t, its_memory_is_bounded);
    tcase_add_test(t, all_texts_of_a_message_count_together);
    tcase_add_test(t, capitals);
    tcase_add_test(t, mentions);
    tcase_add_test(t, links);
    tcase_add_test(t, runs);
    tcase_add_test(t, rules_differ_by_channel_and_some_roles_are_free);
    tcase_add_test(t, two_sections_share_nothing);
    tcase_add_test(t, hostile_texts_are_judged);
    tcase_add_test(t, bad_options_are_refused_with_their_line);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
