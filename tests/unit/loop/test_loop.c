/* Loops, mailboxes and workers: order, wake-ups, budget, stopping with mail left. Also run under
 * ThreadSanitizer. */
#include "base/clock.h"
#include "loop/loop.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAIL_NUMBER = MAIL_FIRST, MAIL_PING, MAIL_STOP };

struct number {
    struct mail mail;
    int from, value;
};
struct box {
    struct actor actor; /* first */
    struct box *other;
    int *seen; /* last value by poster */
    int got, flushes, ticks, wrong_domain, disorder;
    int pings_left;
    int stop_at; /* the number of mails at which it stops its loop */
    int post_in_flush;
    int deepest_turn, this_turn; /* mails in one prepare step */
};

static void post_number(struct actor *to, int from, int value)
{
    struct number *n = malloc(sizeof *n);

    ck_assert_ptr_nonnull(n);
    n->from = from;
    n->value = value;
    actor_post(to, &n->mail, MAIL_NUMBER);
}

static void on_mail(struct actor *a, struct mail *m)
{
    struct box *b = (struct box *)a;

    b->wrong_domain += domain_current != a->domain;
    b->got++;
    b->this_turn++;
    if (m->kind == MAIL_NUMBER) {
        struct number *n = (struct number *)m;
        if (b->seen) {
            b->disorder += n->value != b->seen[n->from] + 1;
            b->seen[n->from] = n->value;
        }
        free(n);
    } else if (m->kind == MAIL_PING) {
        if (b->pings_left-- > 0)
            actor_post(&b->other->actor, m, MAIL_PING);
        else
            free(m);
    }
    if (b->got == b->stop_at)
        loop_stop(a->loop);
}

static void on_flush(struct actor *a)
{
    struct box *b = (struct box *)a;

    b->wrong_domain += domain_current != a->domain;
    b->flushes++;
    if (b->post_in_flush > 0) {
        b->post_in_flush--;
        post_number(a, 0, 0);
    }
}

static void on_tick(struct actor *a, int64_t now_ms)
{
    struct box *b = (struct box *)a;

    b->wrong_domain += domain_current != a->domain;
    ck_assert_int_le(llabs(now_ms - clock_mono_ms()), 2000);
    b->ticks++;
    loop_stop(a->loop);
}

static struct box box(const char *name, enum domain d)
{
    return (struct box){
        .actor = {.name = name, .domain = d, .on_mail = on_mail, .flush = on_flush}};
}

START_TEST(mail_comes_in_order_and_in_its_domain)
{
    struct loop l;
    struct box hub = box("hub", DOMAIN_HUB), pump = box("pump 0", DOMAIN_PUMP);
    int seen_hub[1] = {0}, seen_pump[1] = {0};

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &hub.actor);
    loop_add(&l, &pump.actor);
    hub.seen = seen_hub;
    pump.seen = seen_pump;
    for (int i = 1; i <= 1000; i++) {
        post_number(&hub.actor, 0, i);
        post_number(&pump.actor, 0, i);
    }
    ck_assert_int_eq(actor_depth(&hub.actor), 1000);
    loop_stop(&l); /* what was posted before is delivered first */
    loop_run(&l);
    ck_assert_int_eq(hub.got, 1000);
    ck_assert_int_eq(pump.got, 1000);
    ck_assert_int_eq(hub.disorder + pump.disorder, 0);
    ck_assert_int_eq(hub.wrong_domain + pump.wrong_domain, 0);
    ck_assert_int_ge(hub.flushes, 1);
    ck_assert_int_eq(actor_depth(&hub.actor), 0);
    ck_assert_int_eq(domain_current, DOMAIN_NONE);
    loop_finish(&l);
}
END_TEST

