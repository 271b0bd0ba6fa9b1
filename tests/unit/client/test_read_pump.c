/* The read pump: what strangers may send, piece by piece; and what it costs them. */
#include "fake_net.h"

#define SAY "{\"type\":\"say\",\"room\":\"lobby\",\"text\":\"hello\"}"

static struct lws *w;
static struct client *c;

static void setup(void)
{
    fake_begin();
    w = new_socket();
    c = open_client(w, "ann", 7);
}
static void teardown(void)
{
    if (w)
        end_client(w);
    fake_end();
    ck_assert_uint_eq(fake_logins, 0);
    ck_assert_int_eq(fake_addresses + fake_users, 0);
}
static int piece(const char *text, size_t remaining, bool first, bool final)
{
    return client_receive(c, text, strlen(text), remaining, first, final, false);
}
static void expect_closed(int code, int returned)
{
    ck_assert_int_eq(returned, code);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_int_eq(c->close_code, code);
    turn();
    ck_assert_int_eq(fake.gone_reason, PARLEY_LEFT_VIOLATION);
    ck_assert_uint_eq(fake.message_count, 0);
}
/* It is answered by this, and stays. */
static void expect_answer(const char *text, const char *answer)
{
    ck_assert_int_eq(say(c, text), 0);
    turn();
    ck_assert_str_eq(heard(w), answer);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    ck_assert_uint_eq(fake.message_count, 0);
    ck_assert_int_eq(c->credit_messages, 4);
    ck_assert_int_eq(c->credit_bytes, 2000);
}

/* --- a message --- */

START_TEST(message_for_the_hub)
{
    static const char text[] =
        "{\"type\":\"say\",\"id\":\"x1\",\"room\":\"lobby\",\"text\":\"h\\u00e4\"}";
    const struct message *m;

    ck_assert_int_eq(say(c, text), 0);
    ck_assert_ptr_eq(fake_decoded, text); /* one piece is not copied */
    ck_assert_ptr_null(c->in);
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
    m = fake.messages[0];
    ck_assert_ptr_eq(m->type, &fake_types[0]);
    ck_assert(str_is(m->type_name, "say"));
    ck_assert(str_is(m->id, "x1"));
    ck_assert(str_is(m->channel, "lobby"));
    ck_assert_ptr_null(m->recipient.p);
    ck_assert_str_eq(m->payload.p, "{\"said\":\"h\xc3\xa4\"}");
    ck_assert_uint_eq(m->payload.limit, 0);
    ck_assert_uint_eq(m->author, c->handle);
    ck_assert_ptr_eq(m->identity, c->identity);
    ck_assert_uint_eq(m->cost_bytes, sizeof text - 1);
    ck_assert_int_eq(m->state, MESSAGE_NEW);
}
END_TEST

START_TEST(message_for_a_user_without_construct)
{
    const struct message *m;

    say(c, "{\"type\":\"whisper\",\"to\":\"ben\",\"more\":[1,2]}");
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
    m = fake.messages[0];
    ck_assert(str_is(m->recipient, "ben"));
    ck_assert_ptr_null(m->channel.p);
    ck_assert_ptr_null(m->id.p);
    ck_assert_str_eq(m->payload.p, "{\"to\":\"ben\"}");
}
END_TEST

START_TEST(messages_are_used_again)
{
    struct message *first;

    say(c, SAY);
    turn();
    first = fake.messages[0];
    settle();
    turn();
    say(c, "{\"type\":\"say\",\"room\":\"r2\",\"text\":\"a longer text than before\"}");
    turn();
    ck_assert_ptr_eq(fake.messages[0], first);
    ck_assert_str_eq(first->payload.p, "{\"said\":\"a longer text than before\"}");
    ck_assert(str_is(first->channel, "r2"));
    ck_assert_ptr_null(first->id.p);
    for (int i = 0; i < 3; i++)
        say(c, SAY);
    turn();
    ck_assert_uint_eq(fake.message_count, 4);
    while (fake.message_count)
        settle();
    turn();
    ck_assert_uint_eq(fake.pump.spare_count, 4);
}
END_TEST

START_TEST(pieces_are_put_together)
{
    ck_assert_int_eq(piece("{\"type\":\"say\",\"room\"", 10, true, false), 0);
    ck_assert_int_eq(piece(":\"lobby\",", 0, false, false), 0);
    ck_assert_uint_eq(c->in->fragments, 1);
    ck_assert_int_eq(piece("\"text\":\"\xc3", 1, false, false), 0); /* a character in two halves */
    ck_assert_uint_eq(c->in->fragments, 2);
    ck_assert_int_eq(piece("\xa4\"}", 0, false, true), 0);
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
    ck_assert_str_eq(fake.messages[0]->payload.p, "{\"said\":\"\xc3\xa4\"}");
    ck_assert_ptr_null(c->in);
    ck_assert_int_eq(piece(SAY, 0, true, true), 0);
    turn();
    ck_assert_uint_eq(fake.message_count, 2);
}
END_TEST

