/* The n-th allocation of a call fails, for every n: then the call says so and has changed nothing,
 * and what is on the disk in the end is what memory says. Sanitizers have an allocator of their
 * own: there this test has nothing to do.
 */
#include "store_test.h"

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

static _Thread_local bool armed; /* the writer's thread is left alone */
static unsigned count, fails;

static bool must_fail(void)
{
    return armed && ++count == fails;
}
void *malloc(size_t n)
{
    return must_fail() ? NULL : __libc_malloc(n);
}
void *calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : __libc_calloc(n, size);
}
void *realloc(void *old, size_t n)
{
    return must_fail() ? NULL : __libc_realloc(old, n);
}

static void start(void)
{
    make_folder();
    open_store(file);
}

static void stop(void)
{
    close_store();
    remove_folder();
}

static int put_once(void)
{
    return put(x, "o", "a", "1");
}
static int merge(void)
{
    return put(x, "o", "b", "two");
}
static int add(void)
{
    return store_add(x, 3, "n") < 0 ? (int)store_add(x, 0, "n") : 0;
}
static int add_more(void)
{
    return put(x, "other/1", "a", "1") ? -ENOMEM : put(x, "other/2", "a", "1");
}
static int expire(void)
{
    return store_expire(x, 3600000, "o");
}
static int expire_again(void)
{
    return store_expire(x, 7200000, "o");
}
static int set_timer(void)
{
    return store_timer_set(x, "t", 5);
}
static int move_timer(void)
{
    return store_timer_set(x, "t", 6);
}
static int delete_timer(void)
{
    return store_timer_delete(x, "t");
}
static int delete_one(void)
{
    return store_delete(x, "n");
}
static int delete_all(void)
{
    return store_delete_all(x, "other/");
}
static int (*const steps[])(void) = {put_once,   merge,        expire,     expire_again, set_timer,
                                     move_timer, delete_timer, delete_one, delete_all};

static void add_timer(void *arg, const char *key, int64_t at)
{
    char *text = arg;
    size_t n = strlen(text);

    snprintf(text + n, 1000 - n, "%s@%" PRId64 " ", key, at);
}

/* All that there is, with its expiry. */
static void dump(char text[1000])
{
    static const char *const keys[] = {"o", "n", "other/1", "other/2"};

    text[0] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct record *r = records_find(x, str_of(keys[i]));
        size_t n = strlen(text);

        snprintf(text + n, 1000 - n, "%s=%s until %" PRId64 ", ", keys[i], json(x, keys[i]),
                 r ? r->expires_ms : 0);
    }
    store_timers(x, add_timer, text);
}

static void same_on_disk(void)
{
    char memory[1000], disk[1000];

    dump(memory);
    close_store();
    open_store(file);
    dump(disk);
    ck_assert_str_eq(memory, disk);
}

START_TEST(nothing_is_half_done)
{
    int failed = 0;

    ck_assert_int_eq(add(), 0);
    ck_assert_int_eq(add_more(), 0);
    store_end(s);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char before[1000], after[1000];
        int r = -ENOMEM;

        for (fails = 1; r != 0; fails++) {
            int64_t bytes = x->bytes;
            uint64_t number = s->number;

            ck_assert_uint_lt(fails, 100);
            dump(before);
            count = 0;
            armed = true;
            r = steps[i]();
            armed = false;
            ck_assert_msg(r == 0 || r == -ENOMEM, "step %zu: %d", i, r);
            if (r == 0)
                break;
            failed++;
            dump(after);
            ck_assert_str_eq(before, after);
            ck_assert_int_eq(x->bytes, bytes);
            ck_assert_uint_eq(store_end(s), 0);
            ck_assert_uint_eq(s->number, number);
        }
        same_on_disk();
    }
    ck_assert_int_ge(failed, 20);
}
END_TEST

START_TEST(a_timer_that_fires_and_records_that_expire)
{
    char before[1000], after[1000];

    add();
    store_expire(x, 1000, "n");
    set_timer();
    store_end(s);
    clock_set_ms(5000);
    dump(before);
    for (fails = 1; fails <= 2; fails++) {
        count = 0;
        armed = true;
        store_tick(s);
        store_timer_fired(x, "t");
        armed = false;
        dump(after);
    }
    ck_assert_str_ne(before, after);
    store_timer_fired(x, "t");
    store_tick(s);
    store_end(s);
    same_on_disk();
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("memory");

    tcase_add_test(t, nothing_is_half_done);
    tcase_add_test(t, a_timer_that_fires_and_records_that_expire);
    return run_suite("store/memory", t, start, stop);
}
#endif