/* Two loops that answer each other: each answer needs a wake-up, or the test hangs. */
START_TEST(a_sleeping_loop_is_woken)
{
    struct loop l[2];
    struct box a = box("a", DOMAIN_HUB), b = box("b", DOMAIN_PUMP);

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(loop_init(&l[i], false), 0);
    loop_add(&l[0], &a.actor);
    loop_add(&l[1], &b.actor);
    a.other = &b;
    b.other = &a;
    a.pings_left = b.pings_left = 20000;
    ck_assert_int_eq(loop_start(&l[0], "a"), 0);
    ck_assert_int_eq(loop_start(&l[1], "a name beyond fifteen"), 0);
    struct mail *ping = malloc(sizeof *ping);
    actor_post(&a.actor, ping, MAIL_PING);
    for (int i = 0; i < 5000; i++) { /* the last ping ends with a, which got one more than b */
        struct timespec ms = {.tv_nsec = 1000000};
        nanosleep(&ms, NULL);
        if (actor_depth(&a.actor) + actor_depth(&b.actor) == 0 && i > 100)
            break;
    }
    for (int i = 0; i < 2; i++)
        loop_stop(&l[i]);
    for (int i = 0; i < 2; i++)
        loop_join(&l[i]);
    for (int i = 0; i < 2; i++)
        loop_drain(&l[i]);
    for (int i = 0; i < 2; i++)
        loop_drain(&l[i]);
    ck_assert_int_gt(a.got, 0);
    ck_assert_int_ge(a.got, b.got);
    ck_assert_int_le(a.got - b.got, 1);
    if (a.pings_left >= 0) /* a slow machine: what is left goes round here */
        while (loop_drain(&l[0]) + loop_drain(&l[1]) > 0)
            ;
    ck_assert_int_eq(a.got, 20001);
    ck_assert_int_eq(b.got, 20000);
    for (int i = 0; i < 2; i++)
        loop_finish(&l[i]);
}
END_TEST

enum { POSTERS = 8, EACH = 20000 };
struct poster {
    pthread_t thread;
    struct actor *to;
    int number;
};

static void *post_many(void *arg)
{
    struct poster *p = arg;

    for (int i = 1; i <= EACH; i++)
        post_number(p->to, p->number, i);
    return NULL;
}

START_TEST(many_threads_post_at_once)
{
    struct loop l;
    struct box b = box("b", DOMAIN_HUB);
    int seen[POSTERS] = {0};
    struct poster posters[POSTERS];

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &b.actor);
    b.seen = seen;
    b.stop_at = POSTERS * EACH;
    ck_assert_int_eq(loop_start(&l, "b"), 0);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.to = &b.actor, .number = i};
        ck_assert_int_eq(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    loop_join(&l); /* it stops itself at the last one */
    ck_assert_int_eq(b.got, POSTERS * EACH);
    ck_assert_int_eq(b.disorder, 0);
    ck_assert_int_eq(actor_depth(&b.actor), 0);
    loop_finish(&l);
}
END_TEST

static void note_turn(struct ev_loop *ev, ev_check *w, int events)
{
    struct box *b = w->data;

    (void)ev;
    (void)events;
    if (b->this_turn > b->deepest_turn)
        b->deepest_turn = b->this_turn;
    b->this_turn = 0;
}

/* So that a loop which sleeps over something sleeps for good. */
static void no_tick(struct loop *l)
{
    ev_timer_stop(l->ev, &l->tick);
}

START_TEST(a_flood_leaves_turns_to_sockets)
{
    struct loop l;
    struct box b = box("b", DOMAIN_HUB);
    ev_check check;

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &b.actor);
    ev_check_init(&check, note_turn);
    check.data = &b;
    ev_check_start(l.ev, &check);
    for (int i = 1; i <= 20000; i++)
        post_number(&b.actor, 0, i);
    b.stop_at = 20000;
    no_tick(&l);
    loop_run(&l);
    ck_assert_int_eq(b.got, 20000);
    ck_assert_int_le(b.deepest_turn, 4096 + 64);
    ck_assert_int_ge(b.flushes, 4);
    ev_check_stop(l.ev, &check);
    loop_finish(&l);
}
END_TEST

