/* Shared by the validator's files: a case is a function that runs in a child process of its own,
 * and ends well, by `trial_fail`, by `trial_skip`, or by dying; each is told apart. What a case
 * learns it writes into memory that it shares with its parent. */
#ifndef VALIDATE_H
#define VALIDATE_H
#include "kit.h"
#include "tool.h"

enum ending { OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_SKIP };

struct trial {
    const struct setup *setup;
    uint64_t seed, random;
    int rounds; /* of create and destroy */
    /* read by the parent when the child has gone */
    volatile bool over;
    enum ending outcome;
    char text[2048]; /* why it failed or was skipped; what is worth knowing when it passed */
    char step[512];  /* what it is doing */
    int64_t took_ms;
};
struct check {
    const char *name, *about;
    void (*run)(struct trial *t);
};
extern const struct check checks[]; /* ends with a name that is NULL */

/* --- trial.c --- */
void trial_step(struct trial *t, const char *format, ...) PARLEY_PRINTF(2);
void trial_note(struct trial *t, const char *format, ...) PARLEY_PRINTF(2);
_Noreturn void trial_fail(struct trial *t, const char *format, ...) PARLEY_PRINTF(2);
_Noreturn void trial_skip(struct trial *t, const char *format, ...) PARLEY_PRINTF(2);
uint64_t trial_random(struct trial *t, uint64_t below);
/* Runs it in a child, for `limit_ms` at most. What the child wrote to its error stream is in
 * *ret_said, its end alone; free() it. */
void trial_run(struct trial *t, const struct check *c, int limit_ms, char **ret_said);

/* --- scene.c: a world to do things in --- */
enum { ACTORS = 5 };
struct scene {
    struct trial *trial;
    kit *kit;
    parley_client actors[ACTORS];
};
/* NULL: it does not start; kit_refusal() says why. */
kit *scene_kit(const struct trial *t, const struct variant *v, const parley_plugin *const *plugins);
/* It has to start. v and plugins may be NULL. */
void scene_begin(struct scene *s, struct trial *t, const struct variant *v,
                 const parley_plugin *const *plugins);
void scene_people(struct scene *s); /* everybody comes in, into two channels */
/* Messages of every type that is known, comings, goings, and time that goes by. */
void scene_chat(struct scene *s, int steps);
/* The same with messages that no client of ours would send. */
void scene_hostile(struct scene *s, int steps);
int scene_waiting(const struct scene *s); /* messages, asks and jobs that wait now */
void scene_end(struct scene *s);          /* fails when a message never came back */

/* --- words.c: messages, as text --- */
struct buf;
void words_valid(struct trial *t, const struct plugin *p, struct buf *to);
void words_hostile(struct trial *t, const struct plugin *p, struct buf *to);
void words_query(struct trial *t, struct buf *to);
void words_body(struct trial *t, struct buf *to); /* an object of what routes often want */

/* --- elf.c --- */
/* The first symbol that it shows besides its descriptor, and the first that it wants of the program
 * that loads it; empty: none. 0 or -Exxx. */
int elf_symbols(const struct plugin *p, char ret_shown[128], char ret_wanted[128]);
bool elf_is_constant(const struct plugin *p); /* the descriptor cannot be written to */
/* A name in its table of names that begins so: of a library it needs, or of a symbol. */
bool elf_wants(const char *path, const char *prefix, char ret_name[128]);
struct import {
    const char *name;
    void *function;
};
/* From now on the plugin calls these instead of what it imports by that name; nobody else does. */
int elf_replace(const struct plugin *p, const struct import *list, size_t count);

/* --- cases_*.c --- */
void case_exports(struct trial *t);
void case_tables(struct trial *t);
void case_host(struct trial *t);
void case_older_host(struct trial *t);
void case_future_host(struct trial *t);
void case_needs(struct trial *t);
void case_create_destroy(struct trial *t);
void case_two_sections(struct trial *t);
void case_bad_config(struct trial *t);
void case_allocation(struct trial *t);
void case_hostile(struct trial *t);
void case_stale_clients(struct trial *t);
void case_holds(struct trial *t);
void case_store_fails(struct trial *t);
void case_reload(struct trial *t);
void case_quiesce(struct trial *t);
#endif
