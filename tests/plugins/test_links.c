/* links: which names are found in what people write, what the lists say of them, and what becomes
 * of the message. */
#include "moderation.h"

#define DENY                                               \
    "[hub links]\ndeny = evil.com, bad.example, b\xc3\xbc" \
    "cher.de, xn--caf-dma.fr, 10.0.0.1, \xe4\xbe\x8b\xe3\x81\x88.jp\n"
#define ALLOW                                                 \
    "[hub links]\nothers = deny\nallow = good.com, b\xc3\xbc" \
    "cher.de, localhost, \xe4\xbe\x8b\xe3\x81\x88.jp\n"

START_TEST(a_denied_name_is_found_however_it_is_written)
{
    static const char *const texts[] = {
        "evil.com",
        "http://evil.com",
        "see https://www.evil.com/path?q#f, it is good",
        "EVIL.com",
        "(evil.com)",
        "evil.com.",
        "http://evil.com./",
        "a,evil.com;b",
        "evil.com:8080",
        "//evil.com/x",
        "http:\\\\evil.com",
        "http:///evil.com",
        "ftp://evil.com",
        "hxxp://evil.com",
        "hxxps://evil[.]com",
        "evil[.]com evil(.)com",
        "evil[dot]com",
        "evil(DOT)com/x",
        "deep.below.evil.com",
        "http://good.com@evil.com",
        "http://good.com:80@evil.com:80/",
        "http://a@b@evil.com",
        "http://evil.com\\@good.com",
        "http://evil.com\xe3\x80\x80@good.com", /* after that space it is no link any more */
        "http://evil.com:80@good.com/",         /* not all clients know what a user is */
        "evil.com/@good.com",
        "ann@evil.com/x",
        "ann@evil.com:80",
        "evil.com?",
        "evil.com://x",
        "x://y.z/?evil.com",
        "50%evil.com",
        "_evil.com_ and *evil.com*",
        "-evil.com",
        "[see](evil.com)",
        "evil.com\xe2\x84\xa2", /* TM, which browsers would read as letters */
        "evil.com\xe2\x80\x8e", /* U+200E */
        "evil.com\xc2\xaa",
        "\xe2\x93\x94\xe2\x93\xa5\xe2\x93\x98\xe2\x93\x9b.com",                 /* in circles */
        "\xf0\x9d\x90\x9e\xf0\x9d\x90\xaf\xf0\x9d\x90\xa2\xf0\x9d\x90\xa5.com", /* bold */
        "evil\xe3\x80\x82"
        "com", /* U+3002 */
        "evil\xef\xbc\x8e"
        "com", /* U+FF0E */
        "evil\xef\xbd\xa1"
        "com",                            /* U+FF61 */
        "\xef\xbd\x85\xef\xbd\x96il.com", /* wide letters */
        "\xef\xbc\xa5vil.com",            /* a wide capital */
        "ev\xe2\x80\x8bil.com",           /* U+200B */
        "evil.c\xc2\xadom",               /* soft hyphen */
        "evil\xef\xbb\xbf.com",           /* U+FEFF */
        "http://evil%2Ecom",
        "http://%65vil.com/",
        "http://EVIL%2eCOM",
        "http://good.com/?u=http://evil.com",
        "http://good.com/evil.com",
        "\xe2\x80\x9c"
        "evil.com\xe2\x80\x9d", /* in quotes */
        "\xe7\x9c\x8b\xe7\x9c\x8b"
        "evil.com\xe5\x90\xa7", /* amid Chinese */
        "http://evil.com\xe5\x90\xa7",
        "\xf0\x9f\x94\xa5"
        "evil.com\xf0\x9f\x94\xa5", /* amid fire */
        "bad.example",
        "b\xc3\xbc"
        "cher.de",
        "http://www.b\xc3\xbc"
        "cher.de/",
        "XN--CAF-DMA.fr",
        "http://10.0.0.1/",
        "10.0.0.1",
        "http://167772161/",
        "http://0xA.1",
        "http://012.0.0.1",
        "XN--BCHER-KVA.de",
        "B\xc3\x9c"
        "CHER.de",
        "bu\xcc\x88"
        "cher.de", /* in two characters */
        "http://b%C3%BCcher.de/",
        "caf\xc3\xa9.fr",
        "\xe4\xbe\x8b\xe3\x81\x88.jp\xe3\x82\x92", /* and what follows without a space */
        NULL,
    };

    start(DENY);
    none_passes(texts);
    stop();
}
END_TEST

