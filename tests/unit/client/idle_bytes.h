/* What one who is there and silent may cost in records of our own: the pump's share and the hub's
 * together, as the allocator counts them. What the TCP socket and libwebsockets need is beside it.
 * Sanitizers have an allocator of their own: there nothing can be counted. */
#ifndef TEST_IDLE_BYTES_H
#define TEST_IDLE_BYTES_H
#include <malloc.h>

enum {
    IDLE_CLIENTS = 2000,
    IDLE_PUMP_BYTES = 470,
    IDLE_HUB_BYTES = 230, /* together no more than 700 */
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif

static inline long bytes_in_use(void)
{
#ifdef HAS_SANITIZER
    return 0;
#else
    struct mallinfo2 all = mallinfo2();

    return (long)(all.uordblks + all.hblkhd);
#endif
}
#endif
