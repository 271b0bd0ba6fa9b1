/* Frames: their headers at every length of length, and the way back; and that the last reference
 * frees. */
#include "base/str.h"
#include "client/frame.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

static const size_t sizes[] = {0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000, 1 << 20};
#define SIZES (sizeof sizes / sizeof *sizes)

START_TEST(header_and_back)
{
    size_t n = sizes[_i];
    char *payload = malloc(n + 1);
    struct frame *f;

    memset(payload, 'x', n);
    f = frame_new(FRAME_TEXT, (parley_str){payload, n});
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(f->count, 1);
    ck_assert_uint_eq(f->n, n + (n < 126 ? 2 : n < 65536 ? 4 : 10));
    ck_assert_int_eq((unsigned char)f->bytes[0], 0x81); /* final, text, and no mask */
    ck_assert_int_eq((unsigned char)f->bytes[1], n < 126 ? (int)n : n < 65536 ? 126 : 127);
    ck_assert_mem_eq(f->bytes + f->n - n, payload, n);
    ck_assert_uint_eq(frame_length(f->bytes, f->n), f->n);
    ck_assert_uint_eq(frame_length(f->bytes, f->n + 5), f->n);
    for (size_t cut = 0; cut < f->n && cut < 12; cut++)
        ck_assert_uint_eq(frame_length(f->bytes, cut), 0);
    ck_assert_uint_eq(frame_length(f->bytes, f->n - 1), 0);
    frame_unref(f);
    free(payload);
}
END_TEST

/* The same frame, whatever was expected of its payload, and in whatever pieces that came. */
START_TEST(written_in_its_place)
{
    size_t n = sizes[_i];
    char *payload = malloc(n + 1);
    struct frame *whole, *f;
    struct buf b;

    for (size_t i = 0; i < n; i++)
        payload[i] = (char)(i * 7 + i / 251);
    whole = frame_new(FRAME_TEXT, (parley_str){payload, n});
    for (size_t k = 0; k < SIZES; k++) {
        frame_begin(&b, sizes[k]);
        buf_add(&b, payload, n / 3);
        buf_add(&b, payload + n / 3, n - n / 3);
        f = frame_end(&b, FRAME_TEXT, sizes[k]);
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(f->n, whole->n);
        ck_assert_uint_eq(f->count, 1);
        ck_assert(memcmp(f->bytes, whole->bytes, f->n) == 0);
        ck_assert_ptr_null(b.p);
        frame_unref(f);
    }
    frame_unref(whole);
    free(payload);
}
END_TEST

START_TEST(what_went_wrong_is_no_frame)
{
    struct buf b;

    frame_begin(&b, 10);
    b.error = -ENOMEM;
    ck_assert_ptr_null(frame_end(&b, FRAME_TEXT, 10));
    ck_assert_int_eq(b.error, -ENOMEM);
    buf_finish(&b);
}
END_TEST

START_TEST(header_is_network_order)
{
    char h[FRAME_HEADER_BYTES];

    ck_assert_uint_eq(frame_header(h, FRAME_CLOSE, 0x0203), 4);
    ck_assert_mem_eq(h, "\x88\x7e\x02\x03", 4);
    ck_assert_uint_eq(frame_header(h, FRAME_PING, 0x01020304), 10);
    ck_assert_mem_eq(h, "\x89\x7f\0\0\0\0\x01\x02\x03\x04", 10);
}
END_TEST

/* A length that overflows is not there, rather than short. */
START_TEST(monstrous_length)
{
    char h[12] = "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff";

    ck_assert_uint_eq(frame_length(h, sizeof h), 0);
}
END_TEST

START_TEST(many_in_one)
{
    struct frame *a = frame_new(FRAME_TEXT, PARLEY_STR("one"));
    struct frame *b = frame_new(FRAME_TEXT, PARLEY_STR(""));
    char both[16];
    struct frame *f;

    memcpy(both, a->bytes, a->n);
    memcpy(both + a->n, b->bytes, b->n);
    ck_assert_uint_eq(frame_count(both, a->n + b->n), 2);
    ck_assert_uint_eq(frame_count(both, a->n), 1);
    ck_assert_uint_eq(frame_count(both, 0), 0);
    ck_assert_uint_eq(frame_count(both, a->n + 1), 1);
    f = frame_of_bytes(both, a->n + b->n, 2);
    ck_assert_uint_eq(f->count, 2);
    ck_assert_mem_eq(f->bytes, both, f->n);
    frame_unref(f);
    frame_unref(a);
    frame_unref(b);
    frame_unref(NULL);
}
END_TEST

static void *hold_and_drop(void *f)
{
    for (int i = 0; i < 20000; i++)
        frame_unref(frame_ref(f));
    frame_unref(f);
    return NULL;
}

START_TEST(counted_by_many_threads)
{
    struct frame *f = frame_new(FRAME_TEXT, PARLEY_STR("shared"));
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, hold_and_drop, frame_ref(f));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    ck_assert_uint_eq(f->refs, 1);
    frame_unref(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frame");
    TCase *t = tcase_create("frame");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_add_loop_test(t, header_and_back, 0, SIZES);
    tcase_add_loop_test(t, written_in_its_place, 0, SIZES);
    tcase_add_test(t, what_went_wrong_is_no_frame);
    tcase_add_test(t, header_is_network_order);
    tcase_add_test(t, monstrous_length);
    tcase_add_test(t, many_in_one);
    tcase_add_test(t, counted_by_many_threads);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
