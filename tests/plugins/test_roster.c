/* roster: greetings and user_status agree with each other and with the truth, whenever one comes.
 */
#include "kit.h"

#include <check.h>
#include <stdlib.h>

/* The testkit's clock goes on by itself between the steps: a window that no test run outlasts. */
#define WINDOW_MS 10000
#define ROSTER    "[hub roster]\nwindow = 10s\n"

static kit *k;

static void start(const char *ini)
{
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
}

static parley_client dashboard(const char *user)
{
    return kit_connect_as(k, user, user, "WebClient", "");
}

static void window(void)
{
    kit_advance_ms(k, WINDOW_MS);
}

/* What came since the last call: "[ada bob] +eve -bob" is a list and two statuses, by ids. */
static const char *came(parley_client c)
{
    static char all[8192];
    const char *f;
    size_t n = 0;

    all[0] = 0;
    while ((f = kit_next(k, c, NULL)) && n < sizeof all - 300) {
        char path[64];

        n += n ? (size_t)snprintf(all + n, sizeof all - n, " ") : 0;
        if (strstr(f, "\"type\":\"user_status\"")) {
            bool here = strcmp(kit_member(f, "payload.status"), "true") == 0;

            n += (size_t)snprintf(all + n, sizeof all - n, "%c%s", here ? '+' : '-',
                                  kit_member(f, "payload.id"));
            continue;
        }
        ck_assert_str_eq(kit_member(f, "type"), "connected_users");
        n += (size_t)snprintf(all + n, sizeof all - n, "[");
        for (int i = 0; n < sizeof all - 300; i++) {
            snprintf(path, sizeof path, "payload.users.%d.id", i);
            if (!kit_member(f, path))
                break;
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? " " : "",
                                  kit_member(f, path));
            snprintf(path, sizeof path, "payload.users.%d.status", i);
            ck_assert_str_eq(kit_member(f, path), "true");
        }
        n += (size_t)snprintf(all + n, sizeof all - n, "]");
    }
    return all;
}

START_TEST(the_list_names_each_user_once_and_no_dashboard)
{
    parley_client a;

    start(ROSTER);
    a = kit_connect_as(k, "u-ada", "Ada \"A\"", "ChatClient", "");
    ck_assert_str_eq(kit_last(k, a, NULL),
                     "{\"type\":\"connected_users\",\"sender\":\"Server\",\"payload\":{\"users\":"
                     "[{\"username\":\"Ada \\\"A\\\"\",\"id\":\"u-ada\",\"status\":true}]}}");
    kit_connect_as(k, "u-ada", "Ada", "ChatClient", "");
    ck_assert_str_eq(came(dashboard("root")), "[u-ada]");
    ck_assert_str_eq(came(kit_connect(k, "bob", "")), "[u-ada bob]");
    ck_assert_str_eq(came(dashboard("root")), "[u-ada bob]");
    window();
    ck_assert_str_eq(came(dashboard("root")), "[u-ada bob]");
    stop();
}
END_TEST

START_TEST(the_first_comes_and_the_last_goes)
{
    parley_client a, a2, b, board;
    const char *f;

    start(ROSTER);
    b = kit_connect(k, "bob", "");
    board = dashboard("root");
    window();
    came(b);
    came(board);
    a = kit_connect_as(k, "u-ada", "Ada", NULL, "");
    ck_assert_str_eq(came(b), "");
    window();
    f = kit_last(k, b, "user_status");
    ck_assert_str_eq(f, "{\"type\":\"user_status\",\"sender\":\"Server\",\"payload\":{\"username\":"
                        "\"Ada\",\"id\":\"u-ada\",\"status\":true}}");
    ck_assert_str_eq(came(board), "+u-ada");
    ck_assert_str_eq(came(a), "[bob u-ada]");
    a2 = kit_connect_as(k, "u-ada", "Ada", NULL, "");
    kit_disconnect(k, a);
    window();
    ck_assert_str_eq(came(b), "");
    kit_connect_as(k, "u-ada", "Ada", "WebClient", "");
    kit_disconnect(k, a2);
    window();
    ck_assert_str_eq(came(b), "-u-ada");
    ck_assert_str_eq(came(board), "-u-ada");
    ck_assert_str_eq(came(kit_connect(k, "eve", "")), "[bob eve]");
    stop();
}
END_TEST

START_TEST(dashboards_come_and_go_unseen)
{
    parley_client b, board;

    start(ROSTER);
    b = kit_connect(k, "bob", "");
    window();
    came(b);
    board = dashboard("root");
    window();
    kit_disconnect(k, board);
    window();
    ck_assert_str_eq(came(b), "");
    stop();
}
END_TEST

