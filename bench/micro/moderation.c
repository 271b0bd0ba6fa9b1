/* What one message costs in a moderation plugin: in the chain with the plugin as an operator would
 * set it up, less what the same chain costs without it.
 *
 * Every message is a new one: the client says it, it is caught before the hub, and goes home behind
 * the chain, so that one which was refused or masked is as good as one which passed. What the
 * plugins read (1,000 words, 1,000 domains, a script) is made in a folder of its own, which goes
 * with the program. A text that is not judged as it should be ends the program.
 */
#include "moderation.h"

#include "base/str.h"
#include "measure.h"
#include "rig.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH      16
#define ENTRIES    1000
#define SHORT      120
#define LONG       16000
#define SHORT_PART 4   /* of the repetitions asked for, this part */
#define LONG_PART  400 /* likewise, of long texts */
#define NEW_MOST   20  /* repetitions with characters that are all new */
#define NEW_FIRST  0x4e00
#define INI_BYTES  2048
#define PATH_BYTES 256
#define BASE                                                                    \
    "[server]\nflush_window = 0\nmax_message = 64KiB\n[protocol native]\n"      \
    "[type chat_message]\nmax_length = 16000\n[hub channels]\nlist = general\n" \
    "auto_join = *\n"
/* So generous that no hiccup of the machine opens a breaker. */
#define BUDGET "budget = 1s\n"

struct text {
    const char *name, *piece; /* the piece again and again; NULL: characters not met before */
    size_t bytes;
    parley_verdict verdict;
};

static char folder[PATH_BYTES / 2], paths[3][PATH_BYTES];
enum { WORDS, DOMAINS, RULE };
static double base_ns; /* the chain without the plugin */
static uint32_t next_new = NEW_FIRST;

/* --- what the plugins read --- */

static void remove_files(void)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        unlink(paths[i]);
    rmdir(folder);
}

static FILE *create(int which, const char *name)
{
    FILE *f;

    snprintf(paths[which], PATH_BYTES, "%s/%s", folder, name);
    f = fopen(paths[which], "w");
    if (!f)
        rig_fail(paths[which], strerror(errno));
    return f;
}

/* Three syllables each, no two the same; every tenth in Cyrillic, every twentieth a prefix. */
static void write_entries(void)
{
    static const char *const latin[] = {"ba",  "ko", "ri",  "ten", "mu",
                                        "sal", "do", "per", "gi",  "lon"};
    static const char *const cyrillic[] = {"ба",  "ко", "ри",  "тен", "му",
                                           "сал", "до", "пер", "ги",  "лон"};
    FILE *words = create(WORDS, "words.txt"), *domains = create(DOMAINS, "domains.txt");

    for (int i = 0; i < ENTRIES; i++) {
        const char *const *from = i % 10 == 3 ? cyrillic : latin;

        fprintf(words, "%s%s%s%s\n", from[i / 100], from[i / 10 % 10], from[i % 10],
                i % 20 == 7 ? "*" : "");
        fprintf(domains, "%s%s%s.example\n", from[i / 100], from[i / 10 % 10], from[i % 10]);
    }
    fclose(words);
    fclose(domains);
}

static void write_rule(void)
{
    FILE *f = create(RULE, "rule.lua");

    fputs("local darn, number = regex(\"(?i)\\\\bdarn\\\\b\"), regex(\"\\\\d{4,}\")\n"
          "function message(m)\n"
          "  if darn(m.text) then return false, \"Mind your language, \" .. m.username end\n"
          "  return number(m.text, \"****\")\n"
          "end\n",
          f);
    fclose(f);
}

static void make_files(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.100s/bench_micro-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        rig_fail(folder, strerror(errno));
    atexit(remove_files);
    write_entries();
    write_rule();
}

/* --- the texts --- */

