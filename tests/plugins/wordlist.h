/* What the tests of wordlist share: a hub with it, and one who speaks. */
#ifndef TEST_WORDLIST_H
#define TEST_WORDLIST_H
#include "kit.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#define REST                                                                  \
    "[type chat_message]\nmax_length = 16000\n[hub router]\n[hub channels]\n" \
    "list = general, staff\nauto_join = *\n"
#define TEXT_BYTES 65536

static kit *k;
static parley_client ada, bob;

/* A hub whose [hub wordlist] has these lines; whatever ran before is closed. */
static void start(const char *lines)
{
    char ini[TEXT_BYTES];

    kit_close(k);
    snprintf(ini, sizeof ini, "[hub wordlist]\n%s\n" REST, lines);
    k = kit_start(ini, NULL);
    ck_assert_msg(k != NULL, "%s", kit_refusal());
    ada = kit_connect(k, "ada", "member");
    bob = kit_connect(k, "bob", "");
}

static void stop(void)
{
    ck_assert_int_eq(kit_close(k), 0);
    k = NULL;
}

/* `text` stands in JSON as it is: escapes are the caller's. */
static parley_verdict say_in(const char *channel, const char *text)
{
    static char json[2 * TEXT_BYTES];

    snprintf(json, sizeof json, "{\"type\":\"chat_message\",\"channel\":\"%s\",\"message\":\"%s\"}",
             channel, text);
    return kit_input(k, ada, json);
}

static parley_verdict say(const char *text)
{
    return say_in("general", text);
}

/* What bob reads of it; NULL: nothing. */
static const char *heard(const char *text)
{
    return say(text) == PARLEY_PASS
               ? kit_member(kit_last(k, bob, "chat_message"), "payload.message")
               : NULL;
}

static inline void assert_found(const char *text)
{
    ck_assert_msg(say(text) == PARLEY_REJECT, "not found in '%s'", text);
}

static inline void assert_passes(const char *text)
{
    ck_assert_msg(say(text) == PARLEY_PASS, "found in '%s'", text);
}

static inline void assert_masked(const char *text, const char *expected)
{
    ck_assert_str_eq(heard(text), expected);
}
#endif