/* Characters whose last byte is that of a hyphen, a dot, a low line or a 0. */
START_TEST(a_name_keeps_its_first_letter)
{
    start("[hub links]\ndeny = oo.com, \xd1\x85\xd0\xbe.com, \xe6\x96\x87.com, "
          "\xd0\xad\xd1\x85\xd0\xbe.org\n");
    ck_assert(says(ada, "\xd0\xad\xd1\x85\xd0\xbe.com"));
    ck_assert(says(ada, "\xd0\xae\xd1\x85\xd0\xbe.com"));
    ck_assert(says(ada, "\xd1\x9f\xd1\x85\xd0\xbe.com"));
    ck_assert(says(ada, "\xe4\xb8\xad\xe6\x96\x87.com"));
    ck_assert(says(ada, "http://\xc4\x80oo.com"));
    ck_assert(says(ada, "\xd1\x85\xd0\xbe.org"));
    ck_assert(!says(ada, "\xd1\x85\xd0\xbe.com"));
    ck_assert(!says(ada, "http://\xe6\x96\x87.com"));
    ck_assert(!says(ada, "\xd1\x8d\xd1\x85\xd0\xbe.org"));
    stop();
}
END_TEST

/* What browsers make an ASCII letter, hyphen or low line of. */
START_TEST(signs_that_become_letters_or_hyphens)
{
    static const char *const texts[] = {"http://my\xef\xbc\x8dsite.com",
                                        "my\xef\xb9\xa3site.com",
                                        "http://ca\xe2\x82\xa8.com",
                                        "a.ca\xe2\x82\xa8.com/x",
                                        "\xef\xbc\xbfmy-site.com\xef\xbc\xbf",
                                        "http://x\xef\xb8\xb3y.com",
                                        "\xef\xbc\x8dmy-site.com",
                                        NULL};

    start("[hub links]\ndeny = my-site.com, cars.com, x_y.com\n");
    none_passes(texts);
    stop();
}
END_TEST

START_TEST(a_sign_makes_no_mail_address)
{
    static const char *const texts[] = {"evil.com@",
                                        "evil.com@, I say",
                                        "(@evil.com)",
                                        ", @evil.com ,",
                                        "evil.com@/x",
                                        "@@evil.com",
                                        "evil.com@\xf0\x9f\x98\x80",
                                        "evil.com@\xe3\x80\x81",
                                        "\xef\xbc\x8c@evil.com",
                                        "\xf0\x9f\x98\x80@evil.com",
                                        "evil.com@\xcc\x81",
                                        "evil.com@\xe2\x80\xad",
                                        NULL};
    static const char *const mail[] = {"evil.com@good.com",
                                       "a_@evil.com",
                                       "\xc3\xa9@evil.com",
                                       "evil.com@\xc3\xa9t\xc3\xa9.fr",
                                       "\xe4\xb8\xad@evil.com",
                                       "\xf0\x90\x90\xa8@evil.com",
                                       NULL};

    start(DENY);
    none_passes(texts);
    all_pass(mail);
    stop();
}
END_TEST

START_TEST(what_is_not_denied_passes)
{
    static const char *const texts[] = {
        "hello",
        "evil",
        "evil. com",
        "evil com",
        "evil..com",
        "notevil.com",
        "http://my-evil.com",
        "evil.com.org",
        "evil.org",
        "b\xc3\xbc"
        "cher.com",
        "good.com@evil.com",
        "mailto:ann@evil.com",
        "write to ann@evil.com: or is it ann@evil.com?",
        "xn--bcher-kvb.de",
        "http://b%FCcher.de http://%00 http://%",
        "\xd0\xb5vil.com", /* a Cyrillic letter: another domain */
        "http://10.0.0.11/ 110.0.0.1",
        "http://[::1]/ http:// :// http://@/ //",
        ".com .evil evil. .",
        "evil%2Ecom",
        "cher.de",
        NULL,
    };

    start(DENY);
    all_pass(texts);
    stop();
}
END_TEST