START_TEST(who_comes_and_goes_within_a_window_is_not_told)
{
    parley_client a, b;

    start(ROSTER);
    b = kit_connect(k, "bob", "");
    window();
    came(b);
    a = kit_connect(k, "ada", "");
    kit_disconnect(k, a);
    window();
    ck_assert_str_eq(came(b), "");
    a = kit_connect(k, "ada", "");
    window();
    ck_assert_str_eq(came(b), "+ada");
    for (int i = 0; i < 5; i++) {
        kit_disconnect(k, a);
        a = kit_connect(k, "ada", "");
    }
    window();
    ck_assert_str_eq(came(b), "");
    for (int i = 0; i < 5; i++) {
        kit_disconnect(k, a);
        a = kit_connect(k, "ada", "");
    }
    kit_disconnect(k, a);
    window();
    ck_assert_str_eq(came(b), "-ada");
    stop();
}
END_TEST

START_TEST(who_saw_him_in_between_is_told)
{
    parley_client a, b, e, f;

    start(ROSTER);
    b = kit_connect(k, "bob", "");
    window();
    came(b);
    a = kit_connect(k, "ada", "");
    e = dashboard("eve");
    ck_assert_str_eq(came(e), "[bob ada]");
    kit_disconnect(k, a);
    f = dashboard("fay");
    ck_assert_str_eq(came(f), "[bob]");
    window();
    ck_assert_str_eq(came(e), "-ada");
    ck_assert_str_eq(came(b), "");
    ck_assert_str_eq(came(f), "");
    /* And who missed him in between. */
    a = kit_connect(k, "ada", "");
    window();
    came(b), came(e), came(f);
    kit_disconnect(k, a);
    e = dashboard("eve");
    ck_assert_str_eq(came(e), "[bob]");
    kit_connect(k, "ada", "");
    window();
    ck_assert_str_eq(came(e), "+ada");
    ck_assert_str_eq(came(b), "");
    ck_assert_str_eq(came(f), "");
    stop();
}
END_TEST

START_TEST(who_knows_is_not_told_again)
{
    parley_client a, b, c;

    start(ROSTER);
    a = kit_connect(k, "ada", "");
    b = kit_connect(k, "bob", "");
    ck_assert_str_eq(came(a), "[ada]");
    ck_assert_str_eq(came(b), "[ada bob]");
    window();
    ck_assert_str_eq(came(a), "+bob");
    ck_assert_str_eq(came(b), "");
    /* He was greeted before she came, and she has gone since: there is nothing to tell him. */
    c = kit_connect(k, "cid", "");
    came(c);
    a = kit_connect(k, "eve", "");
    kit_disconnect(k, a);
    window();
    ck_assert_str_eq(came(c), "");
    ck_assert_str_eq(came(b), "+cid");
    stop();
}
END_TEST

/* A window in which very many are greeted ends at once: what it keeps of them is bounded. */
START_TEST(a_window_ends_when_many_were_greeted)
{
    parley_client b;

    start(ROSTER);
    b = kit_connect(k, "bob", "");
    window();
    came(b);
    kit_connect(k, "ada", "");
    for (int i = 0; i < 1023; i++)
        dashboard("root");
    ck_assert_str_eq(came(b), "");
    dashboard("root");
    ck_assert_str_eq(came(b), "+ada");
    kit_connect(k, "eve", "");
    for (int i = 0; i < 100; i++)
        dashboard("root");
    ck_assert_str_eq(came(b), "");
    window();
    ck_assert_str_eq(came(b), "+eve");
    stop();
}
END_TEST

START_TEST(the_newest_name_stands_in_the_list)
{
    parley_client c;

    start(ROSTER);
    kit_connect_as(k, "u-ada", "Ada", NULL, "");
    window();
    kit_connect_as(k, "u-ada", "Countess", NULL, "");
    kit_connect(k, "bob", "");
    c = dashboard("root");
    ck_assert_str_eq(kit_member(kit_last(k, c, "connected_users"), "payload.users.0.username"),
                     "Countess");
    stop();
}
END_TEST

