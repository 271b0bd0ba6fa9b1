/* The order that clients see, against a simple model: random joins, leaves, publications, direct
 * frames, closes and short sends, into flush windows of every kind.
 *
 * Each publication and each direct frame carries a number that grows in the order of the hub's
 * mail. The model keeps, for each session, the numbers that it must see; what its socket took is
 * compared with them when it ends. PARLEY_TEST_SEED repeats a run.
 */
#include "fake_net.h"

#define SESSIONS 10 /* at a time */
#define CHANNELS 6  /* 1.. */
#define ROUNDS   10000
#define OPS      8
#define DIRECT   0 /* as a channel: frames for one client */

struct expected {
    uint32_t number;
    uint8_t channel, lane; /* channel DIRECT: a direct frame */
    bool seen;
};
struct session {
    struct lws *w; /* NULL: none */
    client_handle handle;
    uint64_t user;
    uint8_t protocol;
    bool dashboard;
    bool in[CHANNELS + 1];
    bool slow;    /* its socket takes little */
    bool choked;  /* it could not take something, once: ephemeral frames may be missing */
    bool cut;     /* it ended by 4408 or a broken connection: the end may be missing */
    bool closing; /* the hub said CLOSE */
    struct expected *expected;
    uint32_t count, cap;
};
static struct session sessions[SESSIONS];
static uint32_t numbers; /* given so far */
static uint64_t seed;
static unsigned verified, cuts, direct_checks;

static uint32_t rnd(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static void expect(struct session *s, uint32_t number, uint8_t channel, enum lane lane)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->expected = made(realloc(s->expected, s->cap * sizeof *s->expected));
    }
    s->expected[s->count++] = (struct expected){number, channel, (uint8_t)lane, false};
}

