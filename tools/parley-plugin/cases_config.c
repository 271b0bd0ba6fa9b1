/* A case of the validator: options that are wrong. What the table can see the server refuses; what
 * only the plugin knows it has to refuse by parley_bad_option, which names the option, and never by
 * a crash or in silence. */
#include "base/units.h"
#include "validate.h"

#include <stdlib.h>

struct config_trial {
    struct trial *trial;
    int tried, refused;
};

/* It may start, or be refused in words that are of use. */
static void try(struct config_trial *c, const struct variant *v, const char *what, bool must_fail)
{
    struct scene s = {.trial = c->trial};

    trial_step(c->trial, "it was started with %s", what);
    s.kit = scene_kit(c->trial, v, NULL);
    c->tried++;
    if (!s.kit) {
        c->refused++;
        if (!kit_refusal()[0])
            trial_fail(c->trial, "with %s it is refused without a word", what);
        if (strstr(kit_refusal(), "could not be created"))
            trial_fail(c->trial,
                       "with %s its create refuses without saying which option it is: "
                       "return parley_bad_option(...)",
                       what);
        return;
    }
    if (must_fail)
        trial_fail(c->trial, "it starts with %s", what);
    scene_people(&s);
    scene_chat(&s, 12);
    scene_end(&s);
}

static void try_value(struct config_trial *c, const parley_field *f, const char *value,
                      bool must_fail)
{
    struct variant v = {.key = f->name, .value = value};
    char what[160];

    snprintf(what, sizeof what, "%s = %.80s", f->name, value);
    try(c, &v, what, must_fail);
}

static void try_in_channel(struct config_trial *c, const parley_field *f, const char *value)
{
    const struct setup *s = c->trial->setup;
    char extra[512], what[160];
    struct variant v = {.extra = extra};

    snprintf(extra, sizeof extra, "[%s %s in validated]\n%s = %.300s\n", s->kind, s->section,
             f->name, value);
    snprintf(what, sizeof what, "%s = %.80s in a channel", f->name, value);
    try(c, &v, what, !(f->flags & PARLEY_PER_CHANNEL));
}

/* Both ends of "1..300", "100ms..10s", "1.."; in the units of their kind. */
static void try_ends(struct config_trial *c, const parley_field *f)
{
    char range[128], *dots;

    snprintf(range, sizeof range, "%s", f->range ? f->range : "");
    dots = strstr(range, "..");
    if (!dots)
        return;
    *dots = 0;
    if (range[0])
        try_value(c, f, range, false);
    if (dots[2])
        try_value(c, f, dots + 2, false);
}

static bool is_lengths(const parley_field *f)
{
    size_t least, most;

    return units_length_range(f->range, &least, &most);
}

static void try_option(struct config_trial *c, const parley_field *f)
{
    static const char *const wrong[] = {"many", "-99999999999999999999", "5 parsecs", "0x", "1KB"};
    static const char *const odd[] = {"/nowhere/to/be/found",
                                      "%s%n%s%n",
                                      "../..",
                                      "a, b,, c",
                                      "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
                                      "http://[::1",
                                      "*",
                                      "-",
                                      "=",
                                      "/"};
    bool is_text = f->kind == PARLEY_STRING || f->kind == PARLEY_LIST;

    for (size_t i = 0; !is_text && i < sizeof wrong / sizeof *wrong; i++)
        try_value(c, f, wrong[i], true);
    for (size_t i = 0; is_text && i < sizeof odd / sizeof *odd; i++)
        try_value(c, f, odd[i], false);
    if (is_text) {
        char *text = malloc(3001);

        if (text) {
            memset(text, 'x', 3000);
            text[3000] = 0;
            try_value(c, f, text, false);
            free(text);
        }
        if (f->range && strchr(f->range, '|') && !strchr(f->range, '*') && !is_lengths(f))
            try_value(c, f, "none of these", f->kind == PARLEY_STRING);
    } else {
        try_ends(c, f);
    }
    try_value(c, f, "", f->kind != PARLEY_LIST);
    if (f->dflt)
        try_in_channel(c, f, f->dflt);
    if (f->flags & PARLEY_REQUIRED) {
        struct variant v = {.key = f->name};

        try(c, &v, "a required option left out", true);
    }
}

void case_bad_config(struct trial *t)
{
    struct config_trial c = {.trial = t};
    struct variant unknown = {.key = "surely_no_option", .value = "1"};
    parley_field f;

    try(&c, &unknown, "an option that it does not have", true);
    for (uint32_t i = 0; table_at(&t->setup->plugin->copy.options, i, &f, sizeof f); i++)
        try_option(&c, &f);
    trial_note(t, "%d ways, of which %d were refused", c.tried, c.refused);
}
