/* Series by label: found again by exactly what they were kept under, by any thread, at any time. */
#include "base/metrics.h"
#include "base/str.h"
#include "plugin/series.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

static struct series s;
static char places[SERIES_MOST + 100]; /* whose addresses stand for metrics */

static struct metric *place(size_t i)
{
    return (struct metric *)(void *)&places[i];
}

static void setup(void)
{
    s = (struct series){NULL};
}

static void teardown(void)
{
    series_finish(&s);
}

static void is(size_t index, const char *label, struct metric *m)
{
    ck_assert_ptr_eq(series_find(&s, index, str_of(label)), m);
}

START_TEST(found_by_metric_and_label)
{
    is(0, "general", NULL);
    series_keep(&s, 0, PARLEY_STR("general"), place(1));
    series_keep(&s, 1, PARLEY_STR("general"), place(2));
    series_keep(&s, 0, PARLEY_STR(""), place(3));
    is(0, "general", place(1));
    is(1, "general", place(2));
    is(2, "general", NULL);
    is(0, "", place(3));
    is(1, "", NULL);
    is(0, "general2", NULL);
    is(0, "genera", NULL);
    is(0, "General", NULL);
}
END_TEST

START_TEST(labels_are_copied_and_the_first_stays)
{
    char label[] = "mine";

    series_keep(&s, 0, str_of(label), place(1));
    memset(label, 'x', 4);
    is(0, "mine", place(1));
    series_keep(&s, 0, PARLEY_STR("mine"), place(2));
    is(0, "mine", place(1));
    series_keep(&s, 0, PARLEY_STR("none"), NULL); /* there was no memory for it */
    is(0, "none", NULL);
}
END_TEST

START_TEST(any_number_up_to_the_most)
{
    char label[16];

    for (size_t i = 0; i < SERIES_MOST + 50; i++) {
        snprintf(label, sizeof label, "l%zu", i);
        series_keep(&s, i % 3, str_of(label), place(i));
        is(i % 3, label, i < SERIES_MOST ? place(i) : NULL);
    }
    for (size_t i = 0; i < SERIES_MOST; i++) {
        snprintf(label, sizeof label, "l%zu", i);
        is(i % 3, label, place(i));
        is((i + 1) % 3, label, NULL);
    }
}
END_TEST

START_TEST(long_labels_are_not_kept)
{
    char label[SERIES_LABEL_BYTES + 2];

    memset(label, 'x', sizeof label);
    label[sizeof label - 1] = '\0';
    series_keep(&s, 0, str_of(label), place(1));
    is(0, label, NULL);
    label[sizeof label - 2] = '\0';
    series_keep(&s, 0, str_of(label), place(1));
    is(0, label, place(1));
}
END_TEST

#define THREADS 4
#define LABELS  700

/* Each keeps all of them, and finds what it kept, whoever was first. */
static void *keep_all(void *arg)
{
    size_t from = (size_t)(uintptr_t)arg * 173;
    uintptr_t wrong = 0;
    char label[16];

    for (size_t k = 0; k < LABELS; k++) {
        size_t i = (from + k) % LABELS;
        struct metric *m;

        snprintf(label, sizeof label, "l%zu", i);
        m = series_find(&s, 0, str_of(label));
        wrong += m && m != place(i);
        series_keep(&s, 0, str_of(label), place(i));
        wrong += series_find(&s, 0, str_of(label)) != place(i);
    }
    return (void *)wrong;
}

START_TEST(many_threads_at_once)
{
    pthread_t threads[THREADS];
    void *wrong;

    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, keep_all, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("series");
    TCase *t = tcase_create("series");
    SRunner *r;
    int failed;

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, found_by_metric_and_label);
    tcase_add_test(t, labels_are_copied_and_the_first_stays);
    tcase_add_test(t, any_number_up_to_the_most);
    tcase_add_test(t, long_labels_are_not_kept);
    tcase_add_test(t, many_threads_at_once);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
