/* What a message costs in the plugin `wordlist`: median and 99th percentile over batches, for named
 * texts, with 1,000 generated words, all options as by default.
 *
 * The plugin is linked into this program and called through a host that only hands it the text, so
 * that what is measured is the hook itself.
 */
#include <parley/plugin.h>

#include <stdlib.h>
#include <time.h>

enum { WORDS = 1000, BATCHES = 301 };

extern const parley_plugin parley_plugin_wordlist;

static char options[512]; /* of the plugin, as its table places them */
static parley_str text;   /* of the message at hand */

static parley_verdict reject(parley_host *h, parley_code c, const char *rule, int64_t ms,
                             const char *why)
{
    return PARLEY_REJECT;
}

static parley_verdict fail(parley_host *h, const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static int bad_option(parley_host *h, const char *option, const char *why)
{
    fprintf(stderr, "%s: %s\n", option ? option : "", why);
    exit(1);
}

static void log_nothing(parley_host *h, int level, const char *event, const char *what)
{
}

static parley_str channel(const parley_message *m)
{
    return PARLEY_STR("general");
}

static bool has_role(const parley_message *m, const parley_list *any)
{
    return false;
}

static parley_str text_of(const parley_message *m, unsigned i)
{
    return i == 0 ? text : PARLEY_NONE;
}

static int set_text(parley_message *m, unsigned i, parley_str to)
{
    return 0;
}

static const void *options_of(parley_host *h, parley_str of)
{
    return options;
}

static void count(parley_host *h, const parley_metric *m, parley_str label, double v)
{
}

static const parley_api api = {.struct_size = sizeof api,
                               .reject = reject,
                               .fail = fail,
                               .bad_option = bad_option,
                               .log = log_nothing,
                               .message_channel = channel,
                               .message_has_role = has_role,
                               .message_text = text_of,
                               .message_set_text = set_text,
                               .options = options_of,
                               .metric_add = count};
static parley_host host = {.struct_size = sizeof host, .section = "wordlist", .api = &api};
static parley_message message = {&api};

/* The place of an option, by its name. */
static void *place(const char *name)
{
    const parley_table *t = &parley_plugin_wordlist.options;

    for (uint32_t i = 0; i < t->count; i++) {
        const parley_field *f = (const parley_field *)t->items + i;

        if (strcmp(f->name, name) == 0 && f->offset + f->size <= sizeof options)
            return options + f->offset;
    }
    fprintf(stderr, "there is no option '%s'\n", name);
    exit(1);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Three syllables each, no two the same; every tenth in Cyrillic, every twentieth a prefix. */
static void generate(parley_list *words)
{
    static const char *const latin[] = {"ba",  "ko", "ri",  "ten", "mu",
                                        "sal", "do", "per", "gi",  "lon"};
    static const char *const cyrillic[] = {"ба",  "ко", "ри",  "тен", "му",
                                           "сал", "до", "пер", "ги",  "лон"};
    static char memory[WORDS][64];
    static parley_str items[WORDS];

    for (int i = 0; i < WORDS; i++) {
        const char *const *from = i % 10 == 3 ? cyrillic : latin;
        int n = snprintf(memory[i], sizeof memory[i], "%s%s%s%s", from[i / 100], from[i / 10 % 10],
                         from[i % 10], i % 20 == 7 ? "*" : "");

        items[i] = (parley_str){memory[i], (size_t)n};
    }
    *words = (parley_list){items, WORDS};
}

static int by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return d > 0 ? 1 : d < 0 ? -1 : 0;
}

static void measure(const char *name, const parley_hub *hub, parley_str s)
{
    int each = s.n < 1000 ? 200 : 4, verdict = 0;
    double us[BATCHES], first;

    text = s;
    first = now_us();
    hub->on_message(&host, &message);
    first = now_us() - first;
    for (int b = 0; b < BATCHES; b++) {
        double from = now_us();

        for (int i = 0; i < each; i++)
            verdict = hub->on_message(&host, &message);
        us[b] = (now_us() - from) / each;
    }
    qsort(us, BATCHES, sizeof *us, by_value);
    printf("%-44s %6zu %8.2f %8.2f %8.2f  %s\n", name, s.n, us[BATCHES / 2], us[BATCHES * 99 / 100],
           first, verdict == PARLEY_REJECT ? "refused" : "passed");
}

/* `piece` again and again, as many whole characters as fit. */
static parley_str filled(const char *piece, size_t bytes)
{
    static char memory[2][32768];
    static int next;
    char *to = memory[next ^= 1];
    size_t n = 0, step = strlen(piece);

    for (; n <= bytes; n += step)
        memcpy(to + n, piece, step);
    for (n = bytes; (to[n] & 0xc0) == 0x80;)
        n--;
    to[n] = 0;
    return (parley_str){to, n};
}

/* 16 KiB of characters that were not met before. */
static parley_str strange(void)
{
    static char memory[16384 + 1];
    size_t n = 0;

    for (uint32_t c = 0x4e00; n + 3 <= 16384; c++) {
        memory[n++] = (char)(0xe0 | c >> 12);
        memory[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        memory[n++] = (char)(0x80 | (c & 0x3f));
    }
    return (parley_str){memory, n};
}

static const struct {
    const char *name, *piece;
    size_t bytes;
} cases[] = {
    {"ASCII",
     "we will meet at the old mill after lunch and bring the tools that you asked for, all right? ",
     120},
    {"ASCII with an I: two readings",
     "I think that I will meet you at the old mill, and I bring the tools you asked for. ", 120},
    {"ASCII, near misses", "bakor ritenmu saldop pergil lonbak korit tenmus aldoper ", 120},
    {"ASCII, letters apart: two readings", "w e meet at the old mill, y e s, after lunch. ", 120},
    {"ASCII, both: four readings", "I w e meet at the old mill, y e s, after lunch. ", 120},
    {"accents", "où était le garçon qui a mangé la crème brûlée à côté de l'hôtel? ", 120},
    {"Cyrillic", "мы встретимся у старой мельницы после обеда ", 120},
    {"Cyrillic with capitals: two readings", "Мы встретимся у Старой Мельницы после обеда ", 120},
    {"Cyrillic look-alikes among Latin", "wе will mееt аt thе оld mill аftеr lunсh ", 120},
    {"Han", "我们午饭后在老磨坊见面并带上你要的工具", 120},
    {"emoji",
     "see you \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd ok \u2764\ufe0f ",
     120},
    {"mathematical and full width",
     "\U0001d430\U0001d41e ｗｉｌｌ \U0001d426\U0001d41e\U0001d41e\U0001d42d ", 120},
    {"mixed scripts", "meet встреча 見面 \U0001f600 où ｗｉｌｌ שלום ", 120},
    {"zalgo", "b\u0337\u0321\u0489\u0315a\u0337\u0321\u0489d\u0337\u0321 ", 120},
    {"16 KiB ASCII", "we will meet at the old mill after lunch and bring tools ", 16384},
    {"16 KiB near misses", "bababa", 16384},
    {"16 KiB candidates", "bababa1 ", 16384},
    {"16 KiB letters apart", "b a ", 16384},
    {"16 KiB zalgo", "b\u0337\u0321\u0489\u0315", 16384},
    {"16 KiB of one character that is 18", "\ufdfa", 16384},
};

int main(void)
{
    const parley_hub *hub =
        ((const parley_provided *)parley_plugin_wordlist.provides.items)[0].table;
    double from = now_us();

    generate((parley_list *)place("words"));
    *(const char **)place("action") = "reject";
    *(const char **)place("reply") = "no";
    *(bool *)place("spaced") = *(bool *)place("repeats") = true;
    if (parley_plugin_wordlist.create(&host) != 0)
        return 1;
    printf("%d words, ready in %.0f ms\n", WORDS, (now_us() - from) / 1e3);
    printf("%-44s %6s %8s %8s %8s\n", "text", "bytes", "median", "p99", "first");
    measure("16 KiB of new characters (see first)", hub, strange());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        measure(cases[i].name, hub, filled(cases[i].piece, cases[i].bytes));
    *(const char **)place("action") = "mask";
    measure("16 KiB masked", hub, filled("bababa ", 16384));
    measure("masked", hub, filled("we will meet bababa at the old mill after lunch ", 120));
    parley_plugin_wordlist.destroy(&host);
    return 0;
}
