/* The validator's report. A failure says how to repeat it alone. */
#include "report.h"

static const char *const outcomes[] = {"pass", "fail", "skip"};

void report_begin(struct report *r, const char *file, uint64_t seed, bool json)
{
    *r = (struct report){.file = file, .seed = seed, .json = json, .cases = json_array()};
    if (!json)
        printf("%s, seed %" PRIu64 "\n", file, seed);
}

static void print_lines(const char *text, const char *before)
{
    while (text && *text) {
        int n = (int)strcspn(text, "\n");

        printf("%s%.*s\n", before, n, text);
        text += n + (text[n] == '\n');
    }
}

void report_add(struct report *r, const struct check *c, const struct trial *t, const char *said)
{
    bool failed = t->outcome == OUTCOME_FAIL;
    json_t *o = json_pack("{s:s,s:s,s:I,s:s}", "name", c->name, "outcome", outcomes[t->outcome],
                          "ms", (json_int_t)t->took_ms, "text", t->text);

    if (!o) /* what it said is no UTF-8 */
        o = json_pack("{s:s,s:s,s:I,s:s}", "name", c->name, "outcome", outcomes[t->outcome], "ms",
                      (json_int_t)t->took_ms, "text", "its words are no UTF-8");
    if (failed && said)
        json_object_set_new(o, "said", json_string(said));
    json_array_append_new(r->cases, o);
    r->counts[t->outcome]++;
    if (r->json)
        return;
    printf("  %-4s  %-15s %6lld ms  %s\n", failed ? "FAIL" : outcomes[t->outcome], c->name,
           (long long)t->took_ms, t->text[0] ? t->text : c->about);
    if (failed) {
        print_lines(said, "          | ");
        printf("          repeat: parley-plugin validate %s --case %s --seed %" PRIu64 "\n",
               r->file, c->name, r->seed);
    }
    fflush(stdout);
}

static void put_xml(FILE *to, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)(text ? text : ""); *s; s++)
        if (*s == '<')
            fputs("&lt;", to);
        else if (*s == '&')
            fputs("&amp;", to);
        else if (*s == '"')
            fputs("&quot;", to);
        else if (*s >= ' ' || *s == '\n' || *s == '\t')
            putc(*s, to);
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static int write_junit(const struct report *r, const char *file)
{
    FILE *to = fopen(file, "we");
    json_t *c;
    size_t i;

    if (!to) {
        fprintf(stderr, "%s: %s\n", file, strerror(errno));
        return -errno;
    }
    fprintf(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    put_xml(to, r->plugin ? r->plugin->copy.id : r->file);
    fprintf(to, "\" tests=\"%zu\" failures=\"%d\" skipped=\"%d\">\n", json_array_size(r->cases),
            r->counts[OUTCOME_FAIL], r->counts[OUTCOME_SKIP]);
    fprintf(to, " <properties><property name=\"seed\" value=\"%" PRIu64 "\"/></properties>\n",
            r->seed);
    json_array_foreach (r->cases, i, c) {
        double s = (double)json_integer_value(json_object_get(c, "ms")) / 1000;
        const char *outcome = str(c, "outcome");
        const char *element = strcmp(outcome, "fail") == 0   ? "failure"
                              : strcmp(outcome, "skip") == 0 ? "skipped"
                                                             : NULL;

        fprintf(to, " <testcase classname=\"parley-plugin\" name=\"%s\" time=\"%.3f\">",
                str(c, "name"), s);
        if (element) {
            fprintf(to, "<%s message=\"", element);
            put_xml(to, str(c, "text"));
            fprintf(to, "\">");
            put_xml(to, str(c, "said"));
            fprintf(to, "</%s>", element);
        }
        fprintf(to, "</testcase>\n");
    }
    fprintf(to, "</testsuite>\n");
    return fclose(to) == 0 ? 0 : -errno;
}

int report_end(struct report *r, const char *junit_file)
{
    int bad = r->counts[OUTCOME_FAIL];

    if (junit_file && write_junit(r, junit_file) < 0)
        bad++;
    if (r->json) {
        json_t *o =
            json_pack("{s:s,s:s?,s:s?,s:I,s:i,s:i,s:i,s:o}", "file", r->file, "id",
                      r->plugin ? r->plugin->copy.id : NULL, "version",
                      r->plugin ? r->plugin->copy.version : NULL, "seed", (json_int_t)r->seed,
                      "passed", r->counts[OUTCOME_PASS], "failed", r->counts[OUTCOME_FAIL],
                      "skipped", r->counts[OUTCOME_SKIP], "cases", r->cases);

        json_dumpf(o, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(o);
    } else {
        printf("%d passed, %d failed, %d skipped\n", r->counts[OUTCOME_PASS],
               r->counts[OUTCOME_FAIL], r->counts[OUTCOME_SKIP]);
        json_decref(r->cases);
    }
    return bad ? EXIT_FAULT : EXIT_SUCCESS;
}