START_TEST(all_but_what_is_allowed)
{
    static const char *const no[] = {
        "http://evil.com",
        "http://evil",
        "http:///evil",
        "http://ab--cd.x-.good.org",
        "evil.com",
        "evil.tk",
        "evil.travel/x",
        "evil.travel:80",
        "www.evil.travel",
        "evil.xn--p1ai",
        "evil.\xd1\x80\xd1\x84",
        "http://good.com@evil.com",
        "http://good.com.evil.org",
        "http://notgood.com",
        "http://good.com\\@evil.com http://evil.com",
        "good.com evil.com",
        "http://good.com/,https://evil.travel",
        "http://evil.com\xe3\x80\x80@good.com",
        "http://[::1]/",
        "http://1.2.3.4",
        "http://2130706433/",
        "http://good.com%2Eevil.com",
        "http://good.com%00.evil.com/",
        "http://good.com%2Fevil.com/",
        "http://b%FCcher.de/",
        "evil[.]com",
        "hello.World", /* so it ends */
        "http://good.com/\xe3\x80\x80"
        "evil.travel", /* behind a space */
        "\xe7\x9c\x8b\xe7\x9c\x8b"
        "evil.com\xe5\x90\xa7",
        "evil.\xe4\xb8\xad\xe5\x9b\xbd",
        NULL,
    };
    static const char *const yes[] = {
        "hello",
        "http://good.com www.good.com/a.b/c.de?x=evil.com#y.org",
        "HTTPS://GOOD.COM:443/",
        "good.com. And so on.Nextly",
        "http://user:pass@good.com/",
        "john.de@good.com",
        "\xe7\x9c\x8b\xe7\x9c\x8b"
        "good.com\xe5\x90\xa7",
        "http://localhost:8080/x",
        "b\xc3\xbc"
        "cher.de",
        "\xe4\xbe\x8b\xe3\x81\x88.jp",
        "e.g. i.e. 3.14 1.2.3 v1.2.x file.txt a.b ... hello.there and/or 10.0.0.1 1.5/2.5",
        "x.good.com ab--cd.good.com http://r3---x-.good.com -good.com",
        "ann@evil.com",
        "http://b%C3%BCcher.de/ XN--BCHER-KVA.de",
        ":// http:// http:///",
        NULL,
    };

    start(ALLOW);
    none_passes(no);
    all_pass(yes);
    ck_assert(!says(ada, "see evil.com"));
    told(ada, "rejected", "Links to evil.com are not allowed here.");
    stop();
}
END_TEST

START_TEST(the_longest_entry_decides)
{
    start("[hub links]\ndeny = com, bad.good.org, worse.org\nallow = good.com, good.org, "
          "ok.bad.good.org, GOOD.org.\n");
    ck_assert(says(ada, "good.com good.org a.good.org ok.bad.good.org x.ok.bad.good.org any.net"));
    ck_assert(!says(ada, "any.com") && !says(ada, "bad.good.org") && !says(ada, "x.bad.good.org"));
    ck_assert(!says(ada, "http://com/") && says(ada, "com") && !says(ada, "a.worse.org"));
    stop();
}
END_TEST

START_TEST(the_refusal_names_the_site)
{
    start(DENY);
    ck_assert(!says(ada, "see http://x:y@Evil[.]com/path now"));
    told(ada, "rejected", "Links to evil.com are not allowed here.");
    ck_assert(!says(ada, "see www.B\xc3\xbc"
                         "cher.de"));
    told(ada, "rejected", "Links to www.xn--bcher-kva.de are not allowed here.");
    stop();
    start(ALLOW);
    ck_assert(!says(ada, "http://good.com@:80/"));
    told(ada, "rejected", "Links to such an address are not allowed here.");
    stop();
}
END_TEST

START_TEST(names_that_are_too_long)
{
    char *label = repeat("a", 250), *dots = repeat("a.", 140), text[1024];

    start("[hub links]\ndeny = com\n");
    snprintf(text, sizeof text, "http://%s.com", label);
    ck_assert(says(ada, text)); /* leads nowhere */
    snprintf(text, sizeof text, "http://%scom evil.com", dots);
    ck_assert(!says(ada, text));
    told(ada, "rejected", "Links to evil.com");
    stop();
    start(ALLOW);
    snprintf(text, sizeof text, "http://%s.good.com", label);
    ck_assert(!says(ada, text));
    stop();
    snprintf(text, sizeof text, "[hub links]\ndeny = %s.com\n", label);
    refused(text, "test.ini:2: ", "is no domain name");
    free(label);
    free(dots);
}
END_TEST

static void masks(const char *text, const char *expected)
{
    ck_assert_msg(says(ada, text), "%s", text);
    ck_assert_str_eq(heard("chat_message", "payload.message"), expected);
}