/* The last frame of a message may come in pieces too: FIN says nothing about its end. */
START_TEST(final_is_not_the_end_while_bytes_remain)
{
    ck_assert_int_eq(piece("{\"type\":\"say\",\"room\":\"a\",", 10, true, true), 0);
    turn();
    ck_assert_uint_eq(fake.message_count, 0);
    ck_assert_int_eq(piece("\"text\":\"b\"}", 0, false, true), 0);
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
}
END_TEST

/* --- what ends the connection --- */

START_TEST(binary)
{
    expect_closed(1003, client_receive(c, "x", 1, 0, true, true, true));
}
END_TEST
START_TEST(declared_too_big)
{
    expect_closed(1009, piece("{", (size_t)1 << 40, true, true));
    ck_assert_ptr_null(c->in);
}
END_TEST
START_TEST(declared_a_little_too_big)
{
    expect_closed(1009, piece("{", 1000, true, true));
}
END_TEST
START_TEST(declared_as_big_as_may_be)
{
    ck_assert_int_eq(piece("{", 999, true, true), 0);
}
END_TEST
START_TEST(declared_absurd)
{
    expect_closed(1009, piece("{", SIZE_MAX, true, true));
}
END_TEST
START_TEST(assembled_too_big)
{
    char text[500];

    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ck_assert_int_eq(piece(text, 0, true, false), 0);
    ck_assert_int_eq(piece(text, 0, false, false), 0);
    expect_closed(1009, piece("xxx", 0, false, true));
}
END_TEST
START_TEST(too_many_fragments)
{
    ck_assert_int_eq(piece("{", 0, true, false), 0);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(piece("", 0, false, false), 0);
    expect_closed(1008, piece("", 0, false, false));
}
END_TEST
START_TEST(many_pieces_are_one_fragment)
{
    ck_assert_int_eq(piece("{", 20, true, true), 0);
    for (size_t i = 20; i; i--)
        ck_assert_int_eq(piece(" ", i - 1, false, true), 0);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
}
END_TEST
START_TEST(too_late_by_the_next_piece)
{
    ck_assert_int_eq(piece("{", 0, true, false), 0);
    clock_advance_ms(9000);
    ck_assert_int_eq(piece(" ", 0, false, false), 0);
    clock_advance_ms(1100);
    expect_closed(1008, piece(" ", 0, false, false));
}
END_TEST
START_TEST(too_late_by_the_clock)
{
    ck_assert_int_eq(piece("{", 100, true, true), 0);
    tick(9000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    tick(1100);
    expect_closed(1008, c->close_code);
}
END_TEST
START_TEST(bad_utf8)
{
    expect_closed(1007, piece("{\"type\":\"\xc3\x28\"}", 0, true, true));
}
END_TEST
START_TEST(bad_utf8_in_pieces)
{
    ck_assert_int_eq(piece("{\"type\":\"\xc3", 0, true, false), 0);
    expect_closed(1007, piece("\x28\"}", 0, false, true));
}
END_TEST

/* --- what is answered --- */

START_TEST(refusals)
{
    static const struct {
        const char *text, *answer;
    } cases[] = {
        {"{\"id\":\"a\"}", "error a invalid_message: 'type' is required\n"},
        {"{\"type\":\"sing\",\"id\":\"b\"}", "error b unknown_type: unknown type 'sing'\n"},
        {"{\"type\":\"notice\",\"id\":\"c\"}", "error c unknown_type: unknown type 'notice'\n"},
        {"{\"type\":\"\\u001b[2J\"}", "error  unknown_type: unknown type '\\x1b[2J'\n"},
        {"{\"type\":\"say\",\"id\":\"e\",\"room\":\"a\",\"text\":\"swear\"}",
         "error e invalid_message: we do not swear here\n"},
        {"{\"type\":\"say\",\"room\":\"a\",\"text\":\"crash\"}",
         "error  internal: the message could not be constructed\n"},
        {"{\"type\":\"refresh\",\"id\":\"g\"}", "error g invalid_message: 'token' is required\n"},
        {"{\"type\":\"refresh\",\"token\":7}", "error  invalid_message: 'token' is required\n"},
    };

    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, open("/dev/null", O_WRONLY));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_answer(cases[i].text, cases[i].answer);
    ck_assert(metric_find("messages_refused", PARLEY_STR("unknown_type")) == 3);
    ck_assert(metric_find("messages_received", PARLEY_NONE) == 8);
}
END_TEST

