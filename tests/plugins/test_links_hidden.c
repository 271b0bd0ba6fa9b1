/* links: names that are hidden by what nobody sees, by dots, or by more than can be read. */
#include "moderation.h"

#define DENY  "[hub links]\ndeny = evil.com, 10.0.0.1\n"
#define ALLOW "[hub links]\nothers = deny\nallow = good.com, localhost\n"

/* What nobody sees takes no room: neither in the middle of a name nor before or behind it. */
START_TEST(invisible_characters_push_no_name_out)
{
    static const char *const unseen[] = {"\xe2\x80\x8b", "%E2%80%8B", "\xcd\x8f", "\xe3\x85\xa4",
                                         "\xf3\xa0\x84\x80"};
    char text[16000];

    start(DENY);
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
        char *many = repeat(unseen[i], 1200);

        snprintf(text, sizeof text, "http://%sevil.com/", many);
        none_passes((const char *const[]){text, NULL});
        snprintf(text, sizeof text, "http://e%svil.com/", many);
        none_passes((const char *const[]){text, NULL});
        snprintf(text, sizeof text, "http://evil.com%s/", many);
        none_passes((const char *const[]){text, NULL});
        free(many);
        snprintf(text, sizeof text,
                 "\xe7\x9c\x8b"
                 "ev%sil.com\xe5\x90\xa7",
                 unseen[i]);
        if (unseen[i][0] != '%')
            none_passes((const char *const[]){text, NULL});
    }
    stop();
}
END_TEST

/* A dot at the end, also one that is there only when all else is mapped. */
START_TEST(a_dot_at_the_end_makes_no_other_name)
{
    static const char *const no[] = {"http://%65vil.com\xe3\x80\x82/",
                                     "http://%65vil.com%E3%80%82/",
                                     "http://%65vil.com\xef\xbd\xa1\xef\xbc\x8e/x",
                                     "http://evil.com.\xcd\x8f/x",
                                     "http://evil.com\xe3\x80\x82\xcd\x8f./x",
                                     "evil.com.\xcd\x8f",
                                     "http://10.0.0.1%E3%80%82/",
                                     "http://%65vil.com_\xe3\x80\x82",
                                     "http://%61..%65vil.com/",
                                     NULL};
    static const char *const yes[] = {"http://%67ood.com\xe3\x80\x82/", "http://good.com%E3%80%82/",
                                      "http://good.com.\xcd\x8f/x",
                                      "http://localhost.\xe2\x80\x8b:80/", NULL};

    start(DENY);
    none_passes(no);
    stop();
    start(ALLOW);
    none_passes(no);
    all_pass(yes);
    stop();
}
END_TEST

/* Nothing is cut off: who writes more than can be read hides what is behind it. */
START_TEST(hosts_that_cannot_be_read_whole)
{
    char *bold = repeat("\xf0\x9d\x90\x9e\xcc\x82\xcc\x81", 50), /* 8 bytes become one */
        *label = repeat("a", 4000), *hyphens = repeat("-", 4000), text[5000];

    snprintf(text, sizeof text, "http://%s.com/", label);
    start(DENY);
    ck_assert(!says(ada, text));
    told(ada, "rejected", "Links to such an address are not allowed here.");
    ck_assert(says(ada, text + strlen("http://"))); /* words */
    snprintf(text, sizeof text, "http://%s.%s.%s.evil.com/", bold, bold, bold);
    ck_assert(!says(ada, text));
    snprintf(text, sizeof text, "%sevil.com", hyphens);
    ck_assert(!says(ada, text));
    snprintf(text, sizeof text, "evil.com%s", hyphens);
    ck_assert(!says(ada, text));
    snprintf(text, sizeof text, "http://%s.good.com/", label);
    stop();
    start(ALLOW);
    ck_assert(!says(ada, text));
    stop();
    start("[hub links]\nallow = good.com\n"); /* nothing is denied */
    ck_assert(says(ada, text));
    stop();
    free(bold);
    free(label);
    free(hyphens);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("links_hidden");
    TCase *t = tcase_create("links_hidden");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, invisible_characters_push_no_name_out);
    tcase_add_test(t, a_dot_at_the_end_makes_no_other_name);
    tcase_add_test(t, hosts_that_cannot_be_read_whole);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