static void post_from_callback(struct ev_loop *ev, ev_timer *w, int events)
{
    (void)ev;
    (void)events;
    post_number(w->data, 0, 1);
}

static void post_from_check(struct ev_loop *ev, ev_check *w, int events)
{
    (void)events;
    post_number(w->data, 0, 1);
    ev_check_stop(ev, w);
}

static void post_from_prepare(struct ev_loop *ev, ev_prepare *w, int events)
{
    (void)events;
    post_number(w->data, 0, 1);
    ev_prepare_stop(ev, w);
}

/* Posts of the loop's own thread send no wake-up; none may wait for the tick all the same. */
START_TEST(own_posts_are_delivered_before_the_loop_sleeps)
{
    struct loop l;
    struct box b = box("b", DOMAIN_HUB);
    ev_timer timer;
    ev_check check;
    ev_prepare prepare;

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &b.actor);
    ev_timer_init(&timer, post_from_callback, 0.01, 0.);
    ev_timer_start(l.ev, &timer);
    ev_check_init(&check, post_from_check);
    ev_set_priority(&check, EV_MINPRI);
    ev_check_start(l.ev, &check);
    ev_prepare_init(&prepare, post_from_prepare);
    ev_prepare_start(l.ev, &prepare);
    timer.data = check.data = prepare.data = &b.actor;
    b.post_in_flush = 3;
    b.stop_at = 6;
    no_tick(&l);
    loop_run(&l);
    ck_assert_int_eq(b.got, 6);
    ck_assert_int_eq(b.post_in_flush, 0);
    loop_finish(&l);
}
END_TEST

START_TEST(ticks_come_in_their_domain)
{
    struct loop l;
    struct box b = box("b", DOMAIN_PUMP);

    b.actor.on_tick = on_tick;
    ck_assert_int_eq(loop_init(&l, true), 0);
    loop_add(&l, &b.actor);
    loop_run(&l);
    ck_assert_int_eq(b.ticks, 1);
    ck_assert_int_eq(b.wrong_domain, 0);
    loop_finish(&l);
}
END_TEST

static void *stop_soon(void *arg)
{
    struct timespec ms = {.tv_nsec = 20 * 1000000};

    nanosleep(&ms, NULL);
    loop_stop(arg);
    return NULL;
}

START_TEST(stopping_wakes_and_delivers)
{
    struct loop l;
    struct box a = box("a", DOMAIN_HUB), b = box("b", DOMAIN_PUMP);
    pthread_t t;

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &a.actor);
    loop_add(&l, &b.actor);
    ck_assert_int_eq(pthread_create(&t, NULL, stop_soon, &l), 0);
    no_tick(&l);
    loop_run(&l);
    pthread_join(t, NULL);
    for (int i = 1; i <= 10000; i++) /* after its end: loop_drain is there for them */
        post_number(i % 2 ? &a.actor : &b.actor, 0, i);
    ck_assert_uint_eq(loop_drain(&l), 10000);
    ck_assert_int_eq(a.got + b.got, 10000);
    loop_finish(&l);
    loop_finish(&l); /* twice is once */
}
END_TEST

struct note {
    int *trail, at;
    struct actor *to;
};

static void call(void *arg)
{
    struct note *n = arg;

    ck_assert_int_eq(domain_current, DOMAIN_PUMP);
    n->trail[n->at] = ((struct box *)n->to)->got;
}

START_TEST(calls_keep_their_place_among_mail)
{
    struct loop l;
    struct box b = box("b", DOMAIN_PUMP);
    int trail[2] = {-1, -1};
    struct note first = {trail, 0, &b.actor}, second = {trail, 1, &b.actor};

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &b.actor);
    ck_assert_int_eq(actor_call(&b.actor, call, &first), 0);
    post_number(&b.actor, 0, 1);
    ck_assert_int_eq(actor_call(&b.actor, call, &second), 0);
    loop_stop(&l);
    loop_run(&l);
    ck_assert_int_eq(trail[0], 0);
    ck_assert_int_eq(trail[1], 1);
    loop_finish(&l);
}
END_TEST

