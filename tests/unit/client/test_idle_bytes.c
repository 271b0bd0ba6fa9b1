/* client/: the pump's records of one who is admitted, in a channel, and silent. */
#include "fake_net.h"
#include "idle_bytes.h"

START_TEST(an_idle_client_is_small)
{
    static struct lws *sockets[IDLE_CLIENTS];
    static client_handle handles[IDLE_CLIENTS];
    long before, each;

    fake_begin();
    for (int i = 0; i < IDLE_CLIENTS; i++)
        sockets[i] = new_socket();
    before = bytes_in_use();
    for (int i = 0; i < IDLE_CLIENTS; i++) {
        char name[32];

        snprintf(name, sizeof name, "user-%06d", i);
        handles[i] = open_client(sockets[i], name, (uint64_t)i + 1)->handle;
        post_member(handles[i], MAIL_JOIN, 1);
        turn();
    }
    each = (bytes_in_use() - before) / IDLE_CLIENTS;
    printf("%ld bytes of the pump each\n", each);
    ck_assert_int_le(each, IDLE_PUMP_BYTES);
    for (int i = 0; i < IDLE_CLIENTS; i++) {
        client_closed(sockets[i]->client);
        turn();
        post_forgotten(handles[i]);
        turn();
        free_socket(sockets[i]);
    }
    fake_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client/idle_bytes");
    TCase *t = tcase_create("idle_bytes");
    SRunner *r;
    int failed;

    tcase_add_test(t, an_idle_client_is_small);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