static struct expected *find(struct session *s, uint32_t number)
{
    uint32_t low = 0, high = s->count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (s->expected[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->count && s->expected[low].number == number ? &s->expected[low] : NULL;
}

/* What it got, one after the other. */
static void verify_got(struct session *s)
{
    uint32_t last[CHANNELS + 1][LANES] = {{0}}, last_direct = 0, last_ordered = 0, greatest = 0;
    const struct buf *got = &s->w->got;
    size_t n;

    for (size_t at = 0; got->n && (n = frame_length(got->p + at, got->n - at)); at += n) {
        unsigned char size = (unsigned char)got->p[at + 1];
        size_t head = size < 126 ? 2 : size == 126 ? 4 : 10;
        char text[16] = {0};
        uint32_t number;
        struct expected *e;

        FAKE_CHECK(n - head > 9, "a number");
        memcpy(text, got->p + at + head, 10);
        FAKE_CHECK(text[0] == (char)('0' + s->protocol), "a frame of another protocol");
        number = (uint32_t)strtoul(text + 1, NULL, 10);
        e = find(s, number);
        FAKE_CHECK(e, "%u is not for this session", number);
        FAKE_CHECK(!e->seen, "%u came twice", number);
        e->seen = true;
        FAKE_CHECK(number > last[e->channel][e->lane], "%u came after %u of the same channel",
                   number, last[e->channel][e->lane]);
        last[e->channel][e->lane] = number;
        if (e->lane == LANE_ORDERED) { /* whatever the channel */
            FAKE_CHECK(number > last_ordered, "%u came after %u", number, last_ordered);
            last_ordered = number;
        }
        FAKE_CHECK(number > last_direct, "%u came after the direct frame %u", number, last_direct);
        if (e->channel == DIRECT) {
            FAKE_CHECK(number > greatest, "the direct frame %u came after %u", number, greatest);
            last_direct = number;
            direct_checks++;
        }
        greatest = number > greatest ? number : greatest;
    }
}

/* What it did not get. */
static void verify_missing(struct session *s)
{
    bool lost[CHANNELS + 1] = {false}, any_lost = false;

    for (uint32_t i = 0; i < s->count; i++) {
        const struct expected *e = &s->expected[i];

        if (e->lane == LANE_EPHEMERAL) {
            FAKE_CHECK(e->seen || s->choked || s->cut, "%u, ephemeral, is missing", e->number);
            continue;
        }
        if (!e->seen) {
            FAKE_CHECK(s->cut, "%u is missing", e->number);
            lost[e->channel] = any_lost = true;
            continue;
        }
        FAKE_CHECK(!lost[e->channel], "%u came, others before it did not", e->number);
        FAKE_CHECK(e->channel != DIRECT || !any_lost, "direct %u came, others before it did not",
                   e->number);
    }
}

static void end_session(struct session *s)
{
    struct client *c = client_find(&fake.pump, s->handle);

    ck_assert_ptr_nonnull(c);
    if (!s->closing && c->state != CLIENT_CLOSING) {
        post_close(s->handle, 4403, PARLEY_LEFT_KICKED, "");
        s->closing = true;
        turn();
    }
    if (c->close_code == 4408 || s->w->broken || c->peer_closing) {
        s->cut = true;
        cuts++;
    } else {
        /* Another code: all that was for it is sent before the close is. */
        ck_assert_int_eq(give_room(s->w, ROOM_FOR_ALL), -1);
    }
    ck_assert_uint_eq(c->membership_count, 0);
    verify_got(s);
    verify_missing(s);
    verified++;
    end_client(s->w);
    free(s->expected);
    *s = (struct session){0};
}

static void begin_session(struct session *s)
{
    struct parley_identity who = {.struct_size = sizeof who,
                                  .user = PARLEY_STR("u"),
                                  .username = PARLEY_STR("u"),
                                  .app = PARLEY_STR("d")};
    parley_str app = PARLEY_STR("d");
    parley_list dashboards = {&app, rnd(4) == 0};
    struct handshake hs = {.address = fake_address()};
    struct client *c;

    s->w = new_socket();
    s->slow = rnd(3) == 0;
    if (s->slow)
        s->w->room = rnd(6000);
    s->user = 1 + rnd(4);
    s->protocol = (uint8_t)rnd(2);
    s->dashboard = dashboards.n;
    hs.wsi = s->w;
    hs.fd = rnd(4) ? fake_fd(s->w) : 0;
    hs.protocol = s->protocol;
    hs.identity = made(identity_new(&who, &dashboards));
    fake_addresses++;
    fake_users++;
    c = s->w->client = client_open(&fake.pump, &hs);
    ck_assert_ptr_nonnull(c);
    s->handle = c->handle;
    post_admitted(s->handle, s->user);
}

static struct frame *number_frame(uint8_t protocol, uint32_t number, uint32_t filler)
{
    char *text = made(malloc(filler + 16));
    struct frame *f;

    snprintf(text, 16, "%c%09u", '0' + protocol, number);
    memset(text + 10, 'x', filler);
    f = made(frame_new(FRAME_TEXT, (parley_str){text, 10 + filler}));
    free(text);
    return f;
}

static uint32_t random_size(void)
{
    return rnd(50) == 0 ? 20000 : rnd(10) == 0 ? rnd(1500) : rnd(120);
}

static void publish(void)
{
    struct mail_publish *m = made(calloc(1, sizeof *m));
    uint32_t number = ++numbers, filler = random_size();

    m->channel = rnd(CHANNELS + 1); /* 0: everyone */
    m->lane = rnd(4) == 0 ? LANE_EPHEMERAL : LANE_ORDERED;
    if (rnd(5) == 0)
        m->but = sessions[rnd(SESSIONS)].handle;
    if (rnd(6) == 0)
        m->but_user = 1 + rnd(4);
    m->not_dashboards = rnd(6) == 0;
    for (uint8_t i = 0; i < 2; i++)
        m->frames[i] = number_frame(i, number, filler);
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];

        if (!s->w || s->closing || (m->channel && !s->in[m->channel]) ||
            (m->but && m->but == s->handle) || (m->but_user && m->but_user == s->user) ||
            (m->not_dashboards && s->dashboard))
            continue;
        /* everyone's channel is not the one of direct frames: it is kept as the last one */
        expect(s, number, m->channel ? (uint8_t)m->channel : CHANNELS, (enum lane)m->lane);
    }
    actor_post(&fake.pump.actor, &m->mail, MAIL_PUBLISH);
}

static void direct(struct session *s)
{
    struct mail_frame *m = made(calloc(1, sizeof *m));

    m->client = s->handle;
    m->lane = rnd(8) == 0 ? LANE_EPHEMERAL : LANE_ORDERED;
    m->greeting = m->lane == LANE_ORDERED && rnd(20) == 0;
    m->frame = number_frame(s->protocol, ++numbers, random_size());
    expect(s, numbers, DIRECT, m->lane);
    actor_post(&fake.pump.actor, &m->mail, MAIL_FRAME);
}