enum { JOBS = 1024 };
struct sum {
    struct worker_job job; /* first */
    int value;
    int *jobs_left;
    _Atomic int *gate;
};

static void square(struct worker_job *j)
{
    struct sum *s = (struct sum *)j;

    while (s->gate && !atomic_load(s->gate))
        sched_yield();
    ck_assert_int_eq(domain_current, DOMAIN_WORKER);
    s->value *= s->value;
}

static void squared(struct worker_job *j)
{
    struct sum *s = (struct sum *)j;

    ck_assert_int_eq(domain_current, DOMAIN_CONTROL);
    if (--*s->jobs_left == 0)
        loop_stop(j->asker->loop);
}

START_TEST(workers_answer_at_home)
{
    struct loop l;
    struct box b = box("control", DOMAIN_CONTROL);
    int left = JOBS;
    struct sum *sums = calloc(JOBS, sizeof *sums);

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &b.actor);
    ck_assert_int_eq(workers_submit(&sums[0].job, &b.actor), -ESHUTDOWN);
    ck_assert_int_eq(workers_start(3), 0);
    for (int i = 0; i < JOBS; i++) {
        sums[i] =
            (struct sum){.job = {.job = square, .done = squared}, .value = i, .jobs_left = &left};
        ck_assert_int_eq(workers_submit(&sums[i].job, &b.actor), 0);
    }
    loop_run(&l);
    for (int i = 0; i < JOBS; i++)
        ck_assert_int_eq(sums[i].value, i * i);
    workers_stop();
    ck_assert_int_eq(workers_submit(&sums[0].job, &b.actor), -ESHUTDOWN);
    loop_finish(&l);
    free(sums);
}
END_TEST

START_TEST(workers_have_a_bound_and_finish_what_waits)
{
    struct loop l;
    struct box b = box("control", DOMAIN_CONTROL);
    int left = JOBS * 2, taken = 0;
    _Atomic int gate = 0;
    struct sum *sums = calloc(JOBS * 2, sizeof *sums);

    ck_assert_int_eq(loop_init(&l, false), 0);
    loop_add(&l, &b.actor);
    ck_assert_int_eq(workers_start(1), 0);
    for (int i = 0; i < JOBS * 2; i++) {
        sums[i] = (struct sum){
            .job = {.job = square, .done = squared}, .value = i, .jobs_left = &left, .gate = &gate};
        int r = workers_submit(&sums[i].job, &b.actor);
        if (r == -EAGAIN)
            break;
        ck_assert_int_eq(r, 0);
        taken++;
    }
    ck_assert_int_ge(taken, JOBS); /* and one more, when the worker already had the first in hand */
    ck_assert_int_le(taken, JOBS + 1);
    atomic_store(&gate, 1);
    workers_stop();
    ck_assert_uint_eq(loop_drain(&l), (unsigned)taken);
    ck_assert_int_eq(left, JOBS * 2 - taken);
    loop_finish(&l);
    free(sums);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loop");
    TCase *c = tcase_create("loop");

    tcase_set_timeout(c, 20);
    tcase_add_test(c, mail_comes_in_order_and_in_its_domain);
    tcase_add_test(c, a_sleeping_loop_is_woken);
    tcase_add_test(c, many_threads_post_at_once);
    tcase_add_test(c, a_flood_leaves_turns_to_sockets);
    tcase_add_test(c, own_posts_are_delivered_before_the_loop_sleeps);
    tcase_add_test(c, ticks_come_in_their_domain);
    tcase_add_test(c, stopping_wakes_and_delivers);
    tcase_add_test(c, calls_keep_their_place_among_mail);
    tcase_add_test(c, workers_answer_at_home);
    tcase_add_test(c, workers_have_a_bound_and_finish_what_waits);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
