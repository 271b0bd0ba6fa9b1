/* Who is connected, page by page; and that somebody goes. */
#include "base/str.h"
#include "client/census.h"
#include "hub/internal.h"
#include "kit.h"
#include "kit_internal.h"
#include "plugins.inc"

#include <check.h>

static kit *k;
static struct arena arena;
static struct census page;

/* Asks anew. */
static void question(uint32_t limit, const char *user, const char *channel)
{
    census_finish(&page);
    page = (struct census){
        .arena = &arena, .limit = limit, .user = str_of(user), .channel = str_of(channel)};
}

static void setup(void)
{
    memset(&judge, 0, sizeof judge);
    k = kit_start(TEST_SECTIONS, test_plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    arena_init(&arena, 4096);
    question(CENSUS_ROWS, NULL, NULL);
}

static void teardown(void)
{
    census_finish(&page);
    arena_finish(&arena);
    ck_assert_int_eq(kit_close(k), 0);
}

static void turn(void)
{
    enum domain before = domain_enter(DOMAIN_HUB);

    census_finish(&page);
    ck_assert_int_eq(hub_census(k->hub, &page), 0);
    domain_leave(before);
}

static struct hub_totals totals(void)
{
    enum domain before = domain_enter(DOMAIN_HUB);
    struct hub_totals t;

    hub_totals(k->hub, &t);
    domain_leave(before);
    return t;
}

static unsigned kick(client_handle client, parley_str user, const char *reason)
{
    enum domain before = domain_enter(DOMAIN_HUB);
    unsigned n = hub_kick(k->hub, client, user, reason);

    domain_leave(before);
    kit_run(k);
    return n;
}

static void connect_many(int n)
{
    for (int i = 0; i < n; i++) {
        char name[16];

        snprintf(name, sizeof name, "u%d", i);
        kit_connect(k, name, "");
    }
}

START_TEST(a_row_tells_who_and_where)
{
    parley_client ann = kit_connect(k, "ann", "");

    kit_join(k, ann, "room");
    kit_join(k, ann, "hall");
    turn();
    ck_assert_uint_eq(page.count, 1);
    ck_assert(!page.more);
    ck_assert_uint_eq(page.rows[0].client, ann.v);
    ck_assert(str_is(identity_username(page.rows[0].identity), "ann"));
    ck_assert_uint_ge(page.rows[0].channel_count, 2);
    ck_assert_uint_eq(page.rows[0].channels_named, page.rows[0].channel_count);
    unsigned found = 0;
    for (uint32_t i = 0; i < page.rows[0].channels_named; i++)
        found +=
            str_is(page.rows[0].channels[i], "Room") || str_is(page.rows[0].channels[i], "hall");
    ck_assert_uint_eq(found, 2);
    ck_assert_int_gt(page.rows[0].connected_unix_ms, 0);
}
END_TEST

/* Every one once, whatever the size of a page; and no page looks at all of them. */
START_TEST(pages_come_one_after_the_other)
{
    static bool seen[5000];
    unsigned pages = 0, all = 0;

    connect_many(4500);
    ck_assert_uint_eq(totals().clients, 4500);
    do {
        turn();
        pages++;
        ck_assert_uint_le(page.count, CENSUS_ROWS);
        for (uint32_t i = 0; i < page.count; i++) {
            bool *s = &seen[client_handle_slot(page.rows[i].client)];
            ck_assert(!*s);
            *s = true;
            all++;
        }
    } while (page.more);
    ck_assert_uint_eq(all, 4500);
    ck_assert_uint_le(pages, 46); /* the last one may find nobody any more */
    /* one user among them: the pages before his are empty */
    question(CENSUS_ROWS, "u4321", NULL);
    turn();
    ck_assert_uint_eq(page.count, 0);
    ck_assert(page.more);
    ck_assert_uint_eq(page.slot, CENSUS_LOOKS);
    for (pages = 1; page.more && !page.count; pages++)
        turn();
    ck_assert_uint_eq(page.count, 1);
    ck_assert_uint_eq(pages, 3);
}
END_TEST

START_TEST(a_limit_and_a_channel)
{
    parley_client bob;

    connect_many(5);
    bob = kit_connect(k, "bob", "");
    connect_many(5);
    kit_join(k, bob, "room");
    question(CENSUS_ROWS, NULL, "ROOM");
    turn();
    ck_assert_uint_eq(page.count, 1);
    ck_assert_uint_eq(page.rows[0].client, bob.v);
    question(4, NULL, NULL);
    turn();
    ck_assert_uint_eq(page.count, 4);
    ck_assert(page.more);
    turn();
    turn();
    ck_assert_uint_eq(page.count, 3);
    ck_assert(!page.more);
    question(4, NULL, "nowhere");
    turn();
    ck_assert(page.unknown_channel);
    ck_assert_uint_eq(page.count, 0);
}
END_TEST

/* A channel that has many names of channels is told to have more than are named. */
START_TEST(names_are_bounded)
{
    parley_client ann = kit_connect(k, "ann", "");

    for (int i = 0; i < CENSUS_CHANNELS + 5; i++) {
        char name[16];

        snprintf(name, sizeof name, "c%d", i);
        kit_join(k, ann, name);
    }
    turn();
    ck_assert_uint_eq(page.rows[0].channels_named, CENSUS_CHANNELS);
    ck_assert_uint_ge(page.rows[0].channel_count, CENSUS_CHANNELS + 5);
}
END_TEST

START_TEST(kicking)
{
    parley_client first = kit_connect(k, "ann", ""), second = kit_connect(k, "ann", ""),
                  bob = kit_connect(k, "bob", "");

    ck_assert_uint_eq(totals().users, 2);
    ck_assert_uint_eq(kick(first.v, PARLEY_NONE, "behave"), 1);
    ck_assert_int_eq(kit_closed(k, first), 4403);
    ck_assert_str_eq(kit_close_text(k, first), "behave");
    ck_assert_int_eq(judge.last_reason, PARLEY_LEFT_KICKED);
    ck_assert_uint_eq(kick(first.v, PARLEY_NONE, "again"), 0);
    first = kit_connect(k, "ann", "");
    turn();
    ck_assert_uint_eq(page.count, 3);
    parley_str ann = identity_user(page.rows[0].identity);
    for (uint32_t i = 0; i < page.count; i++)
        if (page.rows[i].client == second.v)
            ann = identity_user(page.rows[i].identity);
    ck_assert_uint_eq(kick(0, ann, ""), 2);
    ck_assert_int_eq(kit_closed(k, first), 4403);
    ck_assert_int_eq(kit_closed(k, second), 4403);
    ck_assert_int_eq(kit_closed(k, bob), 0);
    ck_assert_uint_eq(kick(0, ann, ""), 0);
    ck_assert_uint_eq(kick(0, PARLEY_STR("stranger"), ""), 0);
    ck_assert_uint_eq(totals().users, 1);
    ck_assert_uint_eq(totals().users_away, 1);
}
END_TEST

START_TEST(ids_for_people)
{
    static const char *const bad[] = {"",       "0",      "0.1",   "0.1.2.3", "0.1.x",
                                      "a.1.2",  "-1.1.1", "0..1",  "255.0.0", "0.0.16777216",
                                      " 0.1.2", "0.1.2 ", "0.1.+2"};
    char text[CENSUS_ID_BYTES];
    client_handle h = client_handle_make(63, 0xffffff, 0xfffffffe);

    ck_assert_str_eq(census_id(h, text), "63.4294967294.16777215");
    ck_assert_uint_eq(census_parse_id(text), h);
    ck_assert_uint_eq(census_parse_id("0.17.3"), client_handle_make(0, 3, 17));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(census_parse_id(bad[i]) == 0, "%s", bad[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hub/census");
    TCase *t = tcase_create("census");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_row_tells_who_and_where);
    tcase_add_test(t, pages_come_one_after_the_other);
    tcase_add_test(t, a_limit_and_a_channel);
    tcase_add_test(t, names_are_bounded);
    tcase_add_test(t, kicking);
    tcase_add_test(t, ids_for_people);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
