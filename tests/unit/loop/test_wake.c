/* Who is woken for mail, and when. A loop that is never run keeps what it was told: whether it has
 * been woken can be seen. Also run under ThreadSanitizer. */
#include "base/clock.h"
#include "loop/loop.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

struct there { /* whom the mail is for */
    struct loop loop;
    struct actor actor; /* only counts */
    int got;
    ev_timer timer;
    bool timed;
};
struct poster { /* posts to him from a loop of its own */
    struct actor actor;
    struct loop loop;
    struct there *to;
    int got, posts_a_mail;
    int slow_at;    /* the mail behind which the clock has gone on */
    int woken_from; /* the first mail at which he was found woken; 0: none */
};

static struct there *there_of(struct actor *a)
{
    return (struct there *)((char *)a - offsetof(struct there, actor));
}

static void on_there(struct actor *a, struct mail *m)
{
    there_of(a)->got++;
    free(m);
}

static void there_begin(struct there *t)
{
    *t = (struct there){.actor = {.name = "pump 1", .domain = DOMAIN_PUMP, .on_mail = on_there}};
    ck_assert_int_eq(loop_init(&t->loop, false), 0);
    loop_add(&t->loop, &t->actor);
}

/* @param sent  Mails that it must have got. */
static void there_end(struct there *t, int sent)
{
    loop_drain(&t->loop);
    ck_assert_int_eq(t->got, sent);
    loop_finish(&t->loop);
}

static bool is_woken(struct there *t)
{
    return ev_async_pending(&t->loop.wake);
}

static struct mail *new_mail(void)
{
    struct mail *m = malloc(sizeof *m);

    ck_assert_ptr_nonnull(m);
    return m;
}

static void on_poster(struct actor *a, struct mail *m)
{
    struct poster *p = (struct poster *)a;

    free(m);
    p->got++;
    if (is_woken(p->to) && !p->woken_from)
        p->woken_from = p->got;
    for (int i = 0; i < p->posts_a_mail; i++)
        actor_post(&p->to->actor, new_mail(), MAIL_FIRST);
    for (int64_t t = clock_mono_coarse_ms(); p->got == p->slow_at && t == clock_mono_coarse_ms();)
        ;
}

static void poster_run(struct poster *p, struct there *to, int mails)
{
    p->actor = (struct actor){.name = "hub", .domain = DOMAIN_HUB, .on_mail = on_poster};
    p->to = to;
    ck_assert_int_eq(loop_init(&p->loop, false), 0);
    loop_add(&p->loop, &p->actor);
    for (int i = 0; i < mails; i++)
        actor_post(&p->actor, new_mail(), MAIL_FIRST);
    loop_drain(&p->loop);
    ck_assert_int_eq(p->got, mails);
    loop_finish(&p->loop);
}

