/* The n-th allocation of the hub fails, for every n, alone or with all that come after it: no
 * crash, nothing leaked; everybody who connects is let in or closed, if need be as soon as there is
 * memory again; whoever passed on_connect is told of once, every message comes home, and what is
 * acked was delivered to its author. Sanitizers have an allocator of their own: there this test has
 * nothing to do.
 */
#include "scripted.h"

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

static bool armed;            /* only what the hub does may fail */
static unsigned count, fails; /* allocations while armed; which of them fails, 0: none */
static bool from_there_on;    /* all further ones too */
static long live;

static bool must_fail(void)
{
    if (!armed || domain_current != DOMAIN_HUB)
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
int posix_memalign(void **ret, size_t alignment, size_t n)
{
    *ret = aligned_alloc(alignment, n);
    return *ret ? 0 : ENOMEM;
}
void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}

/* --- what is counted --- */
static int passed, told, settled;

static parley_verdict connect_and_join(parley_host *h, parley_client who)
{
    parley_join(h, who, PARLEY_STR("room"));
    parley_send(parley_message_new(h, "came"), parley_to_channel(PARLEY_STR("room")));
    return PARLEY_PASS;
}

static parley_verdict count_connect(parley_host *h, parley_client who)
{
    (void)h;
    (void)who;
    passed++;
    return PARLEY_PASS;
}

static void count_disconnect(parley_host *h, parley_client who, int reason)
{
    (void)reason;
    told += parley_client_user(h, who).p ? 1 : 1000;
}

static void greet(parley_host *h, parley_client who)
{
    parley_out *o = parley_message_new(h, "hello");
    parley_packet *p;

    parley_put_str(o, "word", PARLEY_STR("hello"));
    p = parley_pack(o);
    for (int i = 0; i < 10; i++)
        parley_greet(h, who, 100 + i, p);
    parley_send_packet(h, p, parley_to_user(parley_client_user(h, who)));
    parley_packet_release(p);
}

static void count_settled(parley_host *h, const parley_message *m, const parley_outcome *o)
{
    (void)h;
    (void)o;
    settled += parley_message_user(m).p != NULL;
}

/* It hides a word: seen as it was written by anybody else, it would have failed. */
static parley_verdict hide(parley_host *h, parley_message *m)
{
    parley_message_new(h, "never_sent");
    if (!parley_message_text(m, 0).p)
        return parley_message_payload(m) ? PARLEY_PASS : PARLEY_FAIL;
    if (parley_message_set_text(m, 0, PARLEY_STR("***")) < 0)
        return parley_fail(h, "no memory");
    parley_put_str(parley_message_edit(m), "seen", PARLEY_STR("yes"));
    return PARLEY_PASS;
}

static parley_verdict enter_or_leave(parley_host *h, parley_message *m)
{
    static const parley_slot slot = {"n", 1, 8};

    if (strcmp(parley_message_type(m).p, "enter") != 0)
        return route(h, m);
    parley_user_slot(h, parley_message_user(m), &slot);
    if (parley_message_may_see(m, PARLEY_STR("room")))
        parley_leave(h, parley_message_author(m), PARLEY_STR("room"));
    else
        parley_join(h, parley_message_author(m), PARLEY_STR("room"));
    return PARLEY_DONE;
}

static int inputs;

/* The pump has of memberships the same picture as the hub: nobody hears what he has left. */
static void pictures_agree(void)
{
    const struct hub_channel *ch = channel_find(&k->hub->channels, PARLEY_STR("room"));

    for (uint32_t i = 0; i < k->client_count; i++) {
        const struct kit_client *on_pump = k->clients[i];
        struct hub_client *in_hub = clients_find(k->hub, on_pump->handle);

        if (in_hub && in_hub->state == HUB_CLIENT_OPEN)
            ck_assert_int_eq(clients_membership(in_hub, ch) != NULL,
                             ch->number < on_pump->in_count && on_pump->in[ch->number]);
    }
}

static void input(parley_client who, const char *json)
{
    int before = settled;
    bool open = !kit_closed(k, who);

    armed = true;
    kit_input(k, who, json);
    armed = false;
    inputs += open;
    ck_assert_int_eq(settled - before, open);
    pictures_agree();
}

