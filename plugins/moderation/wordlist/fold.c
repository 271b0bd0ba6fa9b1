/* Folding: what looks alike becomes equal, and every unit knows the bytes that it came from.
 *
 * A character is folded by itself: utf8proc decomposes it for compatibility, without case and
 * without what is invisible; ICU says which letters look like which; accents and control
 * characters go. This is done once a character; afterwards a text is a row of look-ups, ASCII and
 * all else alike. Nothing is composed again, so that each unit has one origin.
 */
#include "wordlist.h"

#include <ctype.h>
#include <stdlib.h>
#include <unicode/uscript.h>
#include <unicode/uspoof.h>
#include <unicode/utf16.h>
#include <utf8proc.h>

#define PLANES    0x40000 /* beyond them are private use, tags and variation selectors */
#define MOST      64      /* units of one character */
#define MARK_SIGN 0x10000

struct fold {
    USpoofChecker *spoof;
    bool leet;
    uint32_t (*at)[2]; /* by character, and `capitals`: where in `known`; 0: not met yet */
    uint32_t *known;   /* how many units (and MARK_SIGN), then these: code and kind << 24 */
    size_t known_count, known_room;
};

static bool is_between(int32_t c, utf8proc_category_t first, utf8proc_category_t last)
{
    utf8proc_category_t k = utf8proc_category(c);

    return k >= first && k <= last;
}

static UScriptCode script_of(int32_t c)
{
    UErrorCode e = U_ZERO_ERROR;

    return uscript_getScript(c, &e);
}

static enum kind kind_of(int32_t c)
{
    if (is_between(c, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME))
        return MARK;
    if (is_between(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NO))
        return uscript_breaksBetweenLetters(script_of(c)) ? UNSPACED : LETTER;
    return c == 0x85 || (c < 0x80 && isspace(c)) ? SPACE : SEPARATOR;
}

/* Accents, and controls. Not the marks that are letters to those who write with them: words are
 * told apart by Indian and Thai vowels, and by the Japanese signs of voiced sounds. */
static bool is_dropped(int32_t c, enum kind kind)
{
    UScriptCode script = script_of(c);

    if (kind == MARK)
        return c != 0x3099 && c != 0x309a &&
               (script == USCRIPT_INHERITED || script == USCRIPT_CYRILLIC ||
                script == USCRIPT_HEBREW || script == USCRIPT_ARABIC);
    return kind == SEPARATOR && is_between(c, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CF);
}

/* What looks the same, as ICU has it. An ASCII character stays one character: were m the same as
 * rn, "modern" would be "modem". */
static int skeleton(const struct fold *f, int32_t c, int32_t *out)
{
    static const char leet[] = "0o1i3e4a5s7t8b9g@a$s!i|i+t";
    const char *as = f->leet && c > ' ' && c < 0x80 && !isalpha(c) ? strchr(leet, c) : NULL;
    UErrorCode e = U_ZERO_ERROR;
    UChar in[2], to[MOST];
    int32_t n = 0, at = 0, count = 0;

    out[0] = as ? as[1] : c;
    U16_APPEND_UNSAFE(in, n, out[0]);
    n = uspoof_getSkeleton(f->spoof, 0, in, n, to, MOST, &e);
    if (U_FAILURE(e) || (out[0] < 0x80 && n != 1))
        return 1;
    for (; at < n; count++)
        U16_NEXT(to, at, n, out[count]);
    return count;
}

static uint32_t fold_one(const struct fold *f, int32_t c, bool capitals, uint32_t *out)
{
    const int all = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_IGNORE | UTF8PROC_CASEFOLD;
    int32_t parts[MOST], alike[MOST], folded[MOST];
    int last = 0, first = capitals ? all & ~UTF8PROC_CASEFOLD : all;
    int n = (int)utf8proc_decompose_char(c, parts, MOST, first, &last);
    uint32_t count = 0;

    for (int i = 0; i < n && i < MOST; i++) {
        int m = skeleton(f, parts[i], alike);

        for (int k = 0; k < m; k++) {
            int more = (int)utf8proc_decompose_char(alike[k], folded, MOST, all, &last);

            for (int j = 0; j < more && j < MOST && count < MOST; j++) {
                enum kind kind = kind_of(c < 0x80 ? c : folded[j]); /* '@' ends words, even as a */

                if (is_dropped(folded[j], kind))
                    continue;
                if (f->leet && folded[j] == 'l') /* since 1 is either */
                    folded[j] = 'i';
                out[count++] = (uint32_t)(kind == SPACE ? ' ' : folded[j]) | (uint32_t)kind << 24;
            }
        }
    }
    return count;
}

static int learn(struct fold *f, uint32_t c)
{
    uint32_t sign = kind_of((int32_t)c) == MARK ? MARK_SIGN : 0, *u;

    if (f->known_room < f->known_count + 2 * (MOST + 1)) {
        size_t room = f->known_room * 2 + 4096;

        if (!(u = (uint32_t *)realloc(f->known, room * sizeof *u)))
            return -ENOMEM;
        f->known = u;
        f->known_room = room;
    }
    for (int r = 0; r < 2; r++) {
        const uint32_t *before = f->known + f->at[c][0];

        u = f->known + f->known_count;
        u[0] = fold_one(f, (int32_t)c, r, u + 1) | sign;
        if (r && u[0] == before[0] &&
            memcmp(u, before, ((u[0] & ~MARK_SIGN) + 1) * sizeof *u) == 0) {
            f->at[c][1] = f->at[c][0];
            return 0;
        }
        f->at[c][r] = (uint32_t)f->known_count;
        f->known_count += (u[0] & ~MARK_SIGN) + 1;
    }
    return 0;
}

