/* A registry of three authenticators that answer as a test tells them. One source file includes it.
 */
#ifndef SCRIPTED_AUTH_H
#define SCRIPTED_AUTH_H
#include "base/clock.h"
#include "base/str.h"
#include "client/login.h"
#include "config/settings.h"
#include "control/control.h"
#include "message/value.h"
#include "plugin/registry.h"

#include <check.h>
#include <stdlib.h>

#define SECTIONS 3

/* Each section answers as it is told here; what it was shown is counted. */
struct script {
    parley_answer_at_door answer;
    bool admit;      /* calls parley_login_admit with `identity` */
    const char *why; /* calls parley_login_refuse with it */
    parley_identity identity;
    void (*meanwhile)(void); /* in the middle of the check */
    const void *snapshot;    /* of the last check */
    int asked, wanted;
    char bearer[64]; /* of the last wanted */
};
static struct script script[SECTIONS];
static struct plugin_instance instance[SECTIONS];
static struct plugin_auth auths[SECTIONS];
static struct registry registry;
static struct settings settings;
static struct logins *logins;
static int told;
static _Atomic int destroyed;

static inline size_t index_of(parley_host *h)
{
    return (size_t)((struct plugin_instance *)h - instance);
}

static inline parley_answer_at_door check(parley_host *h, const void *snapshot, parley_login *l)
{
    struct script *s = &script[index_of(h)];

    s->asked++;
    s->snapshot = snapshot;
    if (s->meanwhile)
        s->meanwhile();
    if (s->admit) {
        int32_t r = parley_login_admit(l, &s->identity);
        return s->answer == PARLEY_ADMIT ? r : s->answer;
    }
    if (s->why)
        parley_login_refuse(l, "%s", s->why);
    return s->answer;
}

static inline void wanted(parley_host *h, parley_str bearer)
{
    struct script *s = &script[index_of(h)];

    ck_assert_int_eq(domain_current, DOMAIN_CONTROL);
    s->wanted++;
    snprintf(s->bearer, sizeof s->bearer, "%s", bearer.p ? bearer.p : "(absent)");
}

static inline void tell(void *arg)
{
    ck_assert_ptr_eq(arg, &told);
    told++;
}

static inline void setup(void)
{
    static const parley_str dashboards[] = {{"WebClient", 9}};

    domain_current = DOMAIN_CONTROL;
    memset(script, 0, sizeof script);
    settings.server.dashboards = (parley_list){dashboards, 1};
    registry = (struct registry){.auths = auths, .auth_count = SECTIONS};
    for (size_t i = 0; i < SECTIONS; i++) {
        instance[i] = (struct plugin_instance){.kind = (char *)"auth",
                                               .name = (char *)"test",
                                               .registry = &registry,
                                               .host = {.api = &parley_host_api}};
        auths[i] = (struct plugin_auth){
            .auth = {.struct_size = sizeof(parley_auth), .check = check, .wanted = wanted},
            .instance = &instance[i]};
        script[i].identity = (parley_identity){.struct_size = sizeof(parley_identity),
                                               .user = PARLEY_STR("u-1"),
                                               .username = PARLEY_STR("anna")};
    }
    logins = logins_new(&registry, &settings);
    ck_assert_ptr_nonnull(logins);
    logins_on_publish(logins, tell, &told);
    told = 0;
    destroyed = 0;
}

static inline void teardown(void)
{
    logins_free(logins);
}

static inline struct login *with_bearer(const char *bearer)
{
    struct login *l = login_new(str_of(bearer), NULL, 0, "192.0.2.1");

    ck_assert_ptr_nonnull(l);
    return l;
}

static inline void count_destroyed(void *snapshot)
{
    destroyed++;
    free(snapshot);
}

static inline int publish(size_t section)
{
    return logins_publish(logins, &instance[section], malloc(8), count_destroyed);
}

static inline int run_tests(const char *name, TCase *c)
{
    Suite *s = suite_create(name);
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 30);
    tcase_add_checked_fixture(c, setup, teardown);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
#endif
