/* Ids that are used again: known for a while, by user, within a bound; what says "later" is
 * forgotten. The file itself is included, for the bound is not to be seen from outside. */
#include "hub/dedupe.c"
#include "scripted.h"

static struct message *message(const char *user, const char *id, parley_client author)
{
    parley_identity i = {.struct_size = sizeof i, .user = str_of(user), .username = str_of(user)};
    struct message *m = message_new();

    m->identity = identity_new(&i, NULL);
    m->id = arena_str(&m->arena, str_of(id));
    m->author = author.v;
    m->hub = k->hub;
    return m;
}

static enum dedupe_answer begin(const char *user, const char *id)
{
    struct message *m = message(user, id, (parley_client){0});
    enum dedupe_answer answer = dedupe_begin(k->hub, m);

    message_destroy(m);
    return answer;
}

static void settle(const char *user, const char *id, const struct outcome *o)
{
    struct message *m = message(user, id, (parley_client){0});

    m->user = users_author(k->hub, m)->number;
    m->outcome = *o;
    dedupe_settle(k->hub, m);
    message_destroy(m);
}

START_TEST(an_id_is_of_its_user)
{
    kit_connect(k, "ann", "");
    kit_connect(k, "bob", "");
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_NEW);
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_WAITS);
    ck_assert_int_eq(begin("ann", "xx"), DEDUPE_NEW);
    ck_assert_int_eq(begin("bob", "x"), DEDUPE_NEW);
    settle("ann", "x", &(struct outcome){0});
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_TOLD);
    ck_assert_int_eq(begin("bob", "x"), DEDUPE_WAITS);
}
END_TEST

START_TEST(who_waits_is_told_the_outcome)
{
    parley_client one = kit_connect(k, "ann", ""), two = kit_connect(k, "ann", ""),
                  three = kit_connect(k, "ann", "");
    struct message *m = message("ann", "x", one), *again = message("ann", "x", two),
                   *third = message("ann", "x", three);

    ck_assert_int_eq(dedupe_begin(k->hub, m), DEDUPE_NEW);
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(dedupe_begin(k->hub, again), DEDUPE_WAITS);
    ck_assert_int_eq(dedupe_begin(k->hub, m), DEDUPE_WAITS);
    ck_assert_int_eq(dedupe_begin(k->hub, third), DEDUPE_WAITS);
    m->cache_id = 7;
    dedupe_settle(k->hub, m);
    kit_run(k);
    ck_assert_int_eq(kit_frames(k, one, "ack"), 0); /* the road tells the author */
    ck_assert_int_eq(kit_frames(k, two, "ack"), 1);
    member_is(kit_last(k, two, "ack"), "payload.cacheID", "7");
    ck_assert_int_eq(kit_frames(k, three, "ack"), 1);
    message_destroy(m);
    message_destroy(again);
    message_destroy(third);
}
END_TEST

START_TEST(what_says_later_is_forgotten_at_once)
{
    const struct outcome later[] = {
        {.verdict = PARLEY_REJECT, .code = PARLEY_E_RATE_LIMITED},
        {.verdict = PARLEY_REJECT, .code = PARLEY_E_UNAVAILABLE},
        {.verdict = PARLEY_REJECT, .code = PARLEY_E_INTERNAL},
        {.verdict = PARLEY_REJECT, .code = PARLEY_E_MUTED, .retry_after_ms = 1},
    };
    const struct outcome muted = {
        .verdict = PARLEY_REJECT, .code = PARLEY_E_MUTED, .text = PARLEY_STR("No.")};

    kit_connect(k, "ann", "");
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        ck_assert_int_eq(begin("ann", "x"), DEDUPE_NEW);
        settle("ann", "x", &later[i]);
        ck_assert_uint_eq(id_table_bytes(k->hub->dedupe->ids), 0);
        ck_assert_uint_eq(id_table_count(k->hub->dedupe->ids), 0);
    }
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_NEW);
    settle("ann", "x", &muted);
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_TOLD);
}
END_TEST

START_TEST(the_oldest_go_first_when_there_are_too_many)
{
    const struct id_table *t = k->hub->dedupe->ids;
    const struct outcome no = {
        .verdict = PARLEY_REJECT, .code = PARLEY_E_MUTED, .text = PARLEY_STR("No.")};
    char id[16];
    size_t most = 0;
    int n = 0;

    kit_connect(k, "ann", "");
    begin("ann", "first");
    settle("ann", "first", &no);
    while (begin("ann", "first") == DEDUPE_TOLD) {
        for (int i = 0; i < 1000; i++) {
            snprintf(id, sizeof id, "%d", n++);
            begin("ann", id);
            settle("ann", id, &no);
            most = id_table_bytes(t) > most ? id_table_bytes(t) : most;
        }
        ck_assert_int_lt(n, 1000000);
    }
    ck_assert_uint_le(most, BYTES_MAX + 100 + 8);
    ck_assert_uint_ge(most, BYTES_MAX - 2 * 100);
    ck_assert_int_gt(n, 100000);
    ck_assert_int_eq(begin("ann", id), DEDUPE_TOLD);
}
END_TEST

START_TEST(a_window_later_it_is_new)
{
    kit_connect(k, "ann", "");
    begin("ann", "x");
    begin("ann", "z"); /* still waits, and will */
    settle("ann", "x", &(struct outcome){0});
    kit_advance_ms(k, k->settings.server.dedupe_ms - 1000);
    begin("ann", "y");
    settle("ann", "y", &(struct outcome){0});
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_TOLD);
    kit_advance_ms(k, 2000);
    ck_assert_int_eq(begin("ann", "y"), DEDUPE_TOLD);
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_NEW);
    ck_assert_int_eq(begin("ann", "z"), DEDUPE_WAITS);
}
END_TEST

START_TEST(without_a_window_all_are_new)
{
    kit_close(k);
    k = kit_start("[server]\ndedupe_window = 0\n" SECTIONS_ALONE, scripted);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    kit_connect(k, "ann", "");
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_NEW);
    settle("ann", "x", &(struct outcome){0});
    ck_assert_int_eq(begin("ann", "x"), DEDUPE_NEW);
}
END_TEST

START_TEST(an_id_that_is_too_long_is_none)
{
    char id[ID_TABLE_ID_BYTES + 2];

    kit_connect(k, "ann", "");
    memset(id, 'i', sizeof id);
    id[ID_TABLE_ID_BYTES + 1] = 0;
    ck_assert_int_eq(begin("ann", id), DEDUPE_NEW);
    ck_assert_int_eq(begin("ann", id), DEDUPE_NEW);
    id[ID_TABLE_ID_BYTES] = 0;
    ck_assert_int_eq(begin("ann", id), DEDUPE_NEW);
    ck_assert_int_eq(begin("ann", id), DEDUPE_WAITS);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("dedupe");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_id_is_of_its_user);
    tcase_add_test(t, who_waits_is_told_the_outcome);
    tcase_add_test(t, what_says_later_is_forgotten_at_once);
    tcase_add_test(t, the_oldest_go_first_when_there_are_too_many);
    tcase_add_test(t, a_window_later_it_is_new);
    tcase_add_test(t, without_a_window_all_are_new);
    tcase_add_test(t, an_id_that_is_too_long_is_none);
    return run_tests("dedupe", t);
}