START_TEST(invalid_json_and_fields)
{
    say(c, "{\"type\":");
    turn();
    ck_assert_ptr_nonnull(strstr(heard(w), "error  invalid_json: "));
    say(c, "{\"type\":\"say\",\"id\":\"n\",\"room\":\"a\"}");
    turn();
    ck_assert_ptr_nonnull(strstr(heard(w), "error n invalid_message: 'text'"));
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    ck_assert_uint_eq(fake.message_count, 0);
}
END_TEST

START_TEST(long_names_are_cut)
{
    char text[400], x[201];
    const char *answer;

    memset(x, 'x', 200);
    x[200] = 0;
    snprintf(text, sizeof text, "{\"type\":\"%s\"}", x);
    say(c, text);
    answer = heard(w);
    ck_assert_ptr_nonnull(strstr(answer, "error  unknown_type: unknown type 'xxxx"));
    ck_assert_ptr_nonnull(strstr(answer, "..."));
    ck_assert_uint_lt(strlen(answer), 120);
}
END_TEST

START_TEST(id_of_64_bytes_and_no_more)
{
    char text[200], x[66];

    memset(x, 'i', 65);
    x[65] = 0;
    snprintf(text, sizeof text, "{\"type\":\"sing\",\"id\":\"%s\"}", x);
    expect_answer(text, "error  invalid_message: 'id' must be a string of at most 64 bytes\n");
    snprintf(text, sizeof text, "{\"type\":\"say\",\"room\":\"a\",\"text\":\"b\",\"id\":\"%s\"}",
             x + 1);
    say(c, text);
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
    ck_assert_uint_eq(fake.messages[0]->id.n, 64);
}
END_TEST

/* What a type makes of a message may be larger than it, but not by any factor. */
START_TEST(payload_has_a_bound)
{
    for (int i = 0; i < 3; i++) { /* texts change places with those of messages that came home */
        say(c, SAY);
        turn();
        settle();
        turn();
    }
    expect_answer("{\"type\":\"say\",\"id\":\"p\",\"room\":\"a\",\"text\":\"flood\"}",
                  "error p too_large: the message is too large\n");
    say(c, SAY); /* what was too much has left no trace */
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
    ck_assert_str_eq(fake.messages[0]->payload.p, "{\"said\":\"hello\"}");
}
END_TEST

/* Whoever answers errors with silence fills his queue, not our memory. */
START_TEST(answers_are_bounded)
{
    w->room = 1;
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(say(c, "{"), 0);
    ck_assert_int_eq(say(c, "{"), 4408);
    ck_assert_int_eq(say(c, "{"), 0);
    ck_assert_ptr_null(c->queue);
    turn();
    ck_assert_int_eq(fake.gone_reason, PARLEY_LEFT_SLOW);
}
END_TEST

/* --- credit --- */

START_TEST(credit_of_messages)
{
    for (int i = 0; i < 3; i++)
        say(c, SAY);
    ck_assert(w->reading);
    say(c, SAY);
    ck_assert(!w->reading);
    say(c, SAY); /* what lws had read already is not lost */
    say(c, "{\"type\":\"sing\"}");
    turn();
    ck_assert_uint_eq(fake.message_count, 5);
    ck_assert_int_eq(c->credit_messages, -1);
    /* on its way home it does not wait for a pump that gathers */
    ck_assert(!fake.messages[2]->last_credit);
    ck_assert(fake.messages[3]->last_credit);
    settle();
    turn();
    ck_assert(!w->reading);
    settle();
    turn();
    ck_assert(w->reading);
    while (fake.message_count)
        settle();
    turn();
    ck_assert_int_eq(c->credit_messages, 4);
    ck_assert_int_eq(c->credit_bytes, 2000);
}
END_TEST

START_TEST(credit_of_bytes)
{
    char text[900];
    int n = snprintf(text, sizeof text, "{\"type\":\"say\",\"room\":\"a\",\"text\":\"b\"");

    memset(text + n, ' ', sizeof text - (size_t)n);
    text[sizeof text - 2] = '}';
    text[sizeof text - 1] = 0;
    say(c, text);
    say(c, text);
    ck_assert(w->reading);
    say(c, text);
    ck_assert(!w->reading);
    ck_assert_int_eq(c->credit_messages, 1);
    turn();
    ck_assert(!fake.messages[1]->last_credit);
    ck_assert(fake.messages[2]->last_credit);
    settle();
    turn();
    ck_assert(w->reading);
}
END_TEST

