/* The functions of the server that may fail, failing: for want of memory, or of a disk that takes
 * more. What they would have taken over they dispose of, as the server does. */
#include "refusing.h"

#include "plugin/internal.h"

#include <sys/mman.h>
#include <unistd.h>

static parley_api real;
static bool (*say_no)(const char *what, const void *from);

#define NO(what) say_no(what, __builtin_return_address(0))

static void *no_slot(parley_host *h, int scope, parley_client c, parley_str name,
                     const parley_slot *slot)
{
    return NO("parley_..._slot") ? NULL : real.slot(h, scope, c, name, slot);
}

static int no_set_text(parley_message *m, unsigned i, parley_str text)
{
    return NO("parley_message_set_text") ? -ENOMEM : real.message_set_text(m, i, text);
}

static int no_send(parley_out *take, const parley_to *to)
{
    return NO("parley_send") ? -ENOMEM : real.send(take, to);
}

static int no_deliver(parley_message *m, const parley_to *to)
{
    return NO("parley_deliver") ? -ENOMEM : real.deliver(m, to);
}

static parley_packet *no_pack(parley_out *take)
{
    return NO("parley_pack") ? NULL : real.pack(take);
}

static int no_send_packet(parley_host *h, parley_packet *p, const parley_to *to)
{
    return NO("parley_send_packet") ? -ENOMEM : real.send_packet(h, p, to);
}

static int no_greet(parley_host *h, parley_client c, int32_t order, parley_packet *p)
{
    return NO("parley_greet") ? -ENOMEM : real.greet(h, c, order, p);
}

static int no_channel_open(parley_host *h, parley_str name, const parley_channel_info *info)
{
    return NO("parley_channel_open") ? -ENOMEM : real.channel_open(h, name, info);
}

static int no_join(parley_host *h, parley_client c, parley_str channel)
{
    return NO("parley_join") ? -ENOMEM : real.join(h, c, channel);
}

static int no_leave(parley_host *h, parley_client c, parley_str channel)
{
    return NO("parley_leave") ? -ENOMEM : real.leave(h, c, channel);
}

static int no_store_put(parley_out *take)
{
    return NO("parley_store_put") ? -ENOSPC : real.store_put(take);
}

static int64_t no_store_add(parley_host *h, int64_t n, const char *key)
{
    return NO("parley_store_add") ? -ENOSPC : real.store_add(h, n, key);
}

static int no_store_expire(parley_host *h, int64_t ms, const char *key)
{
    return NO("parley_store_expire") ? -ENOSPC : real.store_expire(h, ms, key);
}

static int no_store_delete(parley_host *h, const char *key, bool all)
{
    return NO("parley_store_delete") ? -ENOSPC : real.store_delete(h, key, all);
}

static int no_timer(parley_host *h, int how, int64_t ms, const char *key)
{
    return how != PARLEY_TIMER_CANCEL && NO("parley_timer_...") ? -ENOMEM
                                                                : real.timer(h, how, ms, key);
}

static int no_publish(parley_host *h, void *take, void (*destroy)(void *))
{
    if (!NO("parley_publish"))
        return real.publish(h, take, destroy);
    if (destroy && take)
        destroy(take);
    return -ENOMEM;
}

static int no_fetch(parley_host *h, parley_out *take, int64_t deadline_ms, uint32_t tag)
{
    return NO("parley_fetch") ? -EAGAIN : real.fetch(h, take, deadline_ms, tag);
}

static parley_verdict no_ask(parley_message *m, parley_out *take, int64_t deadline_ms, uint32_t tag)
{
    return NO("parley_ask") ? PARLEY_FAIL : real.ask(m, take, deadline_ms, tag);
}

static parley_verdict no_hold(parley_message *m, int64_t deadline_ms, parley_hold *ret)
{
    if (!NO("parley_hold_message"))
        return real.hold(m, deadline_ms, ret);
    ret->v = 0;
    return PARLEY_FAIL;
}

/* --- held messages --- */
static int *held;

static parley_verdict count_hold(parley_message *m, int64_t deadline_ms, parley_hold *ret)
{
    ++*held;
    return real.hold(m, deadline_ms, ret);
}

static int resume_behind(parley_host *h, parley_hold hold, parley_verdict v)
{
    static unsigned count;

    if (++count % 2)
        real.resume(h, hold, PARLEY_PASS);
    return real.resume(h, hold, v);
}

/* NULL: it cannot be written to. The compiler must not know what it points to: it is constant, and
 * what is written to a constant may be left out. */
parley_api *refusing_table(void)
{
    char *volatile hidden = (char *)(uintptr_t)&parley_host_api;
    char *api = hidden;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = (char *)((uintptr_t)api & ~(page - 1));

    if (mprotect(start, (size_t)(api + sizeof parley_host_api - start), PROT_READ | PROT_WRITE) < 0)
        return NULL;
    return (parley_api *)(void *)api;
}

int refusing_holds(int *holds)
{
    parley_api *api = refusing_table();

    if (!api)
        return -EPERM;
    real = *api;
    held = holds;
    api->hold = count_hold;
    api->resume = resume_behind;
    return 0;
}

int refusing_begin(bool (*fails)(const char *what, const void *from))
{
    parley_api *api = refusing_table();

    if (!api)
        return -EPERM;
    real = *api;
    say_no = fails;
    api->slot = no_slot;
    api->ask = no_ask;
    api->hold = no_hold;
    api->message_set_text = no_set_text;
    api->send = no_send;
    api->deliver = no_deliver;
    api->pack = no_pack;
    api->send_packet = no_send_packet;
    api->greet = no_greet;
    api->channel_open = no_channel_open;
    api->join = no_join;
    api->leave = no_leave;
    api->store_put = no_store_put;
    api->store_add = no_store_add;
    api->store_expire = no_store_expire;
    api->store_delete = no_store_delete;
    api->timer = no_timer;
    api->publish = no_publish;
    api->fetch = no_fetch;
    return 0;
}
