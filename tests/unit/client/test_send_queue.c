/* The send queue: its bounds are asked before anything is taken, its order holds while the ring
 * turns, and what it charges is exactly what is left in it. */
#include "client/send_queue.h"

#include <check.h>
#include <stdlib.h>

static struct frame *batch(unsigned frames) /* of 5 bytes each */
{
    char bytes[5 * 64];

    ck_assert_uint_le(frames, 64);
    for (unsigned i = 0; i < frames; i++)
        memcpy(bytes + 5 * i,
               "\x81\x03"
               "abc",
               5);
    return frame_of_bytes(bytes, 5 * (size_t)frames, frames);
}

START_TEST(bounds)
{
    struct send_queue q = {0};
    struct frame *f = batch(4);

    ck_assert_int_eq(send_queue_push(&q, f, 0, 20, 4, LANE_ORDERED, true, 30, 10), 0);
    ck_assert_int_eq(send_queue_push(&q, f, 0, 15, 3, LANE_ORDERED, true, 30, 10), -ENOBUFS);
    ck_assert_int_eq(send_queue_push(&q, f, 0, 10, 2, LANE_ORDERED, true, 30, 5), -ENOBUFS);
    ck_assert_uint_eq(q.count, 1);
    ck_assert_uint_eq(f->refs, 2);
    ck_assert_int_eq(send_queue_push(&q, f, 0, 10, 2, LANE_ORDERED, true, 30, 6), 0);
    ck_assert_uint_eq(q.bytes, 30);
    ck_assert_uint_eq(q.messages, 6);
    /* a greeting is not counted, nor bounded; nor is anything with bounds of 0 */
    ck_assert_int_eq(send_queue_push(&q, f, 0, 20, 4, LANE_ORDERED, false, 30, 6), 0);
    ck_assert_uint_eq(q.bytes, 30);
    ck_assert_int_eq(send_queue_push(&q, f, 0, 20, 4, LANE_ORDERED, true, 0, 0), 0);
    ck_assert_uint_eq(q.bytes, 50);
    send_queue_finish(&q);
    ck_assert_uint_eq(q.bytes + q.messages + q.uncounted + q.count, 0);
    ck_assert_ptr_null(q.entries);
    ck_assert_uint_eq(f->refs, 1);
    frame_unref(f);
}
END_TEST

START_TEST(what_is_not_counted_has_an_end_too)
{
    struct send_queue q = {0};
    struct frame *f = batch(1);

    for (int i = 0; i < SEND_QUEUE_UNCOUNTED; i++)
        ck_assert_int_eq(send_queue_push(&q, f, 0, 5, 1, LANE_ORDERED, false, 1, 1), 0);
    ck_assert_int_eq(send_queue_push(&q, f, 0, 5, 1, LANE_ORDERED, false, 1, 1), -ENOBUFS);
    ck_assert_int_eq(send_queue_push(&q, f, 0, 5, 1, LANE_ORDERED, true, 5, 1), 0);
    send_queue_finish(&q);
    frame_unref(f);
}
END_TEST

START_TEST(advance_in_parts)
{
    struct send_queue q = {.greeting_since_ms = 7};
    struct frame *f = batch(4);

    ck_assert_int_eq(send_queue_push(&q, f, 0, 20, 4, LANE_ORDERED, false, 0, 0), 0);
    ck_assert_int_eq(send_queue_push(&q, f, 5, 20, 3, LANE_ORDERED, true, 0, 0), 0);
    ck_assert_uint_eq(send_queue_advance(&q, 10), 2);
    ck_assert_uint_eq(send_queue_peek(&q)->from, 10);
    ck_assert_uint_eq(q.bytes, 15);
    ck_assert_int_eq(q.greeting_since_ms, 7);
    ck_assert_uint_eq(send_queue_advance(&q, 10), 2);
    ck_assert_int_eq(q.greeting_since_ms, 0);
    ck_assert_uint_eq(send_queue_peek(&q)->from, 5);
    ck_assert_uint_eq(send_queue_advance(&q, 5), 1);
    ck_assert_uint_eq(q.bytes, 10);
    ck_assert_uint_eq(q.messages, 2);
    ck_assert_uint_eq(f->refs, 2);
    ck_assert_uint_eq(send_queue_advance(&q, 10), 2);
    ck_assert_ptr_null(send_queue_peek(&q));
    ck_assert_ptr_null(q.entries);
    ck_assert_uint_eq(q.bytes + q.messages, 0);
    ck_assert_uint_eq(f->refs, 1);
    frame_unref(f);
}
END_TEST

START_TEST(order_while_the_ring_turns)
{
    struct send_queue q = {0};
    struct frame *f = batch(64);
    uint32_t in = 0, out = 0;

    for (int round = 0; round < 1000; round++) {
        unsigned more = (unsigned)(round * 7) % 13, less = (unsigned)(round * 5) % 11;

        for (; more; more--, in++)
            ck_assert_int_eq(send_queue_push(&q, f, 5 * (in % 64), 5 * (in % 64) + 5, 1,
                                             LANE_ORDERED, true, 0, 0),
                             0);
        for (uint32_t i = 0; i < q.count; i++)
            ck_assert_uint_eq(send_queue_at(&q, i)->from, 5 * ((out + i) % 64));
        for (; less && send_queue_peek(&q); less--, out++)
            send_queue_advance(&q, 5);
        ck_assert_uint_eq(q.count, in - out);
        ck_assert_uint_eq(q.bytes, 5 * (in - out));
    }
    send_queue_finish(&q);
    ck_assert_uint_eq(f->refs, 1);
    frame_unref(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("send_queue");
    TCase *t = tcase_create("send_queue");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_test(t, bounds);
    tcase_add_test(t, what_is_not_counted_has_an_end_too);
    tcase_add_test(t, advance_in_parts);
    tcase_add_test(t, order_while_the_ring_turns);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