static const struct text word_texts[] = {
    {"ASCII",
     "we will meet at the old mill after lunch and bring the tools that you asked for, all right? ",
     SHORT, PARLEY_PASS},
    {"ASCII with an I, so two readings",
     "I think that I will meet you at the old mill, and I bring the tools you asked for. ", SHORT,
     PARLEY_PASS},
    {"ASCII, near misses", "bakor ritenmo saldop pergil lonbak korit tenmus aldoper ", SHORT,
     PARLEY_PASS},
    {"ASCII, letters apart", "w e meet at the old mill, y e s, after lunch. ", SHORT, PARLEY_PASS},
    {"ASCII, both: four readings", "I w e meet at the old mill, y e s, after lunch. ", SHORT,
     PARLEY_PASS},
    {"ASCII, refused", "we will meet at the old mill after lunch and bring the bababa tools ",
     SHORT, PARLEY_REJECT},
    {"accents", "où était le garçon qui a mangé la crème brûlée à côté de l'hôtel? ", SHORT,
     PARLEY_PASS},
    {"Cyrillic", "мы встретимся у старой мельницы после обеда ", SHORT, PARLEY_PASS},
    {"Cyrillic with capitals", "Мы встретимся у Старой Мельницы после обеда ", SHORT, PARLEY_PASS},
    {"Cyrillic look-alikes in Latin", "wе will mееt аt thе оld mill аftеr lunсh ", SHORT,
     PARLEY_PASS},
    {"Han", "我们午饭后在老磨坊见面并带上你要的工具", SHORT, PARLEY_PASS},
    {"Han, no character met before", NULL, SHORT, PARLEY_PASS},
    {"emoji",
     "see you \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd ok \u2764\ufe0f ",
     SHORT, PARLEY_PASS},
    {"mathematical and full width",
     "\U0001d430\U0001d41e ｗｉｌｌ \U0001d426\U0001d41e\U0001d41e\U0001d42d ", SHORT, PARLEY_PASS},
    {"mixed scripts", "meet встреча 見面 \U0001f600 où ｗｉｌｌ שלום ", SHORT, PARLEY_PASS},
    {"combining marks", "b\u0337\u0321\u0489\u0315a\u0337\u0321\u0489d\u0337\u0321 ", SHORT,
     PARLEY_PASS},
    {"Cyrillic, four readings", "В с т р е т и м с я у Старой Мельницы после обеда ", SHORT,
     PARLEY_PASS},
    {"each letter is 18", "\ufdfa", SHORT, PARLEY_PASS},
    {"look-alikes, refused", "wе mееt аt thе оld mill аftеr lunсh, bаbаbа ", SHORT, PARLEY_REJECT},
    {"16,000 bytes of ASCII", "we will meet at the old mill after lunch and bring tools ", LONG,
     PARLEY_PASS},
    {"16,000 bytes, near misses", "bababa", LONG, PARLEY_PASS},
    {"16,000 bytes, candidates", "bababa1 ", LONG, PARLEY_PASS},
    {"16,000 bytes, letters apart", "b a ", LONG, PARLEY_PASS},
    {"16,000 bytes, marks", "b\u0337\u0321\u0489\u0315", LONG, PARLEY_PASS},
    {"16,000 bytes, each letter is 18", "\ufdfa", LONG, PARLEY_PASS},
};
static const struct text mask_texts[] = {
    {"ASCII, nothing to mask", "we will meet at the old mill after lunch and bring tools ", SHORT,
     PARLEY_PASS},
    {"ASCII, two words masked", "we will meet bababa at the old mill after lunch, all of us ",
     SHORT, PARLEY_PASS},
    {"16,000 bytes, all masked", "bababa ", LONG, PARLEY_PASS},
};
static const struct text rule_texts[] = {
    {"ASCII", "we will meet at the old mill after lunch and bring the tools that you asked for, ",
     SHORT, PARLEY_PASS},
    {"Cyrillic", "мы встретимся у старой мельницы после обеда ", SHORT, PARLEY_PASS},
    {"two numbers masked", "we will meet 12345 of us at the old mill after lunch and dinner ",
     SHORT, PARLEY_PASS},
    {"refused", "we will meet at the old mill after lunch and bring the darn tools ", SHORT,
     PARLEY_REJECT},
};
static const struct text link_texts[] = {
    {"no link", "we will meet at the old mill after lunch and bring the tools that you asked for, ",
     SHORT, PARLEY_PASS},
    {"a URL",
     "look at https://www.good.example/the/old/mill?after=lunch for what it is, "
     "and bring the tools that you asked for, all right? ",
     SHORT, PARLEY_PASS},
    {"three names",
     "www.good.example and docs.good.example or good.example/mill, whichever you like the most, "
     "after lunch and before ten ",
     SHORT, PARLEY_PASS},
    {"a URL, refused",
     "look at https://www.bababa.example/the/old/mill?after=lunch for what it is, "
     "and bring the tools that you asked for, all right? ",
     SHORT, PARLEY_REJECT},
    {"Cyrillic, no link", "мы встретимся у старой мельницы после обеда ", SHORT, PARLEY_PASS},
    {"Han around a name",
     "我们午饭后在good.example老磨坊见面并带上你要的工具我们午饭后在老磨坊见面", SHORT,
     PARLEY_PASS},
    {"16,000 bytes, no link", "we will meet at the old mill after lunch and bring tools ", LONG,
     PARLEY_PASS},
    {"16,000 bytes of names", "good.example ", LONG, PARLEY_PASS},
};

/* As many whole characters as fit. */
static size_t fill(const struct text *t, char *to)
{
    size_t n = 0, step = t->piece ? strlen(t->piece) : 3;

    while (n + step <= t->bytes) {
        if (t->piece) {
            memcpy(to + n, t->piece, step);
        } else {
            to[n] = (char)(0xe0 | next_new >> 12);
            to[n + 1] = (char)(0x80 | (next_new >> 6 & 0x3f));
            to[n + 2] = (char)(0x80 | (next_new & 0x3f));
            next_new++;
        }
        n += step;
    }
    if (t->piece) {
        step = t->bytes - n;
        while ((t->piece[step] & 0xc0) == 0x80)
            step--;
        memcpy(to + n, t->piece, step);
        n += step;
    }
    return n;
}

