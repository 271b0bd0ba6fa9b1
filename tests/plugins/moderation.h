/* What the tests of moderation plugins share: a message type with several texts, a hub behind the
 * moderators that refuses what it is told to, and short ways to say something and to read the
 * answer. Included by one file of a program.
 */
#ifndef TEST_PLUGINS_MODERATION_H
#define TEST_PLUGINS_MODERATION_H
#include "kit.h"
#include "kit_internal.h"
#include "scratch.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

/* A note has a title and items, all of them for people to read; without `channel` it is for
 * `to`. */
static const parley_field note_fields[] = {
    PARLEY_FIELD("channel", PARLEY_STRING, "1..64", NULL, PARLEY_CHANNEL, "Where"),
    PARLEY_FIELD("to", PARLEY_STRING, "1..64", NULL, PARLEY_USER, "For whom"),
    PARLEY_FIELD("title", PARLEY_STRING, "0..20000", NULL, PARLEY_TEXT, "What"),
    PARLEY_FIELD("ref", PARLEY_STRING, "0..20000", NULL, 0, "Nobody reads this"),
    PARLEY_FIELD("items", PARLEY_LIST, "0..2000 of 0..20000", NULL, PARLEY_TEXT, "More"),
};
static const parley_type note_type = {.struct_size = sizeof note_type,
                                      .type = "note",
                                      .flags = PARLEY_SIGNED,
                                      .fields = PARLEY_TABLE(note_fields)};
static const parley_provided note_provides[] = {{"parley.type/1", &note_type}};
static const parley_plugin note_plugin = {.preamble = PARLEY_PREAMBLE,
                                          .id = "org.example.note",
                                          .version = "1.0.0",
                                          .provides = PARLEY_TABLE(note_provides)};

/* The verdict on everything, of a hub between the moderators and the router. */
static parley_verdict later_verdict;
static parley_verdict later_message(parley_host *h, parley_message *m)
{
    (void)m;
    return later_verdict == PARLEY_REJECT
               ? parley_reject(h, PARLEY_E_REJECTED, "later", "Not today.")
               : later_verdict;
}
static const parley_hub later_hub = {
    .struct_size = sizeof later_hub, .phase = PARLEY_PHASE_TRANSFORM, .on_message = later_message};
static const parley_provided later_provides[] = {{"parley.hub/1", &later_hub}};
static const parley_plugin later_plugin = {.preamble = PARLEY_PREAMBLE,
                                           .id = "org.example.later",
                                           .version = "1.0.0",
                                           .provides = PARLEY_TABLE(later_provides)};
static const parley_plugin *const more_plugins[] = {&note_plugin, &later_plugin, NULL};

static kit *k;
static parley_client ada, bob;

#define REST                                                                                   \
    "[type chat_message]\nmax_length = 16000\n[type private_chat_message]\n[type note]\n"      \
    "[type typing]\n[hub later]\n[hub router]\n[hub channels]\nlist = general, random, slow\n" \
    "auto_join = *\n"

/* The sections of the plugin under test, and all that a chat needs. */
static inline void start(const char *sections)
{
    char ini[8192];

    later_verdict = PARLEY_PASS;
    snprintf(ini, sizeof ini, "%s\n" REST, sections);
    k = kit_start(ini, more_plugins);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "");
    bob = kit_connect(k, "bob", "");
}

static inline void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
    k = NULL;
}

/* It does not start, and the fault is in that line and has those words. */
static inline void refused(const char *sections, const char *line, const char *words)
{
    char ini[8192];

    snprintf(ini, sizeof ini, "%s\n" REST, sections);
    ck_assert_ptr_null(kit_start(ini, more_plugins));
    ck_assert_msg(strstr(kit_refusal(), line) && strstr(kit_refusal(), words),
                  "expected %s %s in\n%s", line, words, kit_refusal());
}