START_TEST(a_crowd_is_not_told_who_comes_and_goes)
{
    parley_client c[6], board;

    start("[hub roster]\nwindow = 10s\npresence_max = 3\n");
    for (int i = 0; i < 3; i++)
        c[i] = kit_connect(k, (const char *[]){"a", "b", "c"}[i], "");
    window();
    board = dashboard("root");
    ck_assert_str_eq(came(board), "[a b c]");
    came(c[0]);
    c[3] = kit_connect(k, "d", "");
    ck_assert_str_eq(came(c[3]), "[a b c]");
    window();
    c[4] = kit_connect(k, "e", "");
    kit_disconnect(k, c[1]);
    window();
    ck_assert_str_eq(came(c[0]), "");
    ck_assert_str_eq(came(board), "");
    c[5] = kit_connect(k, "f", "");
    ck_assert_str_eq(came(c[5]), "[a c d]");
    kit_disconnect(k, c[2]);
    kit_disconnect(k, c[3]);
    window();
    ck_assert_str_eq(came(c[0]), "[a e f]");
    ck_assert_str_eq(came(board), "[a e f]");
    kit_disconnect(k, c[4]);
    window();
    ck_assert_str_eq(came(c[0]), "-e");
    ck_assert_str_eq(came(board), "-e");
    stop();
}
END_TEST

/* A crowd from 33 on, and until there are 30. */
START_TEST(the_border_of_a_crowd_is_broad)
{
    parley_client first, c[40];
    char name[16];

    start("[hub roster]\nwindow = 10s\npresence_max = 32\n");
    first = kit_connect(k, "first", "");
    for (int i = 2; i <= 33; i++) {
        snprintf(name, sizeof name, "u%d", i);
        c[i] = kit_connect(k, name, "");
    }
    window();
    came(first);
    for (int here = 32; here >= 30; here--) {
        kit_disconnect(k, c[here]);
        window();
        ck_assert_int_eq(kit_frames(k, first, "connected_users"), here > 30 ? 1 : 2);
        ck_assert_int_eq(kit_frames(k, first, "user_status"), 0);
    }
    kit_disconnect(k, c[29]);
    window();
    ck_assert_int_eq(kit_frames(k, first, "user_status"), 1);
    stop();
}
END_TEST

/* --- a hub that refuses some, after roster has been asked --- */
static parley_verdict on_connect(parley_host *h, parley_client c)
{
    return parley_client_user(h, c).p[0] == 'x'
               ? parley_reject(h, PARLEY_E_FORBIDDEN, "ban", "User is banned.")
               : PARLEY_PASS;
}

static const parley_hub ban_hub = {
    .struct_size = sizeof ban_hub, .phase = PARLEY_PHASE_STORE, .on_connect = on_connect};
static const parley_provided provides[] = {{"parley.hub/1", &ban_hub}};
static const parley_plugin ban = {.preamble = PARLEY_PREAMBLE,
                                  .id = "org.example.ban",
                                  .version = "1.0.0",
                                  .doc = "Refuses some",
                                  .provides = PARLEY_TABLE(provides)};

START_TEST(who_is_refused_was_never_here)
{
    static const parley_plugin *const plugins[] = {&ban, NULL};
    parley_client b, x;

    k = kit_start(ROSTER "[hub ban]\n", plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    b = kit_connect(k, "bob", "");
    window();
    came(b);
    x = kit_connect(k, "x", "");
    ck_assert_int_eq(kit_closed(k, x), 4403);
    window();
    ck_assert_str_eq(came(b), "");
    ck_assert_str_eq(came(dashboard("root")), "[bob]");
    stop();
}
END_TEST

/* --- many at once --- */
START_TEST(a_storm_shares_its_lists)
{
    enum { N = 1200, MAX = 1000 };
    const char *list, *before = "";
    int lists = 0, statuses = 0;
    static parley_client c[N];
    char name[16];

    start("[hub roster]\nwindow = 10s\npresence_max = 1000\n");
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "u%d", i);
        c[i] = kit_connect(k, name, "");
        ck_assert_int_eq(kit_frames(k, c[i], "connected_users"), 1);
        list = kit_last(k, c[i], "connected_users");
        lists += strcmp(list, before) != 0;
        before = list;
        ck_assert_int_le(kit_frames(k, c[i], "user_status"), i / 32 + 1);
        statuses += kit_frames(k, c[i], "user_status");
        snprintf(name, sizeof name, "\"u%d\"", i);
        if (i < MAX) /* himself: in the list, or told besides */
            ck_assert(strstr(list, name) || strstr(kit_last(k, c[i], "user_status"), name));
    }
    ck_assert_int_le(lists, 200);
    ck_assert_int_gt(statuses, 0);
    stop();
}
END_TEST

/* A client's view, by what it was sent, must be the truth whenever a window has ended, and its
 * greeting the truth at once. Its own entry is its own business after the greeting. In a crowd all
 * bets are off, but not after it. */
enum { USERS = 120, CLIENTS = 150, ROOM = 80, CALM = ROOM - ROOM / 16 };
struct seat {
    parley_client c;
    int user; /* -1: empty */
    bool board, view[USERS];
};
static struct seat seats[CLIENTS];
static int connections[USERS], here;
static bool calm;