static parley_client come(const char *name)
{
    parley_client who;

    armed = true;
    who = kit_connect(k, name, "");
    armed = false;
    kit_run(k); /* the next turn has memory */
    /* Let in, or told to go. */
    ck_assert_int_ne(clients_find(k->hub, who.v) &&
                         clients_find(k->hub, who.v)->state == HUB_CLIENT_OPEN,
                     kit_closed(k, who) != 0);
    pictures_agree();
    return who;
}

static void go(parley_client who)
{
    armed = true;
    kit_disconnect(k, who);
    armed = false;
    ck_assert_ptr_null(clients_find(k->hub, who.v));
}

static void no_secret(parley_client who)
{
    for (const char *f; (f = kit_next(k, who, NULL));)
        ck_assert_msg(!strstr(f, "secret"), "%s", f);
}

static void scenario(void)
{
    parley_client ann, bob, ann2;
    int homes;

    passed = told = settled = inputs = 0;
    setup();
    a.on_connect = connect_and_join;
    a.on_message = hide;
    b.on_message = enter_or_leave;
    b.on_connect = d.on_connect = count_connect;
    b.on_disconnect = d.on_disconnect = count_disconnect;
    c.on_greet = greet;
    d.on_settled = count_settled;
    ck_assert_int_eq(
        channel_open(&k->hub->channels, PARLEY_STR("room"), &(struct hub_channel *){0}), 0);
    ann = come("ann");
    bob = come("bob");
    ann2 = come("ann");
    input(ann, "{\"type\":\"say\",\"id\":\"1\",\"channel\":\"ROOM\",\"text\":\"secret\"}");
    input(bob, "{\"type\":\"whisper\",\"id\":\"1\",\"to\":\"ann\",\"text\":\"secret\"}");
    input(ann, "{\"type\":\"enter\",\"channel\":\"room\",\"id\":\"2\"}");
    input(ann, "{\"type\":\"enter\",\"channel\":\"room\"}");
    input(bob, "{\"type\":\"say\",\"id\":\"2\",\"channel\":\"room\",\"text\":\"secret\"}");
    go(ann);
    input(bob, "{\"type\":\"wave\",\"channel\":\"room\",\"text\":\"secret\"}");
    no_secret(ann);
    no_secret(bob);
    no_secret(ann2);
    go(bob);
    homes = kit_close(k); /* ann2 is still there */
    k = NULL;
    ck_assert_int_eq(homes, 0);
    ck_assert_int_eq(told, passed);
    ck_assert_int_eq(settled, inputs);
}

static void all_of_them(bool and_all_after)
{
    unsigned most;
    long before;

    from_there_on = and_all_after;
    fails = 0;
    scenario(); /* what is kept for good (metrics) is there from now on */
    before = live;
    count = 0;
    scenario();
    ck_assert_int_eq(live, before);
    most = count;
    ck_assert_uint_gt(most, 100);
    for (unsigned n = 1; n <= most; n++) {
        fails = n;
        count = 0;
        scenario();
        ck_assert_msg(live == before, "allocation %u: %ld are left", n, live - before);
    }
}

START_TEST(one_fails)
{
    all_of_them(false);
}
END_TEST

START_TEST(one_and_all_after_it_fail)
{
    all_of_them(true);
}
END_TEST

/* Those that could be set ring, the others are not half there. */
START_TEST(timers_are_set_or_not)
{
    for (unsigned which = 1; which < 12; which++) {
        struct timers *t = timers_new();
        struct plugin_instance *i = NULL;
        int set = 0, rung = 0;
        char key[8], *rings;
        bool durable;

        count = 0;
        fails = which;
        from_there_on = false;
        domain_enter(DOMAIN_HUB);
        armed = true;
        for (int n = 0; n < 4; n++) {
            snprintf(key, sizeof key, "%d", n);
            set += timers_set(t, NULL, key, n) == 0;
        }
        count = 0;
        fails = 1; /* to ring, no memory is needed */
        from_there_on = true;
        for (; timers_take(t, 100, &i, &rings, &durable); rung++)
            free(rings);
        armed = false;
        domain_leave(DOMAIN_NONE);
        ck_assert_int_eq(rung, set);
        ck_assert_int_ge(set, 3);
        timers_free(t);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory");
    TCase *t = tcase_create("memory");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, one_fails);
    tcase_add_test(t, one_and_all_after_it_fail);
    tcase_add_test(t, timers_are_set_or_not);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
#endif
