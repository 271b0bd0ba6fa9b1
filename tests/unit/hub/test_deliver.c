/* Who gets what: every target of a delivery, each connection once, and nobody who was left out. */
#include "scripted.h"

static parley_client ann, bob, bob2, mod, board;

static void people(void)
{
    ann = member_of("ann", "room");
    bob = member_of("bob", "room");
    bob2 = kit_connect(k, "bob", "");
    mod = kit_connect(k, "mod", "moderator, user");
    kit_join(k, mod, "room");
    board = kit_connect_as(k, "boss", "boss", "Board", "");
    kit_join(k, board, "room");
    kit_join(k, ann, "hall");
    kit_join(k, bob2, "hall");
}

/* "ann bob bob2 mod board": how many each got of a type. */
static const char *got(const char *type)
{
    static char text[64];

    snprintf(text, sizeof text, "%d %d %d %d %d", kit_frames(k, ann, type),
             kit_frames(k, bob, type), kit_frames(k, bob2, type), kit_frames(k, mod, type),
             kit_frames(k, board, type));
    return text;
}

static parley_to targets[8];
static size_t target_count;

static parley_verdict deliver_all(parley_host *h, parley_message *m)
{
    (void)h;
    for (size_t i = 0; i < target_count; i++)
        ck_assert_int_eq(parley_deliver(m, targets[i]), 0);
    return PARLEY_PASS;
}

static const char *delivered(size_t n, const parley_to to[])
{
    memcpy(targets, to, n * sizeof *to);
    target_count = n;
    b.on_message = deliver_all;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    return got("say");
}

#define TARGETS(...)                                                      \
    sizeof((parley_to[]){__VA_ARGS__}) / sizeof(parley_to), (parley_to[]) \
    {                                                                     \
        __VA_ARGS__                                                       \
    }
/* Among new people, in a new hub. */
#define DELIVERED(...) (kit_restart(k), people(), delivered(TARGETS(__VA_ARGS__)))

static parley_to channel(const char *name)
{
    return parley_to_channel(str_of(name));
}

static parley_to user(const char *name)
{
    return parley_to_user(str_of(name));
}

static parley_to but_user(parley_to to, const char *name)
{
    to.but_user = str_of(name);
    return to;
}

static parley_to with_role(parley_to to, const char *role)
{
    to.role = str_of(role);
    return to;
}

START_TEST(a_channel)
{
    ck_assert_str_eq(DELIVERED(channel("room")), "1 1 0 1 1");
}
END_TEST

START_TEST(a_channel_and_somebody_who_is_in_it)
{
    ck_assert_str_eq(DELIVERED(channel("room"), user("bob"), user("ann")), "1 1 1 1 1");
}
END_TEST

START_TEST(somebody_and_then_his_channel)
{
    ck_assert_str_eq(DELIVERED(user("bob"), parley_to_client(bob), channel("room")), "1 1 1 1 1");
}
END_TEST

START_TEST(two_channels_with_members_in_common)
{
    ck_assert_str_eq(DELIVERED(channel("room"), channel("hall"), channel("ROOM")), "1 1 1 1 1");
}
END_TEST

START_TEST(all_and_some_of_them)
{
    ck_assert_str_eq(DELIVERED(channel("hall"), parley_to_all(), user("mod")), "1 1 1 1 1");
}
END_TEST

START_TEST(who_is_left_out_by_one_is_named_by_another)
{
    ck_assert_str_eq(DELIVERED(but_user(channel("room"), "bob"), user("bob")), "1 1 1 1 1");
    ck_assert_str_eq(DELIVERED(but_user(channel("room"), "bob"), but_user(channel("room"), "ann")),
                     "1 1 0 1 1");
}
END_TEST

