#include "wxsim/mint.h"

#include <string.h>

#include "base/prng.h"

enum { ROUNDS = 4 };

struct alphabet {
    const char *chars;
    unsigned bits; /* of one character */
};

static const struct alphabet hex = {"0123456789abcdef", 4};
static const struct alphabet base64url = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6};

static const struct alphabet *alphabet_of(enum mint_kind kind)
{
    return kind == MINT_LOGIN_CODE || kind == MINT_PHONE_CODE ? &hex : &base64url;
}

static uint64_t key_of(const struct mint *m, enum mint_kind kind)
{
    struct prng r;
    prng_seed(&r, m->seed + ((uint64_t)kind << 56));
    return prng_next(&r);
}

static uint32_t round_of(uint64_t key, unsigned i, uint32_t half)
{
    uint64_t x = (key + i * 0x9e3779b97f4a7c15u) ^ half;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(x ^ (x >> 27));
}

/* A Feistel network: any round function can be undone by running the rounds backwards. */
static uint64_t scramble(uint64_t key, uint64_t x)
{
    uint32_t left = (uint32_t)(x >> 32), right = (uint32_t)x;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t next = left ^ round_of(key, i, right);
        left = right;
        right = next;
    }
    return ((uint64_t)left << 32) | right;
}

static uint64_t unscramble(uint64_t key, uint64_t x)
{
    uint32_t left = (uint32_t)(x >> 32), right = (uint32_t)x;
    for (unsigned i = ROUNDS; i-- > 0;) {
        uint32_t before = right ^ round_of(key, i, left);
        right = left;
        left = before;
    }
    return ((uint64_t)left << 32) | right;
}

/* The head: the scrambled number, most significant bits first, the last character padded. */
static size_t write_head(const struct alphabet *a, uint64_t scrambled, char *out)
{
    size_t n = 0;
    for (unsigned done = 0; done < 64; done += a->bits) {
        unsigned left = 64 - done;
        uint64_t v =
            left >= a->bits ? scrambled >> (left - a->bits) : scrambled << (a->bits - left);
        out[n++] = a->chars[v & ((1u << a->bits) - 1)];
    }
    return n;
}

static bool read_head(const struct alphabet *a, struct slice text, uint64_t *scrambled)
{
    uint64_t x = 0;
    size_t i = 0;
    for (unsigned done = 0; done < 64; done += a->bits, i++) {
        const char *at = i < text.n && text.p[i] ? strchr(a->chars, text.p[i]) : NULL;
        if (!at)
            return false;
        unsigned left = 64 - done;
        uint64_t v = (uint64_t)(at - a->chars);
        x |= left >= a->bits ? v << (left - a->bits) : v >> (a->bits - left);
    }
    *scrambled = x;
    return true;
}

static void write_stream(const struct alphabet *a, uint64_t seed, char *out, size_t chars)
{
    struct prng r;
    prng_seed(&r, seed);
    uint64_t bits = 0;
    unsigned left = 0;
    for (size_t i = 0; i < chars; i++) {
        if (left < a->bits) {
            bits = prng_next(&r);
            left = 64;
        }
        out[i] = a->chars[bits & ((1u << a->bits) - 1)];
        bits >>= a->bits;
        left -= a->bits;
    }
}

void mint_write(const struct mint *m, enum mint_kind kind, uint64_t number, char *out, size_t chars)
{
    ASSERT(chars >= MINT_MIN_CHARS && chars <= MINT_MAX_CHARS);
    const struct alphabet *a = alphabet_of(kind);
    uint64_t key = key_of(m, kind);
    uint64_t scrambled = scramble(key, number);
    size_t head = write_head(a, scrambled, out);
    write_stream(a, scrambled ^ ~key, out + head, chars - head);
    out[chars] = '\0';
}

bool mint_read(const struct mint *m, enum mint_kind kind, struct slice text, uint64_t *number)
{
    char again[MINT_MAX_CHARS + 1];
    uint64_t scrambled;
    if (text.n < MINT_MIN_CHARS || text.n > MINT_MAX_CHARS ||
        !read_head(alphabet_of(kind), text, &scrambled))
        return false;
    uint64_t candidate = unscramble(key_of(m, kind), scrambled);
    mint_write(m, kind, candidate, again, text.n);
    if (!slice_eq(text, (struct slice){again, text.n}))
        return false;
    *number = candidate;
    return true;
}