static void say(struct rig *r, const struct text *t)
{
    static char frame[LONG + SHORT];
    size_t n = (size_t)snprintf(
        frame, sizeof frame, "{\"type\":\"chat_message\",\"channel\":\"general\",\"message\":\"");

    n += fill(t, frame + n);
    memcpy(frame + n, "\"}", 2);
    rig_say(r, (parley_str){frame, n + 2});
}

/* --- one text --- */

static void run_batch(struct rig *r, const struct text *t, const char *name, struct samples *s)
{
    parley_verdict verdicts[BATCH];
    enum domain before;
    int64_t from, until;

    for (int i = 0; i < BATCH; i++)
        say(r, t);
    rig_turn(r);
    if (r->caught_count != BATCH)
        rig_fail(name, "a message is missing");
    before = domain_enter(DOMAIN_HUB);
    for (unsigned i = 0; i < BATCH; i++)
        r->caught[i]->hub = r->hub;
    from = measure_now_ns();
    for (unsigned i = 0; i < BATCH; i++)
        verdicts[i] = chain_run(r->hub, r->caught[i], INT32_MIN, PARLEY_PHASE_STORE);
    until = measure_now_ns();
    for (unsigned i = 0; i < BATCH; i++) {
        if (verdicts[i] != t->verdict)
            rig_fail(name, "it is not judged as it should be");
        road_home(r->hub, r->caught[i]);
    }
    r->caught_count = 0;
    domain_leave(before);
    rig_turn(r);
    samples_add_value(s, (double)(until - from - measure_clock_ns()) / BATCH - base_ns);
}

static double measure(struct rig *r, const char *plugin, const struct text *t, size_t repetitions)
{
    struct samples s;
    char name[96];
    double median;
    size_t n = repetitions / (t->bytes > SHORT ? LONG_PART : SHORT_PART) + 1;

    if (!t->piece && n > NEW_MOST)
        n = NEW_MOST;
    snprintf(name, sizeof name, "%s: %s", plugin, t->name);
    samples_init(&s, name, n);
    while (s.count < n)
        run_batch(r, t, name, &s);
    report_samples(&s);
    median = samples_median(&s);
    samples_finish(&s);
    return median;
}

/* --- one plugin --- */

static void run_plugin(const char *name, const char *sections, const struct text *texts,
                       size_t count, size_t repetitions)
{
    char ini[INI_BYTES];
    struct rig r;

    if ((size_t)snprintf(ini, sizeof ini, "%s%s", BASE, sections) >= sizeof ini)
        rig_fail(name, "its sections are too long");
    rig_start(&r, ini);
    rig_catch(&r, true);
    for (size_t i = 0; i < count; i++)
        measure(&r, name, &texts[i], repetitions);
    rig_catch(&r, false);
    rig_stop(&r);
}
#define RUN(name, sections, texts) \
    run_plugin(name, sections, texts, sizeof(texts) / sizeof *(texts), repetitions)

static void run_base(size_t repetitions)
{
    static const struct text any = {"no moderation plugin", "any text ", SHORT, PARLEY_PASS};
    struct rig r;

    base_ns = 0;
    rig_start(&r, BASE);
    rig_catch(&r, true);
    base_ns = measure(&r, "chain", &any, repetitions);
    rig_catch(&r, false);
    rig_stop(&r);
}

void moderation_run(size_t repetitions)
{
    char sections[INI_BYTES];

    make_files();
    run_base(repetitions);
    snprintf(sections, sizeof sections, "[hub wordlist]\n" BUDGET "lists = %s\n", paths[WORDS]);
    RUN("wordlist", sections, word_texts);
    snprintf(sections, sizeof sections, "[hub wordlist]\n" BUDGET "lists = %s\naction = mask\n",
             paths[WORDS]);
    RUN("wordlist, mask", sections, mask_texts);
    snprintf(sections, sizeof sections, "[hub script]\n" BUDGET "file = %s\n", paths[RULE]);
    RUN("script of five lines", sections, rule_texts);
    RUN("script, example.lua", "[hub script]\n" BUDGET "file = " BENCH_EXAMPLE_LUA "\n",
        rule_texts);
    snprintf(sections, sizeof sections, "[hub links]\n" BUDGET "deny = %s\n", paths[DOMAINS]);
    RUN("links, deny", sections, link_texts);
    snprintf(sections, sizeof sections,
             "[hub links]\n" BUDGET "others = deny\nallow = good.example\ndeny = %s\n",
             paths[DOMAINS]);
    RUN("links, others = deny", sections, link_texts);
}