START_TEST(who_is_left_out)
{
    parley_to all = parley_to_all();

    ck_assert_str_eq(DELIVERED(but_user(parley_to_all(), "bob")), "1 0 0 1 1");
    all.flags = PARLEY_NOT_DASHBOARDS;
    ck_assert_str_eq(DELIVERED(all), "1 1 1 1 0");
    all = user("boss");
    all.flags = PARLEY_NOT_DASHBOARDS;
    ck_assert_str_eq(DELIVERED(all), "0 0 0 0 0");
    ck_assert_str_eq(DELIVERED(but_user(user("bob"), "bob")), "0 0 0 0 0");
}
END_TEST

static parley_verdict but_author(parley_host *h, parley_message *m)
{
    parley_to to = channel("room");

    (void)h;
    to.but = parley_message_author(m);
    return parley_deliver(m, to) == 0 ? PARLEY_PASS : PARLEY_FAIL;
}

START_TEST(one_connection_is_left_out)
{
    people();
    kit_join(k, bob2, "room");
    b.on_message = but_author;
    say(bob, "room");
    ck_assert_str_eq(got("say"), "1 0 1 1 1");
}
END_TEST

START_TEST(those_of_a_role)
{
    ck_assert_str_eq(DELIVERED(with_role(channel("room"), "moderator")), "0 0 0 1 0");
    ck_assert_str_eq(DELIVERED(with_role(parley_to_all(), "user"), user("bob")), "0 1 1 1 0");
    ck_assert_str_eq(DELIVERED(with_role(parley_to_all(), "")), "0 0 0 0 0"); /* nobody has it */
}
END_TEST

START_TEST(a_role_and_the_channel_of_it)
{
    ck_assert_str_eq(DELIVERED(with_role(channel("room"), "moderator"), channel("room")),
                     "1 1 0 1 1");
}
END_TEST

static parley_verdict drop(parley_host *h, parley_message *m)
{
    (void)h;
    (void)m;
    return PARLEY_DROP;
}

START_TEST(a_drop_shows_its_author_what_he_would_have_seen)
{
    people();
    a.on_message = drop;
    say(ann, "room");
    ck_assert_str_eq(got("say"), "1 0 0 0 0");
    b.on_message = but_author;
    kit_join(k, bob2, "room");
    say(bob, "room");
    ck_assert_str_eq(got("say"), "1 0 1 0 0");
}
END_TEST

static parley_packet *packet;
static parley_to send_to;
static int sent;

static int send_it(parley_host *h, const parley_request *q, parley_out *answer)
{
    (void)q;
    (void)answer;
    packet = parley_pack(parley_message_new(h, "packet"));
    sent = parley_send_packet(h, packet, send_to);
    parley_packet_release(packet);
    return 204;
}

static const char *packed(parley_to to)
{
    send_to = to;
    a.serve = send_it;
    ck_assert_int_eq(kit_admin(k, "GET", "/admin/a/it", NULL, NULL), 204);
    return got("packet");
}

START_TEST(packets)
{
    parley_client gone = kit_connect(k, "gone", "");

    people();
    kit_disconnect(k, gone);
    ck_assert_str_eq(packed(channel("hall")), "1 0 1 0 0");
    ck_assert_str_eq(packed(user("bob")), "1 1 2 0 0");
    ck_assert_str_eq(packed(parley_to_client(mod)), "1 1 2 1 0");
    ck_assert_str_eq(packed(with_role(channel("ROOM"), "moderator")), "1 1 2 2 0");
    ck_assert_str_eq(packed(channel("nowhere")), "1 1 2 2 0");
    ck_assert_str_eq(packed(user("gone")), "1 1 2 2 0");
    ck_assert_str_eq(packed(parley_to_client(gone)), "1 1 2 2 0");
    ck_assert_int_eq(sent, 0);
    packed(channel(""));
    ck_assert_int_eq(sent, -EINVAL);
    packed(user(NULL));
    ck_assert_int_eq(sent, -EINVAL);
    packed(parley_to_client((parley_client){0}));
    ck_assert_int_eq(sent, -EINVAL);
    packed((parley_to){.struct_size = sizeof(parley_to), .kind = 9});
    ck_assert_int_eq(sent, -EINVAL);
    packed((parley_to){.kind = PARLEY_TO_ALL}); /* of no size: nothing of it may be read */
    ck_assert_int_eq(sent, -EINVAL);
}
END_TEST

