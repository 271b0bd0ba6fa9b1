/* What parleyctl writes for people. Names come from whoever connects, so no text goes to the
 * terminal but through str_printable. */
#include "base/str.h"
#include "ctl.h"

#include <stdarg.h>
#include <stdlib.h>

int print_json(const json_t *v)
{
    json_dumpf(v, stdout, JSON_INDENT(2));
    putchar('\n');
    return CTL_DONE;
}

void print_text(const char *s, int width)
{
    parley_str text = str_of(s && *s ? s : "-");
    size_t most = 6 * text.n + 1;
    char *out = malloc(most);
    int used;

    if (!out)
        return;
    str_printable(text, out, most);
    fputs(out, stdout);
    used = (int)str_codepoints(str_of(out));
    if (width)
        printf("%*s", used < width ? width - used + 1 : 1, "");
    free(out);
}

void print_field(const char *name, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    printf("%-12s", name);
    print_text(text, 0);
    putchar('\n');
    free(text);
}

const char *print_bytes(int64_t n, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)n;
    unsigned u = 0;

    while (v >= 1024 && u < 4) {
        v /= 1024;
        u++;
    }
    snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

const char *print_duration(int64_t ms, char out[32])
{
    int64_t s = ms / 1000;

    if (s < 1)
        snprintf(out, 32, "%" PRId64 " ms", ms);
    else if (s < 60)
        snprintf(out, 32, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, 32, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, 32, "%" PRId64 "h %" PRId64 "m", s / 3600, s / 60 % 60);
    else
        snprintf(out, 32, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
    return out;
}

const char *print_str(const json_t *v, const char *key)
{
    const char *s = json_string_value(json_object_get(v, key));

    return s ? s : "";
}

int64_t print_int(const json_t *v, const char *key)
{
    return json_integer_value(json_object_get(v, key));
}

double print_number(const json_t *v, const char *key)
{
    return json_number_value(json_object_get(v, key));
}
