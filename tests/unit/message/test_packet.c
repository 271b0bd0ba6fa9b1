/* Packets: copied once, counted, and encoded once for each protocol that is asked for. */
#include "two_protocols.h"

static struct packet *packet(void)
{
    char type[] = "say", sender[] = "ann", payload[] = "{}", channel[] = "room", epoch[] = "e";
    const struct packet_parts parts = {.type = str_of(type),
                                       .sender = str_of(sender),
                                       .payload = str_of(payload),
                                       .channel = str_of(channel),
                                       .epoch = str_of(epoch),
                                       .cache_id = 3,
                                       .offset = 4,
                                       .lane = LANE_EPHEMERAL};
    struct packet *p = packet_new(&parts);

    memset(type, 'x', 3);
    memset(payload, 'x', 2);
    memset(channel, 'x', 4);
    return p;
}

static void setup(void)
{
    encoded = encode_result = 0;
}

START_TEST(all_is_copied)
{
    struct packet *p = packet();

    ck_assert_pstr_eq(p->type.p, "say");
    ck_assert_pstr_eq(p->sender.p, "ann");
    ck_assert_pstr_eq(p->payload.p, "{}");
    ck_assert_pstr_eq(p->channel.p, "room");
    ck_assert_pstr_eq(p->epoch.p, "e");
    ck_assert_int_eq(p->lane, LANE_EPHEMERAL);
    packet_unref(p);
}
END_TEST

START_TEST(absent_stays_absent)
{
    const struct packet_parts parts = {.type = PARLEY_STR("t"), .payload = PARLEY_STR("{}")};
    struct packet *p = packet_new(&parts);

    ck_assert_ptr_null(p->sender.p);
    ck_assert_ptr_null(p->channel.p);
    ck_assert_ptr_null(p->epoch.p);
    packet_unref(p);
    packet_unref(NULL);
}
END_TEST

/* However long the payload becomes. */
START_TEST(written_in_its_place)
{
    const struct packet_parts parts = {.type = PARLEY_STR("t"), .epoch = PARLEY_STR("e")};

    for (size_t expected = 0; expected < 300; expected += 37)
        for (size_t n = 0; n < 600; n += 23) {
            struct packet *p;
            struct buf text;

            packet_begin(&text, &parts, expected);
            for (size_t i = 0; i < n; i++)
                buf_add_char(&text, (char)('a' + i % 26));
            p = packet_end(&text, &parts);
            ck_assert_ptr_nonnull(p);
            ck_assert_ptr_null(text.p);
            ck_assert_uint_eq(p->payload.n, n);
            for (size_t i = 0; i < n; i++)
                ck_assert(p->payload.p[i] == (char)('a' + i % 26));
            ck_assert_int_eq(p->payload.p[n], 0);
            ck_assert_str_eq(p->type.p, "t");
            ck_assert_str_eq(p->epoch.p, "e");
            packet_unref(p);
        }
}
END_TEST

START_TEST(what_went_wrong_is_no_packet)
{
    const struct packet_parts parts = {.type = PARLEY_STR("t")};
    struct buf text;

    packet_begin(&text, &parts, 10);
    text.error = -ENOMEM;
    ck_assert_ptr_null(packet_end(&text, &parts));
    ck_assert_ptr_null(text.p);
}
END_TEST

START_TEST(encoded_once_a_protocol)
{
    struct packet *p = packet();
    struct frame *f = packet_frame(p, &registry, 1);

    ck_assert_int_eq(encoded, 1);
    ck_assert_str_eq(text_of(f), "<m type=\"say\" sender=\"ann\" payload=\"{}\" epoch=\"e\" "
                                 "channel=\"room\" 3/4/0");
    ck_assert_ptr_eq(packet_frame(p, &registry, 1), f);
    ck_assert_int_eq(encoded, 1);
    ck_assert_int_eq(text_of(packet_frame(p, &registry, 0))[0], '(');
    ck_assert_int_eq(encoded, 2);
    packet_unref(p);
}
END_TEST

START_TEST(frames_outlive_their_packet)
{
    struct packet *p = packet();
    struct frame *f = frame_ref(packet_frame(p, &registry, 0));

    ck_assert_ptr_eq(packet_ref(p), p);
    packet_unref(p);
    ck_assert_ptr_eq(packet_frame(p, &registry, 0), f);
    packet_unref(p);
    ck_assert_int_eq(text_of(f)[1], 'm');
    frame_unref(f);
}
END_TEST

START_TEST(what_cannot_be_said_in_one_protocol)
{
    struct packet *p = packet();

    encode_result = -EINVAL;
    ck_assert_ptr_null(packet_frame(p, &registry, 0));
    encode_result = 0;
    ck_assert_ptr_nonnull(packet_frame(p, &registry, 1));
    ck_assert_ptr_nonnull(packet_frame(p, &registry, 0)); /* it may have been for want of memory */
    packet_unref(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("packet");
    TCase *t = tcase_create("packet");
    SRunner *r = srunner_create(s);
    int failed;

    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, all_is_copied);
    tcase_add_test(t, absent_stays_absent);
    tcase_add_test(t, written_in_its_place);
    tcase_add_test(t, what_went_wrong_is_no_packet);
    tcase_add_test(t, encoded_once_a_protocol);
    tcase_add_test(t, frames_outlive_their_packet);
    tcase_add_test(t, what_cannot_be_said_in_one_protocol);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
