/* Who somebody is, and for how long: logins that wait at the door, tokens that end, `refresh`. */
#include "fake_net.h"

static struct lws *w;
static struct client *c;

static void setup(void)
{
    fake_begin();
    w = new_socket();
}
static void open_one(void)
{
    c = open_client(w, "ann", 7);
}
static void teardown(void)
{
    fake_end();
    ck_assert_uint_eq(fake_logins, 0);
}
/* What every life must come to. */
static void end_one(int reason)
{
    end_client(w);
    ck_assert_uint_eq(fake.connects, 1);
    ck_assert_uint_eq(fake.gones, 1);
    ck_assert_int_eq(fake.gone_reason, reason);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_int_eq(fake_users, 0);
    ck_assert(pump_empty(&fake.pump));
}
static void wait_at_the_door(void)
{
    c = open_with(w, NULL, made(login_new(PARLEY_STR("t"), NULL, 0, "")));
    ck_assert_ptr_nonnull(c);
    turn();
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

/* --- at the door --- */

START_TEST(waits_and_is_let_in)
{
    wait_at_the_door();
    ck_assert_int_eq(c->state, CLIENT_PENDING);
    ck_assert(!w->reading);
    ck_assert_uint_eq(fake_checks, 1); /* what was published since the handshake */
    ck_assert_uint_eq(fake.connects, 0);
    post_plain(MAIL_RECHECK);
    turn();
    ck_assert_int_eq(c->state, CLIENT_PENDING);
    fake_answer = PARLEY_ADMIT;
    fake_who = (struct parley_identity){.user = PARLEY_STR("ann"), .username = PARLEY_STR("ann")};
    post_plain(MAIL_RECHECK);
    turn();
    ck_assert_int_eq(c->state, CLIENT_CONNECTING);
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    ck_assert_int_eq(fake_users, 1);
    ck_assert_uint_eq(fake_logins, 0);
    tick(6000); /* no decision to wait for any more */
    ck_assert_int_eq(c->state, CLIENT_CONNECTING);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* _i: refused, too many of that user, no credentials, no decision */
START_TEST(waits_and_is_not_let_in)
{
    static const uint16_t codes[] = {4401, 4429, 4401, 4401};
    static const char *const texts[] = {"signed by a stranger", "too many connections",
                                        "no credentials", "no decision in time"};

    wait_at_the_door();
    fake_why = "signed by a stranger";
    fake_answer = _i == 0 ? PARLEY_REFUSE : _i == 1 ? PARLEY_ADMIT : PARLEY_NOT_MINE;
    fake_who = (struct parley_identity){.user = PARLEY_STR("ann"), .username = PARLEY_STR("ann")};
    fake_user_refusal = ADMIT_USER;
    if (_i == 3) {
        tick(4000);
        ck_assert_int_eq(c->state, CLIENT_PENDING);
        tick(1100);
    } else {
        post_plain(MAIL_RECHECK);
        turn();
    }
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, codes[_i]);
    ck_assert_str_eq(c->close_text, texts[_i]);
    ck_assert_int_eq(client_writable(c), -1);
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    client_closed(c);
    turn();
    ck_assert_uint_eq(fake.connects + fake.gones, 0);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_int_eq(fake_users, 0);
    ck_assert_uint_eq(fake.pump.slot_free, 1); /* no hub to wait for */
    free_socket(w);
}
END_TEST

START_TEST(few_may_wait)
{
    struct lws *more[4] = {w, new_socket(), new_socket(), new_socket()};

    for (int i = 0; i < 4; i++) {
        struct client *o = open_with(more[i], NULL, made(login_new(PARLEY_NONE, NULL, 0, "")));

        ck_assert_msg((o != NULL) == (i < 3), "three may wait");
    }
    ck_assert_int_eq(fake_addresses, 3);
    ck_assert_uint_eq(fake_logins, 3);
    for (int i = 0; i < 3; i++)
        client_closed(more[i]->client);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    for (int i = 0; i < 4; i++)
        free_socket(more[i]);
}
END_TEST

/* --- tokens that end --- */

static void open_expiring(int64_t ms, bool close)
{
    struct parley_identity who = {.struct_size = sizeof who,
                                  .user = PARLEY_STR("ann"),
                                  .username = PARLEY_STR("ann"),
                                  .expires_unix_ms = clock_unix_ms() + ms,
                                  .close_on_expiry = close};

    c = open_with(w, made(identity_new(&who, NULL)), NULL);
    turn();
    post_admitted(c->handle, 1);
    turn();
}

START_TEST(token_expires)
{
    open_expiring(100000, true);
    tick(20000);
    client_heard(c);
    tick(19000);
    client_heard(c);
    ck_assert_str_eq(heard(w), "");
    tick(2000);
    ck_assert_str_eq(heard(w), "message token_expiring {\"expires_in\":59}\n");
    tick(1000);
    client_heard(c);
    tick(30000);
    client_heard(c);
    ck_assert_ptr_null(strstr(heard(w), "token_expiring"));
    tick(27000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    tick(2000);
    ck_assert_int_eq(c->state, CLIENT_CLOSING);
    ck_assert_uint_eq(c->close_code, 4401);
    ck_assert_str_eq(c->close_text, "token expired");
    end_one(PARLEY_LEFT_EXPIRED);
}
END_TEST

START_TEST(token_is_short)
{
    open_expiring(10000, true);
    tick(0); /* not before the greeting had its room */
    ck_assert_str_eq(heard(w), "");
    tick(1500);
    ck_assert_str_eq(heard(w), "message token_expiring {\"expires_in\":9}\n");
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

START_TEST(token_expires_and_nobody_minds)
{
    open_expiring(-1000000000000000, false);
    tick(2000);
    ck_assert_str_eq(heard(w), "message token_expiring {\"expires_in\":0}\n");
    tick(2000);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    end_one(PARLEY_LEFT_LOST);
}
END_TEST

/* --- refresh --- */

static void setup_open(void)
{
    setup();
    open_one();
}
static void teardown_open(void)
{
    end_client(w);
    ck_assert_int_eq(fake_addresses + fake_users, 0);
    teardown();
}

#define REFRESH "{\"type\":\"refresh\",\"id\":\"r\",\"token\":\"secret\"}"

static void new_token(const char *user, const char *issuer, const char *name)
{
    fake_answer = PARLEY_ADMIT;
    fake_who = (struct parley_identity){.user = str_of(user),
                                        .username = str_of(name),
                                        .issuer = str_of(issuer),
                                        .expires_unix_ms = clock_unix_ms() + 100000,
                                        .close_on_expiry = true};
}

START_TEST(refresh_at_once)
{
    new_token("ann", "https://issuer.example", "Annie");
    expect_answer(REFRESH, "ack r\n");
    ck_assert_uint_eq(fake.identities, 1);
    ck_assert_str_eq(fake.last_identity, "Annie");
    ck_assert(str_is(identity_username(c->identity), "Annie"));
    ck_assert_ptr_null(c->wait->login);
    expect_answer("{\"type\":\"refresh\",\"token\":\"secret\"}", "");
    ck_assert_uint_eq(fake.identities, 2);
    tick(20000);
    client_heard(c);
    tick(21000);
    ck_assert_ptr_nonnull(strstr(heard(w), "token_expiring {\"expires_in\":59}"));
    new_token("ann", "https://issuer.example", "Annie");
    say(c, REFRESH);
    turn();
    ck_assert_str_eq(heard(w), "ack r\n");
    tick(20000);
    client_heard(c);
    tick(21000);
    ck_assert_ptr_nonnull(strstr(heard(w), "token_expiring {\"expires_in\":59}")); /* again */
}
END_TEST

START_TEST(refresh_of_another_user) /* or the same, of another issuer */
{
    new_token(_i ? "ann" : "eve", _i ? "https://other.example" : "https://issuer.example", "x");
    ck_assert_int_eq(say(c, REFRESH), 4401);
    ck_assert_uint_eq(c->close_code, 4401);
    ck_assert_str_eq(c->close_text, "another user");
    turn();
    ck_assert_uint_eq(fake.identities, 0);
    ck_assert(str_is(identity_user(c->identity), "ann"));
}
END_TEST

START_TEST(refresh_refused)
{
    fake_answer = PARLEY_REFUSE;
    fake_why = "expired yesterday";
    expect_answer(REFRESH, "error r forbidden: expired yesterday\n");
    fake_answer = PARLEY_NOT_MINE;
    expect_answer(REFRESH, "error r forbidden: no authenticator knows this token\n");
    ck_assert_uint_eq(fake.identities, 0);
    ck_assert_uint_eq(fake_logins, 0);
}
END_TEST

START_TEST(refresh_later)
{
    expect_answer(REFRESH, "");
    expect_answer("{\"type\":\"refresh\",\"id\":\"s\",\"token\":\"t\"}",
                  "error s unavailable: a refresh is under way\n");
    tick(4000);
    post_plain(MAIL_RECHECK);
    turn();
    ck_assert_str_eq(heard(w), "");
    new_token("ann", "https://issuer.example", "Annie");
    post_plain(MAIL_RECHECK);
    turn();
    ck_assert_str_eq(heard(w), "ack r\n");
    ck_assert_uint_eq(fake.identities, 1);
}
END_TEST

START_TEST(refresh_too_late)
{
    expect_answer(REFRESH, "");
    tick(5100);
    ck_assert_str_eq(heard(w), "error r unavailable: the token could not be checked in time\n");
    ck_assert_uint_eq(fake_logins, 0);
    ck_assert_int_eq(c->state, CLIENT_OPEN);
    expect_answer(REFRESH, ""); /* another one may wait */
}
END_TEST

START_TEST(refresh_flood)
{
    fake_answer = PARLEY_REFUSE;
    fake_why = "no";
    for (int i = 0; i < 10; i++)
        expect_answer(REFRESH, "error r forbidden: no\n");
    expect_answer(REFRESH, "error r rate_limited: too many refreshes\n");
    tick(9000);
    expect_answer(REFRESH, "error r rate_limited: too many refreshes\n");
    ck_assert_uint_eq(fake_checks, 10);
    clock_advance_ms(1100);
    expect_answer(REFRESH, "error r forbidden: no\n");
    tick(9000);
    ck_assert_ptr_nonnull(c->wait);
    tick(1100);
    ck_assert_ptr_null(c->wait); /* who refreshed long ago costs no more than the others */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("door");
    TCase *t = tcase_create("door"), *u = tcase_create("refresh");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, token_expires);
    tcase_add_test(t, token_is_short);
    tcase_add_test(t, token_expires_and_nobody_minds);
    tcase_add_test(t, waits_and_is_let_in);
    tcase_add_loop_test(t, waits_and_is_not_let_in, 0, 4);
    tcase_add_test(t, few_may_wait);
    suite_add_tcase(s, t);
    tcase_add_checked_fixture(u, setup_open, teardown_open);
    tcase_add_test(u, refresh_at_once);
    tcase_add_loop_test(u, refresh_of_another_user, 0, 2);
    tcase_add_test(u, refresh_refused);
    tcase_add_test(u, refresh_later);
    tcase_add_test(u, refresh_too_late);
    tcase_add_test(u, refresh_flood);
    suite_add_tcase(s, u);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
