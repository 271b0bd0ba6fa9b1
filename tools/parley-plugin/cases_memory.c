/* A case of the validator: each allocation fails once, and so does each call of the server that
 * may.
 *
 * The plugin's own imports of malloc and its like are replaced, and those functions of the server's
 * table that may say no. Whatever is counted is a site; a world is played through in a child for
 * each of them, and the site's call fails in it. What the plugin allocated itself must be freed
 * then, as it is when nothing fails.
 */
#include "refusing.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS = 1 << 16, SITES_MAX = 160, STEPS = 60 };

static struct { /* of this process */
    int64_t count, fail_at;
    pthread_t thread;     /* the one whose calls are counted: the same in every child */
    pthread_mutex_t lock; /* over the blocks: a job of the plugin's runs beside it */
    void *blocks[BLOCKS];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct site { /* the one that failed; shared with the parent */
    char what[64];
    unsigned long offset;
    bool reached;
    int64_t left, count;
} * site;
static const void *base; /* of the plugin */

static bool fails(const char *what, const void *from)
{
    if (!pthread_equal(pthread_self(), state.thread) || ++state.count != state.fail_at)
        return false;
    site->reached = true;
    site->offset = base ? (unsigned long)((uintptr_t)from - (uintptr_t)base) : 0;
    snprintf(site->what, sizeof site->what, "%s", what);
    return true;
}

/* --- what it has allocated: found by address, in a table that is large enough --- */
static void **block_at(const void *p)
{
    size_t i = ((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15u >> 48;

    for (size_t n = 0; n < BLOCKS; n++, i++)
        if (state.blocks[i % BLOCKS] == p || !state.blocks[i % BLOCKS])
            return &state.blocks[i % BLOCKS];
    return NULL;
}

static void insert(void *p)
{
    void **at = p ? block_at(p) : NULL;

    if (at)
        *at = p;
}

/* Those behind it may have been put off by it. */
static void take_out(const void *p)
{
    void **at = p ? block_at(p) : NULL;
    size_t i;

    if (!at || !*at)
        return;
    *at = NULL;
    i = (size_t)(at - state.blocks);
    while (state.blocks[i = (i + 1) % BLOCKS]) {
        void *other = state.blocks[i];

        state.blocks[i] = NULL;
        insert(other);
    }
}

static void *keep(void *p)
{
    pthread_mutex_lock(&state.lock);
    insert(p);
    pthread_mutex_unlock(&state.lock);
    return p;
}

static void forget(const void *p)
{
    pthread_mutex_lock(&state.lock);
    take_out(p);
    pthread_mutex_unlock(&state.lock);
}

static int64_t kept(void)
{
    int64_t n = 0;

    for (size_t i = 0; i < BLOCKS; i++)
        n += state.blocks[i] != NULL;
    return n;
}

#define FROM __builtin_return_address(0)

static void *my_malloc(size_t n)
{
    return fails("malloc", FROM) ? NULL : keep(malloc(n));
}

static void *my_calloc(size_t n, size_t each)
{
    return fails("calloc", FROM) ? NULL : keep(calloc(n, each));
}

/* Where it fails the old block stays; its address alone is used then, not what it points to. */
static void *moved(uintptr_t old, void *more, bool gone)
{
    if (more || gone)
        return keep(more);
    keep((void *)old);
    return NULL;
}

static void *my_realloc(void *p, size_t n)
{
    uintptr_t old = (uintptr_t)p;

    if (fails("realloc", FROM))
        return NULL;
    forget(p);
    return moved(old, realloc(p, n), n == 0);
}

static void *my_reallocarray(void *p, size_t n, size_t each)
{
    uintptr_t old = (uintptr_t)p;

    if (fails("reallocarray", FROM))
        return NULL;
    forget(p);
    return moved(old, reallocarray(p, n, each), n == 0 || each == 0);
}

static void *my_aligned_alloc(size_t alignment, size_t n)
{
    return fails("aligned_alloc", FROM) ? NULL : keep(aligned_alloc(alignment, n));
}

static int my_posix_memalign(void **ret, size_t alignment, size_t n)
{
    int r = fails("posix_memalign", FROM) ? ENOMEM : posix_memalign(ret, alignment, n);

    if (r == 0)
        keep(*ret);
    return r;
}

static char *my_strdup(const char *s)
{
    return fails("strdup", FROM) ? NULL : keep(strdup(s));
}

static char *my_strndup(const char *s, size_t n)
{
    return fails("strndup", FROM) ? NULL : keep(strndup(s, n));
}

static int my_vasprintf(char **ret, const char *format, va_list ap)
    __attribute__((format(printf, 2, 0)));
static int my_vasprintf(char **ret, const char *format, va_list ap)
{
    int n = fails("vasprintf", FROM) ? -1 : vasprintf(ret, format, ap);

    if (n >= 0)
        keep(*ret);
    return n;
}

static int my_asprintf(char **ret, const char *format, ...) PARLEY_PRINTF(2);
static int my_asprintf(char **ret, const char *format, ...)
{
    va_list ap;
    int n;

    if (fails("asprintf", FROM))
        return -1;
    va_start(ap, format);
    n = vasprintf(ret, format, ap);
    va_end(ap);
    if (n >= 0)
        keep(*ret);
    return n;
}

static void my_free(void *p)
{
    forget(p);
    free(p);
}

static const struct import imports[] = {
    {"malloc", (void *)(uintptr_t)my_malloc},
    {"calloc", (void *)(uintptr_t)my_calloc},
    {"realloc", (void *)(uintptr_t)my_realloc},
    {"reallocarray", (void *)(uintptr_t)my_reallocarray},
    {"aligned_alloc", (void *)(uintptr_t)my_aligned_alloc},
    {"posix_memalign", (void *)(uintptr_t)my_posix_memalign},
    {"strdup", (void *)(uintptr_t)my_strdup},
    {"__strdup", (void *)(uintptr_t)my_strdup},
    {"strndup", (void *)(uintptr_t)my_strndup},
    {"__strndup", (void *)(uintptr_t)my_strndup},
    {"vasprintf", (void *)(uintptr_t)my_vasprintf},
    {"asprintf", (void *)(uintptr_t)my_asprintf},
    {"free", (void *)(uintptr_t)my_free},
};

/* --- a world in which one call fails --- */
static void play(struct trial *t)
{
    struct scene s = {.trial = t};

    trial_step(t, "it was loaded, created and started");
    s.kit = scene_kit(t, NULL, NULL);
    if (!s.kit && !site->reached)
        trial_fail(t, "it does not start: %s", kit_refusal());
    if (!s.kit) { /* it says that it cannot, which is right; and has left nothing behind */
        site->left = kept();
        return;
    }
    scene_people(&s);
    scene_chat(&s, STEPS);
    scene_end(&s);
    site->left = kept();
    site->count = state.count;
}

/* The same world as all the others, save that the call with this number fails. */
static void play_in_child(struct trial *t, int64_t number)
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    *site = (struct site){.reached = false};
    child = fork();
    if (child < 0)
        trial_skip(t, "no child process could be made: %s", strerror(errno));
    if (child == 0) {
        state.count = 0;
        state.fail_at = number;
        state.thread = pthread_self();
        t->random = t->seed;
        play(t);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (t->over) /* it found the fault itself */
        _exit(0);
    if (WIFSIGNALED(status))
        trial_fail(t,
                   "when %s failed (call %" PRId64
                   ", from %s.so+0x%lx), it crashed by SIG%s, while: %.300s",
                   site->what, number, t->setup->plugin->name, site->offset,
                   sigabbrev_np(WTERMSIG(status)), t->step);
    if (WEXITSTATUS(status) != 0)
        trial_fail(t,
                   "when %s failed (call %" PRId64
                   ", from %s.so+0x%lx), it ended with status %d, while: %.300s",
                   site->what, number, t->setup->plugin->name, site->offset, WEXITSTATUS(status),
                   t->step);
}

static void fail_at(struct trial *t, int64_t number, int64_t left)
{
    play_in_child(t, number);
    if (site->reached && site->left > left)
        trial_fail(t,
                   "when %s failed (call %" PRId64 ", from %s.so+0x%lx), %" PRId64
                   " of its blocks were never freed",
                   site->what, number, t->setup->plugin->name, site->offset, site->left - left);
}

void case_allocation(struct trial *t)
{
    int64_t count, left, tried = 0;
    Dl_info info;

    site = mmap(NULL, sizeof *site, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (site == MAP_FAILED)
        trial_skip(t, "no shared memory: %s", strerror(errno));
    base = dladdr(t->setup->plugin->descriptor, &info) ? info.dli_fbase : NULL;
    if (elf_replace(t->setup->plugin, imports, sizeof imports / sizeof *imports) < 0 ||
        refusing_begin(fails) < 0)
        trial_skip(t, "its calls cannot be taken over on this machine");
    play_in_child(t, 0);
    count = site->count;
    left = site->left;
    for (int64_t n = 1; n <= count && tried < SITES_MAX; tried++) {
        fail_at(t, n, left);
        n += count <= SITES_MAX
                 ? 1
                 : 1 + (int64_t)trial_random(t, (uint64_t)(2 * count / SITES_MAX - 1));
    }
    trial_note(t, "%" PRId64 " of %" PRId64 " calls", tried, count);
}
