/* Users: one record for all connections of a person, kept for a while, and not for too many. */
#include "scripted.h"

static struct hub_user *user(const char *id)
{
    return users_find(k->hub, str_of(id));
}

START_TEST(connections_come_and_go_in_any_order)
{
    parley_client x[40];
    struct hub_user *u;
    uint32_t n = 0;

    for (int i = 0; i < 40; i++)
        x[i] = kit_connect(k, "ann", "");
    u = user("ann");
    ck_assert_uint_eq(u->client_count, 40);
    ck_assert_uint_eq(k->hub->users_away, 0);
    for (int i = 0; i < 40; i += 2)
        kit_disconnect(k, x[i]);
    kit_disconnect(k, x[39]);
    kit_disconnect(k, x[1]);
    for (struct hub_client *at = u->clients; at; at = at->next_of_user, n++) {
        ck_assert_ptr_eq(at->user, u);
        ck_assert_ptr_eq(*at->at_of_user, at);
        ck_assert_ptr_eq(clients_find(k->hub, at->handle), at);
    }
    ck_assert_uint_eq(n, 18);
    ck_assert_uint_eq(u->client_count, 18);
    for (int i = 3; i < 39; i += 2)
        kit_disconnect(k, x[i]);
    ck_assert_uint_eq(u->client_count, 0);
    ck_assert_uint_eq(u->people_count, 0);
    ck_assert_ptr_null(u->clients);
    ck_assert_uint_eq(k->hub->users_away, 1);
}
END_TEST

START_TEST(dashboards_are_no_people)
{
    parley_client board = kit_connect_as(k, "ann", "Ann", "Board", ""),
                  eve = kit_connect(k, "eve", "");

    ck_assert_uint_eq(user("ann")->client_count, 1);
    ck_assert_uint_eq(user("ann")->people_count, 0);
    ck_assert_int_eq(kit_input(k, eve, "{\"type\":\"whisper\",\"to\":\"ann\"}"), PARLEY_REJECT);
    member_is(kit_last(k, eve, "error"), "payload.code", "unknown_recipient");
    kit_connect(k, "ann", "");
    ck_assert_uint_eq(user("ann")->people_count, 1);
    kit_disconnect(k, board);
    ck_assert_uint_eq(user("ann")->people_count, 1);
    ck_assert_int_eq(kit_input(k, eve, "{\"type\":\"whisper\",\"to\":\"ann\"}"), PARLEY_PASS);
}
END_TEST

static void identity(parley_client who, const char *sub, const char *name, const char *app)
{
    parley_identity i = {
        .struct_size = sizeof i, .user = str_of(sub), .username = str_of(name), .app = str_of(app)};
    struct mail_connect *m = calloc(1, sizeof *m);

    m->client = who.v;
    m->identity = identity_new(&i, &k->settings.server.dashboards);
    actor_post(hub_actor(k->hub), &m->mail, MAIL_IDENTITY);
    kit_run(k);
}

START_TEST(the_newest_token_names_him)
{
    parley_client one = kit_connect_as(k, "7", "ann", NULL, ""),
                  two = kit_connect_as(k, "7", "Ann", NULL, "");

    ck_assert_pstr_eq(identity_username(user("7")->newest).p, "Ann");
    identity(one, "7", "Anna", "Board");
    ck_assert_pstr_eq(identity_username(user("7")->newest).p, "Anna");
    ck_assert_uint_eq(user("7")->people_count, 1);
    identity(one, "7", "Anna", NULL);
    ck_assert_uint_eq(user("7")->people_count, 2);
    identity(one, "8", "Eve", NULL); /* another user's: never */
    ck_assert_pstr_eq(identity_username(user("7")->newest).p, "Anna");
    kit_disconnect(k, two);
    identity(two, "7", "Late", NULL);
    ck_assert_pstr_eq(identity_username(user("7")->newest).p, "Anna");
}
END_TEST

START_TEST(who_returns_is_who_he_was)
{
    parley_client who = kit_connect(k, "ann", "");
    uint64_t number = user("ann")->number;

    kit_disconnect(k, who);
    kit_advance_ms(k, k->settings.server.user_memory_ms - 1000);
    who = kit_connect(k, "ann", "");
    ck_assert_uint_eq(user("ann")->number, number);
    kit_advance_ms(k, 2 * k->settings.server.user_memory_ms);
    ck_assert_uint_eq(user("ann")->number, number);
    kit_disconnect(k, who);
    kit_advance_ms(k, k->settings.server.user_memory_ms + 1000);
    ck_assert_ptr_null(user("ann"));
}
END_TEST

static void get(const char *name)
{
    parley_identity i = {.struct_size = sizeof i, .user = str_of(name), .username = str_of(name)};
    struct identity *of = identity_new(&i, NULL);

    ck_assert_ptr_nonnull(users_get(k->hub, of));
    identity_unref(of);
}

START_TEST(of_too_many_the_longest_away_are_forgotten)
{
    char name[16];

    kit_connect(k, "here", "");
    for (int i = 0; i < 100010; i++) {
        snprintf(name, sizeof name, "%d", i);
        get(name);
    }
    ck_assert_uint_eq(k->hub->users_away, 100010);
    users_tick(k->hub, clock_mono_ms());
    ck_assert_uint_eq(k->hub->users_away, 100000);
    ck_assert_ptr_null(user("9"));
    ck_assert_ptr_nonnull(user("10"));
    ck_assert_ptr_nonnull(user("100009"));
    ck_assert_ptr_nonnull(user("here"));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("users");

    tcase_set_timeout(t, 30);
    tcase_add_test(t, connections_come_and_go_in_any_order);
    tcase_add_test(t, dashboards_are_no_people);
    tcase_add_test(t, the_newest_token_names_him);
    tcase_add_test(t, who_returns_is_who_he_was);
    tcase_add_test(t, of_too_many_the_longest_away_are_forgotten);
    return run_tests("users", t);
}