/* A plugin that was built when there was no `but_user` yet. */
START_TEST(a_shorter_target)
{
    parley_to to = parley_to_all();

    people();
    to.but_user = PARLEY_STR("bob");
    to.flags = PARLEY_NOT_DASHBOARDS;
    to.struct_size = offsetof(parley_to, but_user);
    ck_assert_str_eq(packed(to), "1 1 1 1 1");
}
END_TEST

START_TEST(named_again_and_again)
{
    static parley_to many[8];

    people();
    for (size_t i = 0; i < 8; i++)
        many[i] = user("bob");
    ck_assert_str_eq(delivered(8, many), "0 1 1 0 0");
}
END_TEST

/* --- names that lie in the message itself --- */

/* The first letters of its channel's name are the name of another channel. */
static parley_verdict to_the_beginning(parley_host *h, parley_message *m)
{
    parley_str name = parley_message_channel(m);

    (void)h;
    name.n = 2;
    ck_assert_int_eq(parley_deliver(m, parley_to_channel(name)), 0);
    return PARLEY_PASS;
}

START_TEST(a_part_of_a_name_is_another_name)
{
    people();
    kit_join(k, board, "ro");
    b.on_message = to_the_beginning;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_str_eq(got("say"), "0 0 0 0 1");
    member_is(kit_last(k, board, "say"), "payload.offset", NULL);
}
END_TEST

/* A name in memory that is somebody else's when the message is delivered. */
static parley_verdict to_passing_names(parley_host *h, parley_message *m)
{
    char room[] = "ROOM", user[] = "mod";
    parley_to to = parley_to_channel(str_of(room));

    (void)h;
    to.but_user = str_of(user);
    ck_assert_int_eq(parley_deliver(m, to), 0);
    memset(room, 'x', sizeof room - 1);
    memset(user, 'x', sizeof user - 1);
    return PARLEY_PASS;
}

START_TEST(names_are_kept)
{
    people();
    b.on_message = to_passing_names;
    ck_assert_int_eq(say(ann, "room"), PARLEY_PASS);
    ck_assert_str_eq(got("say"), "1 1 0 0 1");
    member_is(kit_last(k, ann, "say"), "payload.offset", "1");
}
END_TEST

/* Its author and its channel, named by what was read of the message. */
static parley_verdict to_its_own(parley_host *h, parley_message *m)
{
    parley_to to = parley_to_channel(parley_message_channel(m));

    (void)h;
    to.but_user = parley_message_user(m);
    ck_assert_int_eq(parley_deliver(m, to), 0);
    return PARLEY_PASS;
}

START_TEST(its_own_names)
{
    people();
    b.on_message = to_its_own;
    ck_assert_int_eq(say(ann, "ROOM"), PARLEY_PASS);
    ck_assert_str_eq(got("say"), "0 1 0 1 1");
    member_is(kit_last(k, bob, "say"), "payload.offset", "1");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("deliver");

    tcase_add_test(t, a_channel);
    tcase_add_test(t, a_channel_and_somebody_who_is_in_it);
    tcase_add_test(t, somebody_and_then_his_channel);
    tcase_add_test(t, two_channels_with_members_in_common);
    tcase_add_test(t, all_and_some_of_them);
    tcase_add_test(t, who_is_left_out_by_one_is_named_by_another);
    tcase_add_test(t, who_is_left_out);
    tcase_add_test(t, one_connection_is_left_out);
    tcase_add_test(t, those_of_a_role);
    tcase_add_test(t, a_role_and_the_channel_of_it);
    tcase_add_test(t, a_drop_shows_its_author_what_he_would_have_seen);
    tcase_add_test(t, packets);
    tcase_add_test(t, a_shorter_target);
    tcase_add_test(t, named_again_and_again);
    tcase_add_test(t, a_part_of_a_name_is_another_name);
    tcase_add_test(t, names_are_kept);
    tcase_add_test(t, its_own_names);
    return run_tests("deliver", t);
}