START_TEST(who_runs_on_no_loop_wakes_at_once)
{
    struct there t;

    there_begin(&t);
    ck_assert(!is_woken(&t));
    actor_post(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(is_woken(&t));
    there_end(&t, 1);
}
END_TEST

/* The look at 64 mails is not reached: 20 posts of one turn. A turn that is interrupted for long
 * wakes earlier, so it may take a few tries to see one that is not. */
START_TEST(a_loop_wakes_others_behind_its_own_mail)
{
    bool seen = false;

    for (int i = 0; i < 100 && !seen; i++) {
        struct poster p = {.posts_a_mail = 1};
        struct there t;

        there_begin(&t);
        poster_run(&p, &t, 20);
        ck_assert(is_woken(&t));
        seen = p.woken_from == 0;
        there_end(&t, 20);
    }
    ck_assert(seen);
}
END_TEST

START_TEST(but_not_later_than_behind_64_posts)
{
    struct poster p = {.posts_a_mail = 10};
    struct there t;

    there_begin(&t);
    poster_run(&p, &t, 20);
    ck_assert_int_gt(p.woken_from, 0);
    ck_assert_int_le(p.woken_from, 8);
    there_end(&t, 200);
}
END_TEST

START_TEST(and_not_later_than_behind_a_slow_mail)
{
    struct poster p = {.posts_a_mail = 1, .slow_at = 3};
    struct there t;

    there_begin(&t);
    poster_run(&p, &t, 20);
    ck_assert_int_gt(p.woken_from, 0);
    ck_assert_int_le(p.woken_from, 4);
    there_end(&t, 20);
}
END_TEST

enum { MANY = LOOP_DUE + 4 };

static void on_fan(struct actor *a, struct mail *m)
{
    struct poster *p = (struct poster *)a;

    p->got++;
    free(m);
    for (int i = 0; i < MANY; i++)
        actor_post(&p->to[i].actor, new_mail(), MAIL_FIRST);
}

START_TEST(any_number_of_loops_is_woken)
{
    struct there t[MANY];
    struct poster p = {.actor = {.name = "hub", .domain = DOMAIN_HUB, .on_mail = on_fan}, .to = t};

    for (int i = 0; i < MANY; i++)
        there_begin(&t[i]);
    ck_assert_int_eq(loop_init(&p.loop, false), 0);
    loop_add(&p.loop, &p.actor);
    actor_post(&p.actor, new_mail(), MAIL_FIRST);
    loop_drain(&p.loop);
    loop_finish(&p.loop);
    for (int i = 0; i < MANY; i++) {
        ck_assert(is_woken(&t[i]));
        there_end(&t[i], 1);
    }
}
END_TEST

START_TEST(patient_mail_wakes_as_any_other)
{
    struct there t;

    there_begin(&t);
    actor_post_patient(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(is_woken(&t));
    there_end(&t, 1);
}
END_TEST

START_TEST(but_not_one_who_dozes_until_there_is_much_of_it)
{
    struct there t;

    there_begin(&t);
    loop_doze(&t.loop);
    for (int i = 0; i < 255; i++)
        actor_post_patient(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(!is_woken(&t));
    actor_post_patient(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(is_woken(&t));
    there_end(&t, 256);
}
END_TEST

START_TEST(other_mail_wakes_him_whatever_lies_before_it)
{
    struct there t;

    there_begin(&t);
    loop_doze(&t.loop);
    actor_post_patient(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(!is_woken(&t));
    actor_post(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(is_woken(&t));
    there_end(&t, 2);
}
END_TEST

START_TEST(a_turn_ends_the_doze)
{
    struct there t;

    there_begin(&t);
    loop_doze(&t.loop);
    loop_drain(&t.loop);
    actor_post_patient(&t.actor, new_mail(), MAIL_FIRST);
    ck_assert(is_woken(&t));
    there_end(&t, 1);
}
END_TEST

static void on_time(struct ev_loop *ev, ev_timer *w, int events)
{
    struct there *t = w->data;

    (void)ev;
    (void)events;
    t->timed = false;
}

/* Every other flush it says that a timer will wake it. */
static void doze_now_and_then(struct actor *a)
{
    struct there *t = there_of(a);

    if (t->timed || t->got % 2)
        return;
    t->timed = true;
    ev_timer_set(&t->timer, 0.0005, 0.);
    ev_timer_start(t->loop.ev, &t->timer);
    loop_doze(&t->loop);
}

/* A wake-up that is lost leaves mail in the box of a loop that sleeps, without a timer, until the
 * tick: bursts that each take that long are told from those that do not by the test's time limit.
 */
START_TEST(no_wake_up_is_lost)
{
    enum { BURSTS = 3000 };
    struct there t;
    int sent = 0;

    there_begin(&t);
    ev_timer_stop(t.loop.ev, &t.loop.tick);
    t.actor.flush = doze_now_and_then;
    ev_timer_init(&t.timer, on_time, 0., 0.);
    t.timer.data = &t;
    ck_assert_int_eq(loop_start(&t.loop, "pump 1"), 0);
    for (int i = 0; i < BURSTS; i++) {
        for (int k = 0; k <= i % 5; k++, sent++)
            (k == 3 ? actor_post : actor_post_patient)(&t.actor, new_mail(), MAIL_FIRST);
        while (i % 3 && actor_depth(&t.actor))
            sched_yield();
    }
    while (actor_depth(&t.actor))
        sched_yield();
    loop_stop(&t.loop);
    loop_join(&t.loop);
    ev_timer_stop(t.loop.ev, &t.timer);
    there_end(&t, sent);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wake");
    TCase *c = tcase_create("wake");

    tcase_set_timeout(c, 60);
    tcase_add_test(c, who_runs_on_no_loop_wakes_at_once);
    tcase_add_test(c, a_loop_wakes_others_behind_its_own_mail);
    tcase_add_test(c, but_not_later_than_behind_64_posts);
    tcase_add_test(c, and_not_later_than_behind_a_slow_mail);
    tcase_add_test(c, any_number_of_loops_is_woken);
    tcase_add_test(c, patient_mail_wakes_as_any_other);
    tcase_add_test(c, but_not_one_who_dozes_until_there_is_much_of_it);
    tcase_add_test(c, other_mail_wakes_him_whatever_lies_before_it);
    tcase_add_test(c, a_turn_ends_the_doze);
    tcase_add_test(c, no_wake_up_is_lost);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