START_TEST(links_can_be_masked_instead)
{
    char *long_text = repeat("x.evil.com ", 1400), *stars = repeat("*** ", 1400);

    start("[hub links]\naction = mask\ndeny = evil.com, b\n");
    masks("nothing", "nothing");
    masks("see https://u:p@evil.com/path?x=1 now", "see *** now");
    masks("evil.com", "***");
    masks("a evil.com, b evil.com. c", "a ***, b ***. c");
    masks("a.b,a.b", "***,***");
    masks("http://b", "***");
    masks("http://good.com/?u=http://evil.com/x y", "http://good.com/?u=*** y");
    masks("http://evil.com@x.evil.com", "***");
    masks("http://evil.com:1@x.evil.com/ z", "*** z");
    masks("\xe7\x9c\x8b"
          "evil.com\xe5\x90\xa7",
          "\xe7\x9c\x8b***\xe5\x90\xa7");
    masks("http://evil.com@good.com/x y", "http://*** y");
    masks("http://good.com/evil.com/x evil.com", "http://good.com/*** ***");
    masks("see ev\xe2\x80\x8bil.com.", "see ***.");
    masks("http://evil.com/\xe7\x9c\x8b \xe7\x9c\x8b"
          "evil.com evil.com",
          "*** \xe7\x9c\x8b*** ***");
    masks("evil.com: yes", "***: yes");
    masks("evil.com:80 yes", "*** yes");
    long_text[strlen(long_text) - 1] = 0;
    stars[strlen(stars) - 1] = 0;
    masks(long_text, stars);
    ck_assert_double_eq(kit_metric(k, "links", "masked"), 1420);
    free(long_text);
    free(stars);
    stop();
}
END_TEST

START_TEST(every_text_of_every_type_is_looked_at)
{
    const char *f;

    start("[hub links]\ndeny = evil.com\n[hub links in random]\naction = mask\n");
    ck_assert(!whispers(ada, "bob", "evil.com"));
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"note\",\"channel\":\"general\",\"title\":\"x\","
                               "\"items\":[\"a\",\"evil.com\"]}"),
                     PARLEY_REJECT);
    ck_assert_int_eq(kit_input(k, ada,
                               "{\"type\":\"note\",\"channel\":\"random\",\"title\":\"evil.com!\","
                               "\"ref\":\"evil.com\",\"items\":[\"a\",\"\",\"evil.com\"]}"),
                     PARLEY_PASS);
    f = kit_last(k, bob, "note");
    ck_assert_str_eq(kit_member(f, "payload.title"), "***!");
    ck_assert_str_eq(kit_member(f, "payload.ref"), "evil.com");
    ck_assert_str_eq(kit_member(f, "payload.items"), "[\"a\",\"\",\"***\"]");
    stop();
}
END_TEST

START_TEST(rules_differ_by_channel_and_some_roles_are_free)
{
    parley_client mod;

    start("[hub links]\nallow = good.com\n[hub links in random]\nothers = deny\n"
          "[hub links in slow]\nothers = deny\nexempt_roles = vip\n");
    mod = kit_connect(k, "mod", "moderator");
    ck_assert(says(ada, "evil.com"));
    ck_assert_int_eq(say_in(ada, "random", "evil.com"), PARLEY_REJECT);
    ck_assert_int_eq(say_in(ada, "random", "good.com"), PARLEY_PASS);
    ck_assert_int_eq(say_in(mod, "random", "evil.com"), PARLEY_PASS);
    ck_assert_int_eq(say_in(mod, "slow", "evil.com"), PARLEY_REJECT);
    ck_assert_double_eq(kit_metric(k, "links", "refused"), 2);
    stop();
}
END_TEST

START_TEST(lists_from_files)
{
    char sections[512];
    const char *deny = file_of("# what we do not want\n\n  Evil.com  # worst\r\nbad.example.\n"
                               "b\xc3\xbc"
                               "cher.de\nEVIL.com\n   \n\t.last.org");

    snprintf(sections, sizeof sections, "[hub links]\ndeny = worse.com, %s\nallow = %s\n", deny,
             file_of("ok.evil.com\n"));
    start(sections);
    ck_assert(!says(ada, "evil.com") && !says(ada, "bad.example") && !says(ada, "last.org"));
    ck_assert(!says(ada, "b\xc3\xbc"
                         "cher.de") &&
              !says(ada, "worse.com"));
    ck_assert(says(ada, "ok.evil.com we.do.not"));
    ck_assert_int_eq(truncate(deny, 0), 0);
    ck_assert(!says(ada, "evil.com"));
    kit_restart(k); /* reads it again */
    ada = kit_connect(k, "ada", "");
    ck_assert(says(ada, "evil.com") && !says(ada, "worse.com"));
    stop();
}
END_TEST

