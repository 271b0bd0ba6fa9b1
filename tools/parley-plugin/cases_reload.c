/* A case of the validator: the plugin is replaced by itself while people talk. What the old
 * generation holds stays with it; when nothing is held any more it is gone. */
#include "validate.h"

#include <stdlib.h>

enum { RELOADS = 12 };

static int open_clients(const struct scene *s)
{
    int n = 0;

    for (int i = 0; i < ACTORS; i++)
        n += kit_closed(s->kit, s->actors[i]) == 0;
    return n;
}

static void reload(struct scene *s, int number)
{
    int before = open_clients(s);

    trial_step(s->trial, "reload %d of %d: create and start of the new, quiesce of the old", number,
               RELOADS);
    if (kit_reload(s->kit, NULL) < 0)
        trial_fail(s->trial, "it cannot be reloaded as it is (reload %d): %s", number,
                   kit_refusal());
    if (open_clients(s) != before)
        trial_fail(s->trial, "a reload cost %d of %d clients their connection",
                   before - open_clients(s), before);
}

/* All is as it was. */
static void reload_badly(struct scene *s)
{
    struct variant v = {.key = "surely_no_option", .value = "1"};
    char *ini = setup_ini(s->trial->setup, &v);

    trial_step(s->trial, "a reload with an option that it does not have");
    if (!ini || kit_reload(s->kit, ini) == 0)
        trial_fail(s->trial, "it is reloaded with an option that it does not have");
    free(ini);
}

void case_reload(struct trial *t)
{
    struct scene s;

    scene_begin(&s, t, NULL, NULL);
    scene_people(&s);
    for (int i = 1; i <= RELOADS; i++) {
        scene_chat(&s, 25);
        reload(&s, i);
        if (i % 4 == 0)
            reload_badly(&s);
    }
    scene_hostile(&s, 50);
    trial_step(t, "31 days went by, so that no old generation holds anything");
    kit_work_later(s.kit, false);
    kit_advance_ms(s.kit, INT64_C(31) * 86400000);
    if (kit_generations(s.kit, t->setup->section) != 1)
        trial_fail(t, "%d generations of it are alive though nothing is held",
                   kit_generations(s.kit, t->setup->section));
    scene_end(&s);
    trial_note(t, "%d times", RELOADS);
}
