/* JSON spoilt at random, with pieces of the corpus: the same mutants for the same seed.
 *
 * A test sets random_state to a number of its own, which is not 0.
 */
#ifndef TEST_JSON_MUTATE_H
#define TEST_JSON_MUTATE_H
#include "base/str.h"
#include "json_corpus.h"

#define MUTANT_BYTES 512

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

/* A piece of the corpus, or a text of it that may stand alone. */
static parley_str pick_piece(void)
{
    static const parley_str small[] = {{"{", 1},      {"}", 1},       {"[", 1},
                                       {"]", 1},      {",", 1},       {":", 1},
                                       {"\"", 1},     {"\\", 1},      {"\\u", 2},
                                       {"00", 2},     {"\\ud83d", 6}, {"\\ude00", 6},
                                       {"\"a\":", 4}, {"\0", 1},      {" ", 1},
                                       {"-", 1},      {".", 1},       {"e", 1},
                                       {"9", 1},      {"\x80", 1},    {"\xe2\x82\xac", 3},
                                       {"null", 4}};
    switch (pick(4)) {
    case 0:
        return corpus_numbers[pick(COUNT(corpus_numbers))];
    case 1:
        return corpus_strings[pick(COUNT(corpus_strings))];
    default:
        return small[pick(COUNT(small))];
    }
}

/* p[0..n) with p[at..at+cut) replaced, as far as there is room. */
static size_t splice(char *p, size_t n, size_t at, size_t cut, parley_str with)
{
    if (n - cut + with.n > MUTANT_BYTES)
        return n;
    memmove(p + at + with.n, p + at + cut, n - at - cut);
    if (with.n > 0)
        memcpy(p + at, with.p, with.n);
    return n - cut + with.n;
}

static size_t mutate(char *p, size_t n)
{
    char piece[16];
    size_t at = pick((uint32_t)n + 1), left = n - at, length = left == 0 ? 0 : pick(16) % left;
    switch (pick(6)) {
    case 0:
        if (left > 0)
            p[at] = (char)(p[at] ^ 1 << pick(8));
        return n;
    case 1:
        if (left > 0)
            p[at] = (char)pick(256);
        return n;
    case 2: /* leave something out */
        return splice(p, n, at, length, PARLEY_NONE);
    case 3: /* say something twice */
        memcpy(piece, p + at, length);
        return splice(p, n, pick((uint32_t)n + 1), 0, str_n(piece, length));
    case 4:
        return splice(p, n, at, 0, pick_piece());
    default:
        return splice(p, n, at, length, pick_piece());
    }
}
#endif