/* As JSON: quotes, backslashes and line ends escaped. The caller frees it. */
static inline char *json_string(const char *s)
{
    char *out = malloc(2 * strlen(s) + 3), *p = out;

    ck_assert_ptr_nonnull(out);
    for (*p++ = '"'; *s; s++) {
        if (*s == '"' || *s == '\\' || *s == '\n' || *s == '\t')
            *p++ = '\\';
        *p++ = *s == '\n' ? 'n' : *s == '\t' ? 't' : *s;
    }
    strcpy(p, "\"");
    return out;
}

static inline parley_verdict say_in(parley_client c, const char *channel, const char *text)
{
    char *json = json_string(text), *frame = NULL;
    parley_verdict v;

    ck_assert_int_ge(asprintf(&frame,
                              "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":%s}",
                              channel, json),
                     0);
    v = kit_input(k, c, frame);
    free(json);
    free(frame);
    return v;
}

static inline bool says(parley_client c, const char *text)
{
    return say_in(c, "general", text) == PARLEY_PASS;
}

static inline bool whispers(parley_client c, const char *to, const char *text)
{
    char frame[1024];

    snprintf(frame, sizeof frame,
             "{\"type\":\"private_chat_message\",\"recipient_id\":\"%s\",\"message\":\"%s\"}", to,
             text);
    return kit_input(k, c, frame) == PARLEY_PASS;
}

/* Was refused, by that rule, with those words in it. */
static inline void told(parley_client c, const char *code, const char *words)
{
    const char *e = kit_last(k, c, "error");

    ck_assert_msg(e != NULL, "nothing was refused");
    ck_assert_str_eq(kit_member(e, "payload.code"), code);
    ck_assert_msg(strstr(kit_member(e, "payload.message"), words) != NULL, "'%s' is not in %s",
                  words, e);
}

/* Each of the texts, up to a NULL, in a channel. */
static inline void all_pass(const char *const *texts)
{
    for (; *texts; texts++)
        ck_assert_msg(says(ada, *texts), "%s: %s", *texts, kit_last(k, ada, "error"));
}

static inline void none_passes(const char *const *texts)
{
    for (; *texts; texts++) {
        ck_assert_msg(!says(ada, *texts), "%s", *texts);
        told(ada, "rejected", "");
    }
}

/* What bob got last in a channel, or by whisper. */
static inline const char *heard(const char *type, const char *member)
{
    const char *f = kit_last(k, bob, type);

    return f ? kit_member(f, member) : NULL;
}

static inline char *repeat(const char *piece, size_t times)
{
    size_t n = strlen(piece);
    char *s = malloc(n * times + 1);

    ck_assert_ptr_nonnull(s);
    for (size_t i = 0; i < times; i++)
        memcpy(s + i * n, piece, n);
    s[n * times] = 0;
    return s;
}

/* A file of that text; it is removed when the test ends. */
static char file_names[64][SCRATCH_BYTES];
static int file_count;
static inline const char *file_of(const char *text)
{
    char *name = file_names[file_count];
    int fd;

    ck_assert_int_lt(file_count, 64);
    file_count++;
    fd = scratch_file(name);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return name;
}

/* Texts that are hard on whoever looks at them; each is valid. NULL ends. */
static inline char **hostile_texts(void)
{
    static char *all[20];
    static const char *const pieces[] = {"a",
                                         " ",
                                         "\xcc\x81",
                                         "e\xcc\x81\xcc\x81",
                                         "\xe2\x80\x8d",
                                         "\xf0\x9f\x98\x80",
                                         "A",
                                         "@",
                                         "@a ",
                                         "://",
                                         ".",
                                         "a.",
                                         "[.]",
                                         "%",
                                         "\xef\xbf\xbd",
                                         "aA",
                                         "\xf4\x8f\xbf\xbf",
                                         "www."};
    size_t i = 0;

    for (; i < sizeof pieces / sizeof *pieces; i++)
        all[i] = repeat(pieces[i], 15900 / strlen(pieces[i]));
    all[i] = NULL;
    return all;
}
#endif
