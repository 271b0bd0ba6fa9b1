/* Two protocols for tests of packets and encoding: each writes what it was told, between brackets
 * of its own, and fails when a test says so. Include it in one file of a program. */
#ifndef TEST_TWO_PROTOCOLS_H
#define TEST_TWO_PROTOCOLS_H
#include "base/log.h"
#include "base/str.h"
#include "message/encode.h"
#include "message/packet.h"

#include <check.h>
#include <stdlib.h>

static int encoded, encode_result;
static const char brackets[2] = {'(', '<'};

static void add(parley_bytes *to, const char *key, parley_str v)
{
    if (!v.p)
        return;
    parley_bytes_add_str(to, str_of(key));
    parley_bytes_add_json(to, v);
}

static int encode(const void *options, const parley_event *e, parley_bytes *to)
{
    char text[64];

    encoded++;
    parley_bytes_add(to, options, 1);
    parley_bytes_add(to,
                     e->kind == PARLEY_EVENT_MESSAGE ? "m"
                     : e->kind == PARLEY_EVENT_ACK   ? "a"
                                                     : "e",
                     1);
    add(to, " type=", e->type);
    add(to, " sender=", e->sender);
    add(to, " payload=", e->payload);
    add(to, " id=", e->id);
    add(to, " code=", e->code);
    add(to, " text=", e->text);
    add(to, " epoch=", e->epoch);
    add(to, " channel=", e->channel);
    snprintf(text, sizeof text, " %d/%d/%d", (int)e->cache_id, (int)e->offset,
             (int)e->retry_after_ms);
    parley_bytes_add_str(to, str_of(text));
    return encode_result;
}

static struct plugin_instance instance = {.name = (char *)(uintptr_t) "test"};
static struct registry registry = {
    .protocols = {{.protocol = {.encode = encode}, .instance = &instance, .options = &brackets[0]},
                  {.protocol = {.encode = encode}, .instance = &instance, .options = &brackets[1]}},
    .protocol_count = 2};

/* The text of a frame of fewer than 126 bytes, or more. */
static const char *text_of(const struct frame *f)
{
    static char text[1024];
    size_t head = (unsigned char)f->bytes[1] < 126 ? 2 : 4;

    ck_assert_uint_eq((unsigned char)f->bytes[0], 0x81); /* one whole text frame */
    snprintf(text, sizeof text, "%.*s", (int)(f->n - head), f->bytes + head);
    return text;
}
#endif
