/* Values as people write them in the INI, and the checks of a parley_field's range. Knows nothing
 * of chat. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H
#include <parley/plugin.h>

/* 0, -EINVAL or -ERANGE. "250ms" "60s" "5m" "1h" "30d"; "0" alone needs no unit. */
int units_duration(parley_str s, int64_t *ret_ms);
/* "512B" "16KiB" "1MiB" "2GiB"; "0" alone needs no unit; KB and kb are refused. */
int units_size(parley_str s, int64_t *ret_bytes);
int units_bool(parley_str s, bool *ret);   /* yes no true false on off */
int units_int(parley_str s, int64_t *ret); /* whole, decimal */
int units_number(parley_str s, double *ret);
/* Reads `text` as `field` wants it and checks its range. Ranges: INT, NUMBER, SIZE, DURATION
 * "1..300", "1..", in their own units; STRING "1..64" (code points), "a|b" (one of; a star matches
 * any run: "*.org|localhost"); LIST "2..10 of <range of an item>". On success writes the C value
 * (see parley/plugin.h: bool, int64_t, double, const char *, parley_list) to `into`; strings and
 * lists are allocated from `arena`. On failure writes a sentence without the option's name, "must
 * be a duration such as '60s' or '5m'", to why. 0 or -EINVAL, -ENOMEM. */
struct arena;
int units_read(const parley_field *field, parley_str text, struct arena *arena, void *into,
               char why[256]);
/* The same checks for a value that is already typed (a message's): string length or alternatives,
 * integer bounds; of a LIST the number of items, and one item. */
int units_check_int(const parley_field *field, int64_t v, char why[256]);
int units_check_number(const parley_field *field, double v, char why[256]);
int units_check_str(const parley_field *field, parley_str v, char why[256]);
int units_check_count(const parley_field *field, size_t n, char why[256]);
int units_check_item(const parley_field *field, parley_str item, char why[256]);
/* Whether a STRING's range is a number of characters (or none at all), and from where to where:
 * units_check_str() then accepts exactly those lengths. */
bool units_length_range(const char *range, size_t *ret_least, size_t *ret_most);
const char *units_kind_name(int32_t kind); /* "duration" */
#endif