static void read_frames(struct seat *s)
{
    const char *f;

    while ((f = kit_next(k, s->c, NULL))) {
        bool list = strstr(f, "\"type\":\"connected_users\"") != NULL;

        if (list)
            memset(s->view, 0, sizeof s->view);
        for (const char *at = f; (at = strstr(at, "\"id\":\"")); at++)
            s->view[atoi(at + 6)] = strstr(at, "\"status\":true") != NULL;
    }
}

static void check_view(const struct seat *s, bool own, int step)
{
    for (int u = 0; u < USERS; u++)
        if ((u != s->user || own) && s->view[u] != (connections[u] > 0))
            ck_abort_msg("user %d, step %d", u, step);
}

static void count(const struct seat *s, int by)
{
    if (s->board)
        return;
    here -= connections[s->user] > 0;
    connections[s->user] += by;
    here += connections[s->user] > 0;
    calm = calm && here <= ROOM;
}

static void sit_down(struct seat *s, bool board, int step)
{
    char name[8];

    s->user = rand() % USERS;
    s->board = board;
    count(s, 1);
    snprintf(name, sizeof name, "%d", s->user);
    s->c = board ? dashboard(name) : kit_connect(k, name, "");
    memset(s->view, 0, sizeof s->view);
    read_frames(s);
    if (calm)
        check_view(s, !board, step);
}

static void end_window(int step)
{
    window();
    calm = here <= CALM;
    for (int i = 0; i < CLIENTS; i++)
        if (seats[i].user >= 0) {
            read_frames(&seats[i]);
            if (calm)
                check_view(&seats[i], false, step);
        }
}

/* More come than go, then more go than come; by turns a window has one change, or many. */
static void walk(const char *ini, unsigned seed)
{
    int checked = 0;

    start(ini);
    srand(seed);
    memset(connections, 0, sizeof connections);
    here = 0;
    calm = true;
    for (int i = 0; i < CLIENTS; i++)
        seats[i].user = -1;
    for (int step = 0; step < 2000; step++) {
        struct seat *s = &seats[rand() % CLIENTS];
        int coming = step / 200 % 2 ? 45 : 75;

        if (rand() % (step / 50 % 2 ? 3 : 25) == 0) {
            end_window(step);
            checked += calm;
        } else if (s->user < 0 && rand() % 100 < coming) {
            sit_down(s, rand() % 10 == 0, step);
        } else if (s->user >= 0 && rand() % 100 >= coming) {
            kit_disconnect(k, s->c);
            count(s, -1);
            s->user = -1;
        }
    }
    ck_assert_int_gt(checked, 40);
    stop();
}

START_TEST(nobody_misses_a_change)
{
    walk(ROSTER "presence_max = 80\n", (unsigned)_i);
}
END_TEST

START_TEST(a_reload_forgets_nobody)
{
    parley_client a, b, again;

    start(ROSTER);
    a = kit_connect(k, "ada", "");
    b = kit_connect(k, "bob", "");
    again = kit_connect(k, "bob", "");
    window();
    came(a);
    ck_assert_int_eq(kit_reload(k, ROSTER "presence_max = 99\n"), 0);
    ck_assert_str_eq(came(a), ""); /* nothing had changed */
    kit_disconnect(k, again);
    window();
    ck_assert_str_eq(came(a), "");
    kit_disconnect(k, b);
    ck_assert_int_eq(kit_reload(k, NULL), 0); /* in the middle of a window */
    ck_assert_str_eq(came(a), "[ada]");
    b = kit_connect(k, "bob", "");
    ck_assert_str_eq(came(b), "[ada bob]");
    window();
    ck_assert_str_eq(came(a), "+bob");
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("roster");
    TCase *t = tcase_create("roster");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 30);
    tcase_add_test(t, the_list_names_each_user_once_and_no_dashboard);
    tcase_add_test(t, the_first_comes_and_the_last_goes);
    tcase_add_test(t, dashboards_come_and_go_unseen);
    tcase_add_test(t, who_comes_and_goes_within_a_window_is_not_told);
    tcase_add_test(t, who_saw_him_in_between_is_told);
    tcase_add_test(t, who_knows_is_not_told_again);
    tcase_add_test(t, a_window_ends_when_many_were_greeted);
    tcase_add_test(t, the_newest_name_stands_in_the_list);
    tcase_add_test(t, a_crowd_is_not_told_who_comes_and_goes);
    tcase_add_test(t, the_border_of_a_crowd_is_broad);
    tcase_add_test(t, who_is_refused_was_never_here);
    tcase_add_test(t, a_storm_shares_its_lists);
    tcase_add_test(t, a_reload_forgets_nobody);
    tcase_add_loop_test(t, nobody_misses_a_change, 0, 6);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