static void one_op(void)
{
    struct session *s = &sessions[rnd(SESSIONS)];
    uint32_t channel = 1 + rnd(CHANNELS - 1), what = rnd(100);

    if (what < 45) {
        publish();
        return;
    }
    if (!s->w) {
        begin_session(s);
    } else if (s->closing) {
        return;
    } else if (what < 60) {
        s->in[channel] = true;
        post_member(s->handle, MAIL_JOIN, channel);
    } else if (what < 70) {
        s->in[channel] = false;
        post_member(s->handle, MAIL_LEAVE, channel);
    } else if (what < 97) {
        direct(s);
    } else if (what < 98) {
        post_member(0, MAIL_CHANNEL_CLOSED, channel);
        for (int i = 0; i < SESSIONS; i++)
            sessions[i].in[channel] = false;
    } else if (what < 99) {
        post_close(s->handle, 4403, PARLEY_LEFT_KICKED, "kicked");
        s->closing = true;
    }
}

/* After a turn: sockets take more or break, peers close; those that are closing end, sooner or
 * later. */
static void sockets(void)
{
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        struct client *c = s->w ? s->w->client : NULL;

        if (!c)
            continue;
        FAKE_CHECK(!c->queue || c->queue->bytes <= fake.settings.server.queue_bytes, "bytes");
        FAKE_CHECK(!c->queue || c->queue->messages <= fake.settings.server.queue_messages,
                   "messages");
        s->choked = s->choked || c->queue || s->w->tail || s->w->wants;
        if (c->state == CLIENT_CLOSING) {
            if (rnd(3) == 0)
                end_session(s);
        } else if (rnd(700) == 0) {
            s->w->broken = true;
        } else if (rnd(900) == 0) {
            client_peer_closing(c);
        } else if (s->slow && rnd(2)) {
            give_room(s->w, rnd(8) == 0 ? ROOM_FOR_ALL : rnd(9000));
        } else if (rnd(40) == 0) {
            s->w->room = rnd(2000); /* full for a while */
            s->choked = true;
        } else if (rnd(10) == 0) {
            give_room(s->w, ROOM_FOR_ALL);
        }
    }
}

static void run(const char *window)
{
    const char *given = getenv("PARLEY_TEST_SEED");

    seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_mono_us();
    printf("PARLEY_TEST_SEED=%llu, flush window %s\n", (unsigned long long)seed, window);
    fflush(stdout);
    numbers = verified = cuts = direct_checks = 0;
    memset(sessions, 0, sizeof sessions);
    fake_defaults(&fake.settings.server);
    fake.settings.server.flush_window = window;
    fake.settings.server.queue_bytes = 60000;
    fake.settings.server.queue_messages = 100;
    fake_start();
    fake.registry.protocol_count = 2;
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t i = rnd(OPS) + 1; i > 0; i--)
            one_op();
        if (rnd(3) == 0)
            clock_advance_ms(rnd(60));
        turn();
        sockets();
    }
    clock_advance_ms(100000);
    turn();
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].w)
            end_session(&sessions[i]);
    printf("%u sessions, %u of them cut; %u numbers, %u direct frames in order\n", verified, cuts,
           numbers, direct_checks);
    ck_assert_uint_gt(verified, 100);
    ck_assert_uint_gt(verified - cuts, 20);
    ck_assert_uint_eq(fake.connects, verified);
    ck_assert_uint_eq(fake.gones, verified);
    ck_assert_int_eq(fake_addresses, 0);
    ck_assert_int_eq(fake_users, 0);
    ck_assert(pump_empty(&fake.pump));
    ck_assert_uint_eq(fake.pump.window.pending_bytes, 0);
    fake_end();
}

START_TEST(order_at_once)
{
    run("0");
}
END_TEST
START_TEST(order_in_a_long_window)
{
    run("40ms");
}
END_TEST
START_TEST(order_in_the_adaptive_window)
{
    run("auto");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("order");
    TCase *t = tcase_create("model");
    SRunner *r = srunner_create(s);
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, order_at_once);
    tcase_add_test(t, order_in_a_long_window);
    tcase_add_test(t, order_in_the_adaptive_window);
    suite_add_tcase(s, t);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
