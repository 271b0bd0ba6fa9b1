/* A frame that comes in, held against a second opinion: what the daemon decides with its protocol,
 * its parser and its message types, a few lines over jansson must decide too, by the same code, and
 * of the same message make the same payload.
 *
 * For the unit test and the fuzz target; the plugins are the real ones. The frame lies in memory of
 * its exact size, and is gone before the message is constructed.
 */
#ifndef TEST_ENVELOPE_SAME_H
#define TEST_ENVELOPE_SAME_H
#include "base/log.h"
#include "base/str.h"
#include "message/construct.h"
#include "message/fields.h"
#include "plugin/registry.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define ENVELOPE_INI                                                                          \
    "[protocol native]\n[type chat_message]\nmax_length = 100\n[type private_chat_message]\n" \
    "[type typing]\n[type resume]\n"

struct envelope { /* what stands in the pump's place */
    struct config config;
    struct settings settings;
    struct registry registry;
    struct out out;
    struct message *message;
    size_t limit;
};

/* @param plugin_path  NULL: beside the program. */
static void envelope_open(struct envelope *e, const char *plugin_path)
{
    memset(e, 0, sizeof *e);
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    e->registry.settings = &e->settings;
    config_read_text(&e->config, "test.ini", ENVELOPE_INI);
    settings_read(&e->config, &e->settings);
    registry_load(&e->registry, &e->config, plugin_path, NULL);
    e->limit = 4096 + 2 * (size_t)e->settings.server.message_bytes;
    out_init(&e->out, e->limit);
    e->message = message_new();
    if (config_report(&e->config, stderr) || !e->message)
        abort();
}

static inline void envelope_close(struct envelope *e)
{
    message_destroy(e->message);
    out_finish_memory(&e->out);
    registry_finish(&e->registry);
    config_finish(&e->config);
}

/* --- the second opinion --- */

struct opinion {
    parley_code code; /* 0: it is a message */
    const char *id;   /* that an answer names; NULL: none */
    const char *type; /* borrowed of the tree, as id */
    json_t *payload;  /* of a message; owned */
};
struct opinion_field {
    const char *name;
    size_t most; /* characters of a string, of which there is one at least; 0: it is a number */
};
static const struct opinion_type {
    const char *type;
    struct opinion_field fields[3];
    bool has_text; /* its "message" has at most max_length characters, not all of them blank */
    size_t max_length;
} opinion_types[] = {
    {"chat_message", {{"channel", 64}, {"message", 16000}}, true, 100},
    {"private_chat_message", {{"recipient_id", 255}, {"message", 16000}}, true, 1000},
    {"typing", {{"channel", 64}}, false, 0},
    {"resume", {{"channel", 64}, {"epoch", 64}, {"offset", 0}}, false, 0},
};

