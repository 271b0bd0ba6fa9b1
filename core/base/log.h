/* The log: one event, one line. JSON lines to stderr, or readable text when stderr is a terminal
 * (or told so).
 *
 * An event has a name (`client_closed`) and typed fields; text of strangers goes into fields only,
 * escaped, so that it can forge neither a line nor a terminal sequence. Any thread; one write(2) a
 * line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include <parley/base.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JSON, LOG_FORMAT_TEXT };
enum log_kind { LOG_END, LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_BOOL, LOG_KIND_NUMBER };
struct log_field {
    const char *key;
    enum log_kind kind;
    parley_str s;
    int64_t i;
    double d;
};
/* STR: a parley_str, TEXT: a const char *; absent ones are left out. */
#define LOG_STR(key, value)    ((struct log_field){key, LOG_KIND_STR, value, 0, 0})
#define LOG_TEXT(key, value)   ((struct log_field){key, LOG_KIND_STR, str_of(value), 0, 0})
#define LOG_INT(key, value)    ((struct log_field){key, LOG_KIND_INT, {0}, (int64_t)(value), 0})
#define LOG_BOOL(key, value)   ((struct log_field){key, LOG_KIND_BOOL, {0}, (value), 0})
#define LOG_NUMBER(key, value) ((struct log_field){key, LOG_KIND_NUMBER, {0}, 0, (value)})
/* log_event(LOG_LEVEL_INFO, "client_closed", LOG_STR("user", u), LOG_INT("code", 4408));
 * `msg` is a good key for a sentence. */
#define log_event(level, event, ...)                                              \
    do {                                                                          \
        if (log_wants(level))                                                     \
            log_write((level), (event),                                           \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
    } while (0)

void log_setup(enum log_level least, enum log_format format, int fd); /* before any thread */
/* From now on. [any] */
void log_set_level(enum log_level least);
enum log_level log_level(void); /* the least that is logged. [any] */
const char *log_level_name(enum log_level level);
/* debug info warning error; 0 or -EINVAL. */
int log_level_parse(const char *name, enum log_level *ret);
bool log_wants(enum log_level level);
/* {"time":"2026-01-02T03:04:05.678Z","level":"info","event":"…", fields…}, at most 4,096 bytes. A
 * bound of lines an event and second protects the disk from strangers: beyond it lines are counted
 * and one `log_suppressed` says how many of which event. Errors are never suppressed. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
/* Likewise, as an error, from the handler of a signal: STR, INT and BOOL fields alone. Nothing is
 * locked, allocated or asked of the C library that such a handler may not. */
void log_last_words(const char *event, const struct log_field *fields);
void log_limit(unsigned lines_per_event_and_second); /* 0: none; default 200 */
#endif
