/* A message's memory: used again and again, its payload replaced or edited whole, or not at all. */
#include "base/str.h"
#include "host_table.h"
#include "message/message.h"
#include "message/packet.h"

#include <parley/auth.h>

#include <check.h>
#include <stdlib.h>

static struct message *m;

static void setup(void)
{
    m = message_new();
    buf_add_cstr(&m->payload, "{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}");
}

static void teardown(void)
{
    message_destroy(m);
}

static void payload_is(const char *text)
{
    ck_assert_str_eq(m->payload.p, text);
    ck_assert_uint_eq(m->payload.n, strlen(text));
}

START_TEST(parsed_once)
{
    const parley_value *v = message_parsed(m);

    ck_assert_int_eq(value_as_int(value_get(v, "a"), 0), 1);
    ck_assert_ptr_eq(message_parsed(m), v);
}
END_TEST

START_TEST(what_is_no_json_is_not_parsed)
{
    buf_add_char(&m->payload, '}');
    ck_assert_ptr_null(message_parsed(m));
}
END_TEST

START_TEST(members_replace_or_join)
{
    struct out o;

    message_parsed(m);
    out_init(&o, 0);
    out_put_str(&o.pub, "d", PARLEY_STR("y"));
    out_put_int(&o.pub, "e", 5);
    out_put_bool(&o.pub, "b", true);
    ck_assert_int_eq(message_merge(m, &o), 0);
    payload_is("{\"a\":1,\"b\":true,\"d\":\"y\",\"e\":5}");
    ck_assert_int_eq(value_as_int(value_get(message_parsed(m), "e"), 0), 5);
}
END_TEST

START_TEST(an_empty_edit_changes_nothing)
{
    struct out o;

    out_init(&o, 0);
    ck_assert_int_eq(message_merge(m, &o), 0);
    payload_is("{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}");
}
END_TEST

START_TEST(a_broken_edit_changes_nothing)
{
    struct out o;

    out_init(&o, 0);
    out_put_str(&o.pub, "d", PARLEY_STR("y"));
    out_open_list(&o.pub, "open");
    ck_assert_int_eq(message_merge(m, &o), -EINVAL);
    payload_is("{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}");
    out_init(&o, 4);
    out_put_str(&o.pub, "d", PARLEY_STR("longer than that"));
    ck_assert_int_eq(message_replace_payload(m, &o), -E2BIG);
    payload_is("{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}");
    ck_assert_ptr_nonnull(message_parsed(m));
}
END_TEST

START_TEST(the_same_key_twice_is_no_edit)
{
    struct out o;

    out_init(&o, 0);
    out_put_int(&o.pub, "d", 1);
    out_put_int(&o.pub, "d", 2);
    ck_assert_int_eq(message_merge(m, &o), -EINVAL);
    payload_is("{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}");
}
END_TEST

START_TEST(what_cannot_be_read_cannot_be_edited)
{
    struct out o;

    buf_add_char(&m->payload, '}');
    out_init(&o, 0);
    out_put_str(&o.pub, "d", PARLEY_STR("y"));
    ck_assert_int_eq(message_merge(m, &o), -ENOMEM);
    payload_is("{\"a\":1,\"b\":{\"c\":[1,2]},\"d\":\"x\"}}");
}
END_TEST

START_TEST(replaced_whole)
{
    const parley_value *before = message_parsed(m);
    struct out o;

    out_init(&o, 0);
    out_put_int(&o.pub, "z", 26);
    ck_assert_int_eq(message_replace_payload(m, &o), 0);
    payload_is("{\"z\":26}");
    ck_assert_ptr_ne(message_parsed(m), before);
    ck_assert_int_eq(value_as_int(value_get(before, "a"), 0), 1); /* whoever reads it still may */
}
END_TEST

START_TEST(used_again_it_is_as_new)
{
    struct packet_parts parts = {.type = PARLEY_STR("t")};
    parley_identity i = {
        .struct_size = sizeof i, .user = PARLEY_STR("u"), .username = PARLEY_STR("n")};
    struct message *fresh = message_new();
    char *memory = m->payload.p;
    struct packet *p = packet_new(&parts);

    m->identity = identity_new(&i, NULL);
    m->packet = packet_ref(p);
    m->cache_id = 7;
    m->dropped_by = "x";
    m->outcome.verdict = PARLEY_REJECT;
    for (int n = 0; n < 100; n++)
        ck_assert_ptr_nonnull(arena_alloc(&m->arena, 1000));
    message_parsed(m);
    message_reset(m);
    ck_assert_uint_eq(atomic_load(&p->refs), 1);
    ck_assert_ptr_eq(m->payload.p, memory);
    ck_assert_uint_eq(m->payload.n, 0);
    ck_assert_ptr_null(m->arena.blocks);
    fresh->payload = m->payload;
    fresh->arena = m->arena;
    ck_assert_mem_eq(m, fresh, sizeof *m);
    buf_init(&fresh->payload, 0);
    arena_init(&fresh->arena, 0);
    message_destroy(fresh);
    message_destroy(NULL);
    packet_unref(p);
}
END_TEST

START_TEST(its_mail_leads_back_to_it)
{
    ck_assert_ptr_eq(message_of_mail(&m->mail), m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("message");
    TCase *t = tcase_create("message");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, parsed_once);
    tcase_add_test(t, what_is_no_json_is_not_parsed);
    tcase_add_test(t, members_replace_or_join);
    tcase_add_test(t, an_empty_edit_changes_nothing);
    tcase_add_test(t, a_broken_edit_changes_nothing);
    tcase_add_test(t, the_same_key_twice_is_no_edit);
    tcase_add_test(t, what_cannot_be_read_cannot_be_edited);
    tcase_add_test(t, replaced_whole);
    tcase_add_test(t, used_again_it_is_as_new);
    tcase_add_test(t, its_mail_leads_back_to_it);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