static size_t opinion_characters(const char *s)
{
    size_t n = 0;
    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Nothing but what Unicode calls white space, or has no width: taken away, nothing is left. */
static bool opinion_blank(const char *s)
{
    static const char *const blanks[] = {"\t",           "\n",           "\v",
                                         "\f",           "\r",           " ",
                                         "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
                                         "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82",
                                         "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85",
                                         "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
                                         "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\x8b",
                                         "\xe2\x80\x8c", "\xe2\x80\x8d", "\xe2\x80\xa8",
                                         "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
                                         "\xe2\x81\xa0", "\xe3\x80\x80", "\xef\xbb\xbf"};
    while (*s != '\0') {
        size_t i = 0, n = 0;
        for (; i < sizeof blanks / sizeof *blanks && n == 0; i++)
            if (strncmp(s, blanks[i], strlen(blanks[i])) == 0)
                n = strlen(blanks[i]);
        if (n == 0)
            return false;
        s += n;
    }
    return true;
}

/* As deep as containers stand in one another; counts all values, keys left aside. */
static size_t opinion_measure(json_t *j, size_t *ret_count)
{
    size_t deepest = 0, i;
    const char *key;
    json_t *item;
    ++*ret_count;
    if (!json_is_object(j) && !json_is_array(j))
        return 0;
    json_array_foreach (j, i, item) {
        size_t d = opinion_measure(item, ret_count);
        deepest = d > deepest ? d : deepest;
    }
    json_object_foreach (j, key, item) {
        size_t d = opinion_measure(item, ret_count);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

/* The number that a whole one is, in whatever way it is written. */
static json_t *opinion_whole(json_t *v)
{
    double d = json_number_value(v);
    if (json_is_integer(v))
        return json_integer_value(v) >= 0 ? json_incref(v) : NULL;
    if (!json_is_real(v) || d != floor(d) || d < 0 || d >= 9223372036854775808.0)
        return NULL;
    return json_integer((json_int_t)d);
}

/* NULL: it does not fit. */
static json_t *opinion_payload(const struct opinion_type *t, json_t *j)
{
    json_t *payload = json_object();
    for (size_t i = 0; i < 3 && t->fields[i].name != NULL; i++) {
        const struct opinion_field *f = &t->fields[i];
        json_t *v = json_object_get(j, f->name), *kept = NULL;
        const char *s = json_string_value(v);
        if (f->most == 0)
            kept = opinion_whole(v);
        else if (s != NULL && *s != '\0' && opinion_characters(s) <= f->most)
            kept = json_incref(v);
        if (kept == NULL || json_object_set_new(payload, f->name, kept) != 0) {
            json_decref(payload);
            return NULL;
        }
    }
    const char *text = json_string_value(json_object_get(payload, "message"));
    if (t->has_text && (opinion_characters(text) > t->max_length || opinion_blank(text))) {
        json_decref(payload);
        return NULL;
    }
    return payload;
}

/* An empty object or list in the place of the id is as good as null: plugins cannot tell them
 * apart. */
static bool opinion_id(json_t *id, struct opinion *o)
{
    bool none = id == NULL || json_is_null(id) ||
                ((json_is_object(id) || json_is_array(id)) &&
                 json_object_size(id) + json_array_size(id) == 0);
    if (none)
        return true;
    if (!json_is_string(id) || json_string_length(id) < 1 || json_string_length(id) > 64)
        return false;
    o->id = json_string_value(id);
    return true;
}

static struct opinion opinion_of(json_t *j, bool has_nul, size_t depth, size_t tokens)
{
    struct opinion o = {.code = PARLEY_E_INVALID_JSON};
    size_t count = 0;
    if (j == NULL || has_nul || opinion_measure(j, &count) > depth || count > tokens)
        return o;
    o.code = PARLEY_E_INVALID_MESSAGE;
    o.type = json_string_value(json_object_get(j, "type"));
    if (!opinion_id(json_object_get(j, "id"), &o) || o.type == NULL || *o.type == '\0')
        return o;
    o.code = PARLEY_E_UNKNOWN_TYPE;
    for (size_t i = 0; i < sizeof opinion_types / sizeof *opinion_types; i++)
        if (strcmp(opinion_types[i].type, o.type) == 0) {
            o.payload = opinion_payload(&opinion_types[i], j);
            o.code = o.payload != NULL ? 0 : PARLEY_E_INVALID_MESSAGE;
        }
    return o;
}

/* --- both --- */

static bool envelope_is(parley_str s, const char *expected)
{
    return expected == NULL ? s.p == NULL : s.p != NULL && str_is(s, expected);
}

static const char *envelope_compare(const struct envelope *e, const struct input *in, int r,
                                    const struct refusal *why, const struct opinion *o)
{
    const struct message *m = e->message;
    json_t *payload;
    bool same;
    if (r == 0 && o->code != 0)
        return "accepted what the other refuses";
    if (r != 0 && o->code == 0)
        return "refused what the other accepts";
    if (!envelope_is(in->pub.id, o->id))
        return "answers by another id";
    if (r != 0)
        return why->code == o->code && why->why[0] != '\0' ? NULL : "refused for another reason";
    if (!envelope_is(m->type_name, o->type) || !envelope_is(m->id, o->id))
        return "has another type or id";
    if (!envelope_is(m->channel, json_string_value(json_object_get(o->payload, "channel"))) ||
        !envelope_is(m->recipient, json_string_value(json_object_get(o->payload, "recipient_id"))))
        return "goes somewhere else";
    payload = json_loadb(m->payload.p, m->payload.n, JSON_REJECT_DUPLICATES, NULL);
    same = json_equal(payload, o->payload) != 0;
    json_decref(payload);
    return same ? NULL : "has another payload";
}

/* NULL: both agree. *ret_accepted, if given: whether it is a message. */
static const char *envelope_same(struct envelope *e, const char *text, size_t n, unsigned depth,
                                 unsigned tokens, bool *ret_accepted)
{
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    struct opinion o = opinion_of(j, memchr(text, 0, n) != NULL, depth, tokens);
    struct input in = {.arena = &e->message->arena, .depth = depth, .tokens = tokens};
    struct refusal why = {0};
    const char *problem;
    char *frame = malloc(n > 0 ? n : 1);
    int r;
    if (frame == NULL)
        abort();
    memcpy(frame, text, n);
    r = construct_decode(&e->registry.protocols[0], (parley_str){frame, n}, &in, &why);
    memset(frame, 0xaa, n);
    free(frame);
    if (r == 0)
        r = construct_message(&e->registry, &in, &e->out, e->limit, e->message, &why);
    problem = envelope_compare(e, &in, r, &why, &o);
    message_reset(e->message);
    json_decref(o.payload);
    json_decref(j);
    if (ret_accepted != NULL)
        *ret_accepted = r == 0;
    return problem;
}
#endif
