/* Cases of the validator: what people do that they should not, and people who are gone. */
#include "refusing.h"

void case_hostile(struct trial *t)
{
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    scene_hostile(&s, 5000);
    scene_chat(&s, 50);
    scene_end(&s);
    trial_note(t, "5,000 steps");
}

static void all_leave(struct scene *s)
{
    for (int i = 0; i < ACTORS; i++) {
        trial_step(s->trial, "client %d lost his connection", i);
        kit_disconnect_for(s->kit, s->actors[i],
                           (int)trial_random(s->trial, PARLEY_LEFT_VIOLATION + 1));
    }
}

void case_stale_clients(struct trial *t)
{
    static const int64_t spans_ms[] = {0, 1000, 60000, 700000, 86400000};
    struct variant v = {.extra = "[hub kicker]\n"};
    struct scene s;

    scene_begin(&s, t, &v, NULL);
    for (size_t i = 0; i < sizeof spans_ms / sizeof *spans_ms; i++) {
        scene_people(&s);
        scene_chat(&s, 60);
        all_leave(&s);
        trial_step(t, "%" PRId64 " ms went by with nobody there", spans_ms[i]);
        kit_advance_ms(s.kit, spans_ms[i]);
        scene_chat(&s, 20); /* some come back by themselves, and meet those who are not there */
    }
    all_leave(&s);
    scene_end(&s);
    /* The last words of who is closed while his message is judged. */
    scene_begin(&s, t, &v, NULL);
    scene_people(&s);
    scene_chat(&s, 300);
    scene_end(&s);
}

/* What no route and no moderator touches must end by itself, by its deadline. */
static void nobody_lets_go(struct trial *t, int *ret_most)
{
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    for (int i = 0; i < 40; i++) {
        scene_chat(&s, 5);
        *ret_most = scene_waiting(&s) > *ret_most ? scene_waiting(&s) : *ret_most;
    }
    all_leave(&s);
    trial_step(t, "31 days went by, and nobody let a message go");
    kit_work_later(s.kit, false);
    kit_advance_ms(s.kit, INT64_C(31) * 86400000);
    if (scene_waiting(&s))
        trial_fail(t, "%d messages or asks still wait after 31 days", scene_waiting(&s));
    scene_end(&s);
}

void case_holds(struct trial *t)
{
    int most = 0, holds = 0;
    struct scene s;

    nobody_lets_go(t, &most);
    if (refusing_holds(&holds) < 0)
        trial_skip(t, "the server's table cannot be changed here");
    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    scene_chat(&s, 300);
    trial_step(t, "31 days went by");
    kit_advance_ms(s.kit, INT64_C(31) * 86400000);
    scene_chat(&s, 100);
    scene_end(&s);
    if (holds)
        trial_note(t, "%d messages were held", holds);
    else
        trial_note(t, most ? "it held none, but asked" : "it held nothing");
}
