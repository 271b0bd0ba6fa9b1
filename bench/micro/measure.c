/* Numbers of this program: medians and quartiles, since a machine that others use too makes means
 * worthless. */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOCK_TRIES 10001

static bool as_json, any; /* any: a result was printed */

int64_t measure_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void samples_init(struct samples *s, const char *name, size_t repetitions)
{
    *s = (struct samples){.name = name, .cap = repetitions};
    s->values = calloc(repetitions, sizeof *s->values);
    if (!s->values)
        abort();
}

void samples_finish(struct samples *s)
{
    free(s->values);
    s->values = NULL;
    s->count = s->cap = 0;
}

void samples_add_value(struct samples *s, double ns)
{
    if (s->count < s->cap)
        s->values[s->count++] = ns;
}

void samples_add(struct samples *s, int64_t from_ns, int64_t until_ns, unsigned messages)
{
    samples_add_value(s, (double)(until_ns - from_ns - measure_clock_ns()) / messages);
}

/* Of the sorted values. */
static double quantile(const struct samples *s, double q)
{
    return s->count ? s->values[(size_t)(q * (double)(s->count - 1) + 0.5)] : 0;
}

double samples_median(struct samples *s)
{
    qsort(s->values, s->count, sizeof *s->values, by_value);
    return quantile(s, 0.5);
}

int64_t measure_clock_ns(void)
{
    static int64_t known;
    struct samples s;

    if (known)
        return known;
    samples_init(&s, "clock", CLOCK_TRIES);
    for (int i = 0; i < CLOCK_TRIES; i++) {
        int64_t from = measure_now_ns();

        samples_add_value(&s, (double)(measure_now_ns() - from));
    }
    known = (int64_t)samples_median(&s);
    samples_finish(&s);
    return known;
}

/* --- output --- */

static void cpu_name(char *out, size_t out_bytes)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    const char *colon;

    snprintf(out, out_bytes, "unknown");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0 && (colon = strchr(line, ':'))) {
            snprintf(out, out_bytes, "%.*s", (int)strcspn(colon + 2, "\n\"\\"), colon + 2);
            break;
        }
    if (f)
        fclose(f);
}

void report_begin(bool json, size_t text_bytes, size_t frame_bytes, unsigned batch)
{
    char cpu[128];

    cpu_name(cpu, sizeof cpu);
    as_json = json;
    any = false;
    if (json) {
        printf("{\"benchmark\":\"micro\",\"unit\":\"ns/message\",\"cpu\":\"%s\","
               "\"compiler\":\"%s\",\"text_bytes\":%zu,\"frame_bytes\":%zu,\"batch\":%u,"
               "\"clock_ns\":%lld,\"results\":[",
               cpu, __VERSION__, text_bytes, frame_bytes, batch, (long long)measure_clock_ns());
        return;
    }
    printf("%s, compiler %s\n", cpu, __VERSION__);
    printf("Nanoseconds a message: a text of %zu bytes in a frame of %zu, %u messages at a time; "
           "%lld ns of clock a repetition are left out.\n\n",
           text_bytes, frame_bytes, batch, (long long)measure_clock_ns());
    printf("%-44s %9s %9s %9s %9s %8s\n", "", "median", "quarter", "3 quart.", "least", "of");
}

void report_samples(struct samples *s)
{
    double median = samples_median(s);

    if (as_json)
        printf("%s\n{\"name\":\"%s\",\"median\":%.1f,\"p25\":%.1f,\"p75\":%.1f,\"least\":%.1f,"
               "\"repetitions\":%zu}",
               any ? "," : "", s->name, median, quantile(s, 0.25), quantile(s, 0.75),
               quantile(s, 0), s->count);
    else
        printf("%-44s %9.1f %9.1f %9.1f %9.1f %8zu\n", s->name, median, quantile(s, 0.25),
               quantile(s, 0.75), quantile(s, 0), s->count);
    any = true;
    fflush(stdout);
}

void report_value(const char *name, double ns)
{
    if (as_json)
        printf("%s\n{\"name\":\"%s\",\"median\":%.1f}", any ? "," : "", name, ns);
    else
        printf("%-44s %9.1f\n", name, ns);
    any = true;
    fflush(stdout);
}

void report_end(void)
{
    if (as_json)
        printf("\n]}\n");
}