START_TEST(settled_after_its_author_left)
{
    struct lws *w2 = new_socket();
    struct client *c2;

    for (int i = 0; i < 4; i++)
        say(c, SAY);
    turn();
    end_client(w);
    w = w2;
    c2 = open_client(w2, "ben", 8); /* the same slot */
    for (int i = 0; i < 4; i++)
        say(c2, SAY);
    turn();
    ck_assert_uint_eq(fake.message_count, 8);
    for (int i = 0; i < 4; i++)
        settle();
    turn();
    ck_assert(!w2->reading);
    ck_assert_int_eq(c2->credit_messages, 0);
    settle();
    turn();
    ck_assert(w2->reading);
}
END_TEST

START_TEST(no_reading_while_it_closes_for_credit)
{
    for (int i = 0; i < 4; i++)
        say(c, SAY);
    ck_assert(!w->reading);
    client_close(c, 4403, PARLEY_LEFT_KICKED, "");
    ck_assert(w->reading); /* or its CLOSE would not be seen */
    turn();
    settle();
    turn();
    ck_assert(w->reading);
}
END_TEST

/* --- before it is admitted --- */

START_TEST(early_messages_wait)
{
    struct lws *w2 = new_socket();
    struct client *c2 = open_with(w2, new_identity("ben"), NULL);

    ck_assert_int_eq(client_receive(c2, SAY, strlen(SAY), 0, true, true, false), 0);
    ck_assert_int_eq(client_receive(c2, "{", 1, 0, true, true, false), 0);
    turn();
    ck_assert_uint_eq(fake.message_count, 0);
    post_admitted(c2->handle, 8);
    turn();
    ck_assert_uint_eq(fake.message_count, 1);
    ck_assert_ptr_nonnull(strstr(heard(w2), "invalid_json"));
    ck_assert_ptr_null(c2->in);
    ck_assert(w2->reading);
    end_client(w2);
}
END_TEST

START_TEST(early_messages_are_bounded)
{
    struct lws *w2 = new_socket();
    struct client *c2 = open_with(w2, new_identity("ben"), NULL);
    char text[450];

    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ck_assert_int_eq(say(c2, text), 0);
    ck_assert_int_eq(say(c2, text), 0);
    ck_assert_int_eq(say(c2, text), 1008);
    end_client(w2);
}
END_TEST

/* --- the mailbox --- */

START_TEST(drained_mailbox_is_told)
{
    for (int i = 0; i < 100; i++)
        post_publish(5, "nobody is there");
    turn();
    ck_assert_uint_eq(fake.drained, 0);
    for (int i = 0; i < PUMP_LOW_WATER + 10; i++)
        post_plain(MAIL_RECHECK);
    turn();
    ck_assert_uint_eq(fake.drained, 1);
    post_publish(5, "nobody is there");
    turn();
    ck_assert_uint_eq(fake.drained, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("read_pump");
    TCase *t = tcase_create("read_pump");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, message_for_the_hub);
    tcase_add_test(t, message_for_a_user_without_construct);
    tcase_add_test(t, messages_are_used_again);
    tcase_add_test(t, pieces_are_put_together);
    tcase_add_test(t, final_is_not_the_end_while_bytes_remain);
    tcase_add_test(t, binary);
    tcase_add_test(t, declared_too_big);
    tcase_add_test(t, declared_a_little_too_big);
    tcase_add_test(t, declared_as_big_as_may_be);
    tcase_add_test(t, declared_absurd);
    tcase_add_test(t, assembled_too_big);
    tcase_add_test(t, too_many_fragments);
    tcase_add_test(t, many_pieces_are_one_fragment);
    tcase_add_test(t, too_late_by_the_next_piece);
    tcase_add_test(t, too_late_by_the_clock);
    tcase_add_test(t, bad_utf8);
    tcase_add_test(t, bad_utf8_in_pieces);
    tcase_add_test(t, refusals);
    tcase_add_test(t, invalid_json_and_fields);
    tcase_add_test(t, long_names_are_cut);
    tcase_add_test(t, id_of_64_bytes_and_no_more);
    tcase_add_test(t, payload_has_a_bound);
    tcase_add_test(t, answers_are_bounded);
    tcase_add_test(t, credit_of_messages);
    tcase_add_test(t, credit_of_bytes);
    tcase_add_test(t, settled_after_its_author_left);
    tcase_add_test(t, no_reading_while_it_closes_for_credit);
    tcase_add_test(t, early_messages_wait);
    tcase_add_test(t, early_messages_are_bounded);
    tcase_add_test(t, drained_mailbox_is_told);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
