/* The n-th allocation fails, for every n: no crash, nothing leaked, and connect, gone and release
 * happen once each. Sanitizers have an allocator of their own: there this test has nothing to do.
 */
#include "fake_net.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

#ifdef HAS_SANITIZER
int main(void)
{
    printf("left out: the allocator is the sanitizer's\n");
    return EXIT_SUCCESS;
}
#else

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);

static bool armed;            /* only what the pump does may fail */
static unsigned count, fails; /* allocations while armed; which of them fails, 0: none */
static bool from_there_on;    /* all further ones too */
static long live;

static bool must_fail(void)
{
    if (!armed)
        return false;
    count++;
    return fails && (count == fails || (from_there_on && count > fails));
}
void *malloc(size_t n)
{
    void *p = must_fail() ? NULL : __libc_malloc(n);

    live += p != NULL;
    return p;
}
void *calloc(size_t n, size_t size)
{
    void *p = must_fail() ? NULL : __libc_calloc(n, size);

    live += p != NULL;
    return p;
}
void *realloc(void *old, size_t n)
{
    void *p = must_fail() ? NULL : __libc_realloc(old, n);

    live += !old && p;
    return p;
}
void *aligned_alloc(size_t alignment, size_t n)
{
    void *p = must_fail() ? NULL : __libc_memalign(alignment, n);

    live += p != NULL;
    return p;
}
void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}

static void armed_turn(void)
{
    armed = true;
    turn();
    armed = false;
}
static void armed_say(struct lws *w, const char *text)
{
    armed = true;
    say(w->client, text);
    armed = false;
    armed_turn();
}
static void armed_tick(int64_t ms)
{
    armed = true;
    tick(ms);
    armed = false;
}

static struct lws *wide_socket(void) /* what it takes needs no memory of its own */
{
    struct lws *w = new_socket();

    made(buf_reserve(&w->got, 1 << 20));
    return w;
}

static void armed_open(struct lws *w, const char *name, struct login *l, unsigned connects)
{
    struct identity *i = l ? NULL : new_identity(name);

    armed = true;
    open_with(w, i, l);
    armed = false;
    armed_turn();
    if (fake.connects > connects)
        post_admitted(w->client->handle, 1);
    armed_turn();
}

static void talk(struct lws *w)
{
    static const char say_id[] = "{\"type\":\"say\",\"id\":\"1\",\"room\":\"a\",\"text\":\"b\"}";
    static const char refresh[] = "{\"type\":\"refresh\",\"id\":\"1\",\"token\":\"t\"}";

    armed_say(w, say_id);
    armed_say(w, "{");
    armed_say(w, "{\"type\":\"sing\"}");
    armed = true;
    client_receive(w->client, say_id, 20, 0, true, false, false);
    client_receive(w->client, say_id + 20, sizeof say_id - 21, 0, false, true, false);
    armed = false;
    armed_turn();
    while (fake.message_count)
        settle();
    armed_turn();
    fake_answer = PARLEY_LATER;
    armed_say(w, refresh);
    fake_answer = PARLEY_ADMIT;
    post_plain(MAIL_RECHECK);
    armed_turn();
    armed_say(w, refresh);
    armed_tick(1500); /* token_expiring */
}

static void listen_to(struct lws *w, client_handle other)
{
    static char text[3000];

    memset(text, 'x', sizeof text - 1);
    for (uint32_t i = 1; i < 8; i++)
        post_member(w->client->handle, MAIL_JOIN, i * 30);
    armed_turn();
    for (int i = 0; i < 20; i++) {
        struct mail_publish *m = new_publish(30, i % 3 ? "short" : text, LANE_ORDERED);

        if (i % 2)
            m->but = i % 4 == 1 ? w->client->handle : other;
        actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
        post_typing(60, "typing");
    }
    post_frame(w->client->handle, "direct", LANE_ORDERED, false);
    armed_turn();
    w->room = 5;
    for (int i = 0; i < 6; i++) {
        post_publish(30, "y");
        post_frame(w->client->handle, text, LANE_ORDERED, i == 0);
        armed_turn();
    }
    armed = true;
    give_room(w, ROOM_FOR_ALL);
    armed = false;
}

static void end_if_open(struct lws *w)
{
    if (w->client) {
        client_handle h = w->client->handle;

        client_closed(w->client);
        turn();
        post_forgotten(h);
        turn();
        ck_assert_ptr_null(client_find(&fake.pump, h));
    }
    free_socket(w);
}

/* Two clients, one of which waits at the door first; all that can happen to them. */
static void life(void)
{
    struct lws *a, *b;

    static int nowhere = -1;

    fake_begin();
    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY);
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, nowhere);
    fake.settings.server.credit_messages = 100;
    fake.settings.server.credit_bytes = 100000;
    fake_who = (struct parley_identity){.user = PARLEY_STR("ann"),
                                        .username = PARLEY_STR("ann"),
                                        .issuer = PARLEY_STR("https://issuer.example"),
                                        .expires_unix_ms = clock_unix_ms() + 50000};
    a = wide_socket();
    b = wide_socket();
    count = 0;
    armed_open(a, "ann", NULL, 0);
    armed_open(b, NULL, made(login_new(PARLEY_NONE, NULL, 0, "")), 99);
    fake_answer = PARLEY_ADMIT;
    post_plain(MAIL_RECHECK);
    armed_turn();
    if (b->client && b->client->state == CLIENT_CONNECTING)
        post_admitted(b->client->handle, 2);
    if (a->client) {
        talk(a);
        listen_to(a, b->client ? b->client->handle : 0);
    }
    if (b->client)
        listen_to(b, a->client ? a->client->handle : 0);
    if (a->client)
        post_close(a->client->handle, 4403, PARLEY_LEFT_KICKED, "out");
    post_plain(MAIL_DRAIN);
    armed_turn();
    end_if_open(a);
    end_if_open(b);
    ck_assert_uint_eq(fake.gones, fake.connects);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_int_eq(fake_users, 0);
    ck_assert(pump_empty(&fake.pump));
    ck_assert_uint_eq(fake.pump.pending_count, 0);
    ck_assert_uint_eq(fake.pump.window.pending_bytes, 0);
    fake_end();
    ck_assert_uint_eq(fake_logins, 0);
}

static void every_allocation(bool all_further)
{
    unsigned n;

    fails = 0;
    from_there_on = all_further;
    life();
    life(); /* from here on nothing is made once and for all */
    ck_assert_uint_gt(count, 50);
    for (n = 1, count = n; count >= n && n < 5000; n++) {
        long before = live;

        fails = n;
        life();
        fails = 0;
        ck_assert_msg(live == before, "allocation %u fails: %ld leaked", n, live - before);
    }
    printf("%u allocations\n", n - 2);
}

START_TEST(each_one_fails)
{
    every_allocation(false);
}
END_TEST
START_TEST(each_one_and_all_further_fail)
{
    every_allocation(true);
}
END_TEST

START_TEST(pump_cannot_begin)
{
    static struct pump p;
    int r = -ENOMEM;

    fake_begin();
    fake_end();
    for (fails = 1; r == -ENOMEM && fails < 100; fails++) {
        long before = live;

        count = 0;
        armed = true;
        r = pump_init(&p, 0, &fake.settings, &fake.registry, NULL, &fake.hub);
        armed = false;
        ck_assert(r == 0 || live == before);
    }
    ck_assert_int_eq(r, 0);
    pump_finish(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, each_one_fails);
    tcase_add_test(t, each_one_and_all_further_fail);
    tcase_add_test(t, pump_cannot_begin);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
