/* Slots: zeroed bytes of a section's own, as long as their owner lives. */
#include "scripted.h"

static const parley_slot small = {"n", 1, 8}, other = {"m", 1, 8}, large = {"n", 2, 4096};

static parley_host *host(const char *section)
{
    return &registry_section(k->registry, "hub", section)->host;
}

static void hub_setup(void)
{
    setup();
    domain_enter(DOMAIN_HUB);
}

static void hub_teardown(void)
{
    domain_leave(DOMAIN_NONE);
    teardown();
}

START_TEST(bytes_of_ones_own)
{
    struct hub_slot *list = NULL;
    struct plugin_instance *i = (struct plugin_instance *)host("a"),
                           *j = (struct plugin_instance *)host("b");
    char name[] = "n";
    const parley_slot same = {name, 1, 8};
    int64_t *p = slot_get(&list, i, &small);

    ck_assert_int_eq(*p, 0);
    *p = 5;
    ck_assert_ptr_eq(slot_get(&list, i, &same), p);
    ck_assert_ptr_ne(slot_get(&list, i, &other), p);
    ck_assert_ptr_ne(slot_get(&list, j, &small), p);
    ck_assert_int_eq(*p, 5);
    ck_assert_ptr_ne(slot_get(&list, i, &large), p); /* of another version: another one */
    ck_assert_ptr_eq(slot_get(&list, i, &same), p);
    ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
    slots_free(&list);
    ck_assert_ptr_null(list);
    slots_free(&list);
}
END_TEST

START_TEST(of_clients_users_and_channels)
{
    parley_client one = member_of("ann", "room"), two = kit_connect(k, "ann", "");
    int *x = parley_client_slot(host("a"), one, &small);
    int *u = parley_user_slot(host("a"), PARLEY_STR("ann"), &small);
    int *ch = parley_channel_slot(host("a"), PARLEY_STR("ROOM"), &small);

    ck_assert(x && u && ch);
    *x = 1;
    *u = 2;
    *ch = 3;
    ck_assert_int_eq(*(int *)parley_client_slot(host("a"), two, &small), 0);
    ck_assert_int_eq(*(int *)parley_client_slot(host("b"), one, &small), 0);
    ck_assert_int_eq(*(int *)parley_user_slot(host("a"), PARLEY_STR("ann"), &small), 2);
    ck_assert_int_eq(*(int *)parley_channel_slot(host("a"), PARLEY_STR("room"), &small), 3);
    ck_assert_ptr_null(parley_user_slot(host("a"), PARLEY_STR("nobody"), &small));
    ck_assert_ptr_null(parley_channel_slot(host("a"), PARLEY_STR("nowhere"), &small));
    kit_disconnect(k, one);
    ck_assert_ptr_null(parley_client_slot(host("a"), one, &small));
    ck_assert_int_eq(*(int *)parley_user_slot(host("a"), PARLEY_STR("ann"), &small), 2);
}
END_TEST

static void in_disconnect(parley_host *h, parley_client who, int reason)
{
    int *n = parley_client_slot(h, who, &small);

    (void)reason;
    note(n && *n == 7 ? "seven" : "lost");
}

/* What is read of a message finds its author and its channel; a part of it does not. */
static int *of_author, *of_part, *of_room;
static parley_verdict take_slots(parley_host *h, parley_message *m)
{
    parley_str sub = parley_message_user(m), channel = parley_message_channel(m);

    of_author = parley_user_slot(h, sub, &small);
    sub.n--;
    of_part = parley_user_slot(h, sub, &small);
    of_room = parley_channel_slot(h, channel, &small);
    channel.n--;
    ck_assert_ptr_null(parley_channel_slot(h, channel, &small));
    return PARLEY_PASS;
}

START_TEST(of_an_author_and_his_channel)
{
    parley_client anna = member_of("anna", "room");

    domain_leave(DOMAIN_NONE);
    kit_connect(k, "ann", "");
    a.on_message = take_slots;
    ck_assert_int_eq(say(anna, "room"), PARLEY_PASS);
    domain_enter(DOMAIN_HUB);
    ck_assert(of_author && of_part && of_room);
    ck_assert_ptr_ne(of_author, of_part);
    ck_assert_ptr_eq(of_author, (int *)parley_user_slot(host("a"), PARLEY_STR("anna"), &small));
    ck_assert_ptr_eq(of_part, (int *)parley_user_slot(host("a"), PARLEY_STR("ann"), &small));
    ck_assert_ptr_eq(of_room, (int *)parley_channel_slot(host("a"), PARLEY_STR("room"), &small));
}
END_TEST

START_TEST(of_a_client_that_leaves)
{
    parley_client who = kit_connect(k, "ann", "");

    a.on_disconnect = in_disconnect;
    *(int *)parley_client_slot(host("a"), who, &small) = 7;
    kit_disconnect(k, who);
    ck_assert_str_eq(notes, "seven");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("slots");
    Suite *s = suite_create("slots");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, hub_setup, hub_teardown);
    tcase_add_test(t, bytes_of_ones_own);
    tcase_add_test(t, of_clients_users_and_channels);
    tcase_add_test(t, of_an_author_and_his_channel);
    tcase_add_test(t, of_a_client_that_leaves);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