/* How many units, and these; NULL: no memory. */
static const uint32_t *look_up(struct fold *f, uint32_t c, bool capitals, bool *ret_twofold)
{
    if (c >= PLANES)
        c = c >> 16 == 0xe ? 0xfe0f : 0xfffd;
    if (!f->at[c][0] && learn(f, c) < 0)
        return NULL;
    *ret_twofold |= f->at[c][0] != f->at[c][1];
    return f->known + f->at[c][capitals];
}

static int make_room(struct text *t)
{
    size_t room = t->room * 2 + 2 * MOST;
    struct unit *units = (struct unit *)realloc(t->units, room * sizeof *units);
    char *bytes = units ? (char *)realloc(t->bytes, room) : NULL;

    t->units = units ? units : t->units;
    t->bytes = bytes ? bytes : t->bytes;
    if (!bytes)
        return -ENOMEM;
    t->room = room;
    return 0;
}

/* There is room. Repeated ones are one; of white space it does not matter how many. */
static void add(struct text *t, struct unit u)
{
    struct unit *last = t->n ? &t->units[t->n - 1] : NULL;

    if (last && u.kind == MARK && last->code < 0x80) { /* borrowed from another script */
        last->to = u.to;
    } else if (last && last->code == u.code) {
        last->run += u.kind == SPACE ? 0 : u.run;
        last->to = u.to;
    } else if (last || u.kind != SPACE) {
        t->units[t->n++] = u;
    }
}

static void write_bytes(struct text *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->bytes[i] = (char)(t->units[i].code < 0x80 ? t->units[i].code : t->units[i].code | 0x80);
}

int fold_text(struct fold *f, parley_str s, bool capitals, struct text *t)
{
    t->n = 0;
    t->twofold = false;
    for (size_t i = 0, next; i < s.n; i = next) {
        const uint32_t *known;
        int32_t c = s.p[i];
        utf8proc_ssize_t bytes = 1;

        if (s.p[i] & 0x80)
            bytes = utf8proc_iterate((const uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
        if (bytes < 0)
            return -EILSEQ;
        next = i + (size_t)bytes;
        if (f->leet && c == '!' && (next == s.n || !isalnum((unsigned char)s.p[next])))
            c = 0xfffd; /* an end of a sentence, no letter */
        known = look_up(f, (uint32_t)c, capitals, &t->twofold);
        if (!known || (t->room - t->n < MOST && make_room(t) < 0))
            return -ENOMEM;
        for (uint32_t k = 1; k <= (*known & ~MARK_SIGN); k++)
            add(t,
                (struct unit){known[k] & 0xffffff, known[k] >> 24, 1, (uint32_t)i, (uint32_t)next});
        if (*known == MARK_SIGN && t->n)
            t->units[t->n - 1].to = (uint32_t)next;
    }
    while (t->n && t->units[t->n - 1].kind == SPACE)
        t->n--;
    write_bytes(t);
    return 0;
}

/* How many letters in a row stand alone, as in "b.a d", from i on. */
static size_t lone_letters(const struct text *t, size_t n, size_t i)
{
    const struct unit *u = t->units;
    size_t count = 0;

    for (; i < n && u[i].kind >= UNSPACED; i += 2, count++)
        if ((i && u[i - 1].kind >= MARK) || (i + 1 < n && u[i + 1].kind >= MARK))
            break;
    return count;
}

bool text_join(struct text *t)
{
    size_t n = t->n, i = 0;

    while (i < n && lone_letters(t, n, i) < 3)
        i++;
    if (i == n)
        return false;
    for (t->n = i; i < n; i++) {
        size_t count = lone_letters(t, n, i);

        add(t, t->units[i]);
        for (size_t k = 1; count >= 3 && k < count; k++)
            add(t, t->units[i += 2]);
    }
    write_bytes(t);
    return true;
}

bool fold_shows(struct fold *f, uint32_t c)
{
    bool twofold = false;
    const uint32_t *known = look_up(f, c, false, &twofold);

    return known && *known && !(*known & MARK_SIGN);
}

int text_shrink(struct text *t)
{
    struct unit *units = (struct unit *)realloc(t->units, (t->n + 1) * sizeof *units);
    char *bytes = (char *)realloc(t->bytes, t->n + 1);

    t->units = units ? units : t->units;
    t->bytes = bytes ? bytes : t->bytes;
    t->room = t->n;
    return units && bytes ? 0 : -ENOMEM;
}

void text_finish(struct text *t)
{
    free(t->units);
    free(t->bytes);
}

struct fold *fold_new(bool leet)
{
    struct fold *f = (struct fold *)calloc(1, sizeof *f);
    UErrorCode e = U_ZERO_ERROR;

    if (!f)
        return NULL;
    f->leet = leet;
    f->known_count = 1;
    f->at = (uint32_t(*)[2])calloc(PLANES, sizeof *f->at);
    f->spoof = uspoof_open(&e);
    if (f->at && U_SUCCESS(e))
        return f;
    fold_free(f);
    return NULL;
}

void fold_free(struct fold *f)
{
    if (!f)
        return;
    uspoof_close(f->spoof);
    free(f->at);
    free(f->known);
    free(f);
}
