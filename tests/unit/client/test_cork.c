/* client/cork: a socket is corked until the hub has admitted its client and what followed is sent.
 */
#include "fake_net.h"

#define MANY 200

static struct lws *w;

static void setup(void)
{
    fake_begin();
    w = new_socket();
}
static void teardown(void)
{
    fake_end();
    ck_assert_uint_eq(fake.pump.corked.count, 0);
}
static struct client *open_corked(struct lws *socket)
{
    struct client *c;

    wire_cork(socket);
    c = open_with(socket, new_identity("ann"), NULL);
    ck_assert_ptr_nonnull(c);
    turn();
    return c;
}

START_TEST(until_it_is_admitted)
{
    struct client *c = open_corked(w);

    turn();
    ck_assert_msg(w->corked, "the greeting has not come");
    post_admitted(c->handle, 7);
    post_frame(c->handle, "welcome", LANE_ORDERED, true);
    turn();
    ck_assert(!w->corked);
    ck_assert_str_eq(heard(w), "welcome\n");
    w->corked = true;
    turn();
    ck_assert_msg(w->corked, "it is done once");
    end_client(w);
}
END_TEST

START_TEST(whoever_is_told_to_go)
{
    struct client *c = open_corked(w);

    post_close(c->handle, 4403, PARLEY_LEFT_REFUSED, "no");
    turn();
    ck_assert_msg(!w->corked, "the close frame is not kept back");
    end_client(w);
}
END_TEST

START_TEST(whoever_has_left)
{
    open_corked(w);
    end_client(w);
    ck_assert_uint_eq(fake.pump.corked.count, 0);
}
END_TEST

START_TEST(many_at_once)
{
    struct lws *sockets[MANY];
    struct client *clients[MANY];

    for (int i = 0; i < MANY; i++)
        clients[i] = open_corked(sockets[i] = i ? new_socket() : w);
    ck_assert_uint_eq(fake.pump.corked.count, 0); /* nothing is looked at before its time */
    for (int i = 0; i < MANY; i += 2)
        post_admitted(clients[i]->handle, (uint64_t)i + 1);
    turn();
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(sockets[i]->corked, i % 2);
    for (int i = 1; i < MANY; i += 2)
        post_admitted(clients[i]->handle, (uint64_t)i + 1);
    turn();
    for (int i = 0; i < MANY; i++) {
        ck_assert(!sockets[i]->corked);
        end_client(sockets[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cork");
    TCase *t = tcase_create("cork");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, until_it_is_admitted);
    tcase_add_test(t, whoever_is_told_to_go);
    tcase_add_test(t, whoever_has_left);
    tcase_add_test(t, many_at_once);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