START_TEST(long_lists)
{
    char *text = calloc(1, 1 << 20), sections[128], name[64];
    size_t n = 0;

    for (int i = 0; i < 40000; i++)
        n += (size_t)sprintf(text + n, "site%d.example\n", i * 7);
    snprintf(sections, sizeof sections, "[hub links]\ndeny = %s\n", file_of(text));
    start(sections);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "www.site%d.example", i);
        ck_assert_msg(says(ada, name) == (i % 7 != 0), "%s", name);
    }
    free(text);
    stop();
}
END_TEST

START_TEST(two_sections_share_nothing)
{
    start("[hub links]\ndeny = evil.com\naction = mask\n"
          "[hub links2]\nplugin = links\ndeny = bad.org\n");
    ck_assert(!says(ada, "bad.org evil.com"));
    masks("evil.com", "***");
    stop();
}
END_TEST

START_TEST(without_options_everything_passes)
{
    start("[hub links]\n");
    ck_assert(says(ada, "http://evil.com"));
    stop();
}
END_TEST

START_TEST(hostile_texts_are_judged)
{
    char **all = hostile_texts();

    start("[hub links]\nothers = deny\naction = mask\ndeny = a\n");
    for (size_t i = 0; all[i]; i++) {
        say_in(ada, "general", all[i]);
        free(all[i]);
    }
    ck_assert_int_eq(
        kit_input(k, ada,
                  "{\"type\":\"note\",\"channel\":\"general\",\"title\":\"\",\"items\":[\"\"]}"),
        PARLEY_PASS);
    stop();
}
END_TEST

START_TEST(bad_options_are_refused_with_their_line)
{
    char sections[512];
    const char *file;

    refused("[hub links]\nothers = maybe\n", "test.ini:2: ", "'others' must be");
    refused("[hub links]\n\naction = hide\n", "test.ini:3: ", "'action' must be");
    refused("[hub links]\n[hub links in random]\ndeny = a.b\n",
            "test.ini:3: ", "'deny' is the same in all channels");
    refused("[hub links]\ndeny = a.b, http://c.d\n",
            "test.ini:2: ", "'http://c.d' is no domain name");
    refused("[hub links]\nallow = *.a.b\n", "test.ini:2: ", "'*.a.b' is no domain name");
    refused("[hub links]\nallow = a..b\n", "test.ini:2: ", "'a..b' is no domain name");
    refused("[hub links]\nallow = a.b\ndeny = c.d, A.b.\n",
            "test.ini:3: ", "'A.b.' is both allowed and denied");
    refused("[hub links]\ndeny = lists/deny.txt\n",
            "test.ini:2: ", "'lists/deny.txt' is no domain name");
    refused("[hub links]\ndeny = /nonexistent/deny.txt\n",
            "test.ini:2: ", "'/nonexistent/deny.txt' cannot be read");
    refused("[hub links]\nallow = /tmp\n", "test.ini:2: ", "'/tmp' cannot be read");
    file = file_of("good.com\n# fine\n not a domain\n");
    snprintf(sections, sizeof sections, "[hub links]\n\nallow = %s\n", file);
    refused(sections, "test.ini:3: ", ":3: 'not a domain' is no domain name");
    ck_assert_ptr_nonnull(strstr(kit_refusal(), file));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("links");
    TCase *t = tcase_create("links");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_denied_name_is_found_however_it_is_written);
    tcase_add_test(t, a_name_keeps_its_first_letter);
    tcase_add_test(t, signs_that_become_letters_or_hyphens);
    tcase_add_test(t, a_sign_makes_no_mail_address);
    tcase_add_test(t, what_is_not_denied_passes);
    tcase_add_test(t, all_but_what_is_allowed);
    tcase_add_test(t, the_longest_entry_decides);
    tcase_add_test(t, the_refusal_names_the_site);
    tcase_add_test(t, names_that_are_too_long);
    tcase_add_test(t, links_can_be_masked_instead);
    tcase_add_test(t, every_text_of_every_type_is_looked_at);
    tcase_add_test(t, rules_differ_by_channel_and_some_roles_are_free);
    tcase_add_test(t, lists_from_files);
    tcase_add_test(t, long_lists);
    tcase_add_test(t, two_sections_share_nothing);
    tcase_add_test(t, without_options_everything_passes);
    tcase_add_test(t, hostile_texts_are_judged);
    tcase_add_test(t, bad_options_are_refused_with_their_line);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
