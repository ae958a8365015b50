#include "loginsvc/limits/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 16, V4_PREFIX = 96, HOUSEHOLD_BITS = 64 };

/* IPv4 as ::ffff:a.b.c.d, so that one kind is enough. */
struct network {
    unsigned char bytes[BYTES];
    int bits;
};

struct proxies {
    size_t n;
    struct network list[];
};

static const unsigned char V4_MAPPED[BYTES] = {0, 0, 0,    0,    0, 0, 0, 0,
                                               0, 0, 0xff, 0xff, 0, 0, 0, 0};

static bool parse(struct slice text, unsigned char out[BYTES])
{
    char z[ADDRESS_SIZE];
    if (!slice_copy(slice_trim(text), z, sizeof z))
        return false;
    memcpy(out, V4_MAPPED, BYTES);
    return inet_pton(AF_INET, z, out + V4_PREFIX / 8) == 1 || inet_pton(AF_INET6, z, out) == 1;
}

/* What some proxies write around an address: "[::1]", "[::1]:4711", "192.0.2.1:4711"; and the
 * kernel behind one: "fe80::1%eth0". */
static struct slice bare(struct slice text)
{
    struct slice rest = slice_trim(text);
    bool bracketed = rest.n > 0 && rest.p[0] == '[';
    if (bracketed)
        rest = (struct slice){rest.p + 1, rest.n - 1};
    struct slice all = rest, address = slice_cut(&rest, bracketed ? ']' : ':');
    bool many_colons = !bracketed && rest.p && memchr(rest.p, ':', rest.n);
    if (many_colons) /* of IPv6 */
        address = all;
    return slice_cut(&address, '%');
}

static bool is_v4(const unsigned char a[BYTES])
{
    return memcmp(a, V4_MAPPED, V4_PREFIX / 8) == 0;
}

static void print(const unsigned char a[BYTES], char out[ADDRESS_SIZE])
{
    const char *done = is_v4(a) ? inet_ntop(AF_INET, a + V4_PREFIX / 8, out, ADDRESS_SIZE)
                                : inet_ntop(AF_INET6, a, out, ADDRESS_SIZE);
    ASSERT(done != NULL);
}

static void keep_bits(unsigned char a[BYTES], int bits)
{
    for (int i = 0; i < BYTES; i++) {
        int kept = bits - i * 8;
        if (kept < 8)
            a[i] &= (unsigned char)(kept <= 0 ? 0 : 0xff << (8 - kept));
    }
}

static bool parse_network(const char *text, struct network *out)
{
    struct slice bits = slice_of(text), address = slice_cut(&bits, '/');
    int64_t n = 0;
    if (!parse(address, out->bytes))
        return false;
    int offset = is_v4(out->bytes) ? V4_PREFIX : 0;
    if (bits.p && !slice_to_int(bits, 0, BYTES * 8 - offset, &n))
        return false;
    out->bits = bits.p ? (int)n + offset : BYTES * 8;
    keep_bits(out->bytes, out->bits);
    return true;
}

struct proxies *proxies_new(char *const *networks, size_t n, struct err *e)
{
    struct proxies *p = xcalloc(1, sizeof *p + n * sizeof p->list[0]);
    for (size_t i = 0; i < n; i++) {
        if (!parse_network(networks[i], &p->list[i])) {
            err_set(e, "%.64s: expected addresses or networks like 10.0.0.0/8, ::1", networks[i]);
            proxies_free(p);
            return NULL;
        }
    }
    p->n = n;
    return p;
}

void proxies_free(struct proxies *p)
{
    free(p);
}

static bool is_trusted(const struct proxies *p, const unsigned char a[BYTES])
{
    for (size_t i = 0; i < p->n; i++) {
        unsigned char cut[BYTES];
        memcpy(cut, a, BYTES);
        keep_bits(cut, p->list[i].bits);
        if (memcmp(cut, p->list[i].bytes, BYTES) == 0)
            return true;
    }
    return false;
}

/* The last element of a list, which it shortens. */
static struct slice take_last(struct slice *list)
{
    const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
    size_t from = comma ? (size_t)(comma - list->p) + 1 : 0;
    struct slice last = {list->p + from, list->n - from};
    list->n = comma ? from - 1 : 0;
    return bare(last);
}

void client_address_of(const struct proxies *p, struct slice peer, struct slice forwarded,
                       struct client_address *out)
{
    unsigned char a[BYTES], next[BYTES];
    *out = (struct client_address){.is_proxy = false};
    if (!parse(bare(peer), a)) { /* a connection without an address */
        out->is_proxy = true;
        return;
    }
    while (is_trusted(p, a) && forwarded.n > 0 && parse(take_last(&forwarded), next))
        memcpy(a, next, BYTES);
    out->is_proxy = is_trusted(p, a);
    print(a, out->text);
    if (!is_v4(a))
        keep_bits(a, HOUSEHOLD_BITS);
    print(a, out->network);
}
