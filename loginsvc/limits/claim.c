#include "loginsvc/limits/claim.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"

enum { NAME_BYTES = (CLAIM_NAME_SIZE - 1) / 2, TEXT_SIZE = 2048 };

static void name_of(const uint8_t *digest, char out[CLAIM_NAME_SIZE])
{
    struct text t = text_init(out, CLAIM_NAME_SIZE);
    text_hex(&t, (struct slice){(const char *)digest, NAME_BYTES});
}

/* A code holds more than 128 random bits: nobody finds it from its digest. */
static void digest_code(struct slice appid, int place, struct slice code,
                        uint8_t digest[SHA256_SIZE])
{
    char plain[TEXT_SIZE];
    struct text t = text_init(plain, sizeof plain);
    text_fmt(&t, "code|%.*s|%d|", (int)appid.n, appid.p, place);
    text_add(&t, code);
    ASSERT(!t.cut);
    digest_sha256((struct slice){t.p, t.n}, digest);
    bytes_wipe(plain, sizeof plain);
}

/* Addresses are few enough to be tried one by one, so a key hides them. */
static void name_address(const struct keyring *names, struct slice appid, struct slice address,
                         char out[CLAIM_NAME_SIZE])
{
    char plain[TEXT_SIZE];
    uint8_t tag[HMAC_SHA256_SIZE];
    struct text t = text_init(plain, sizeof plain);
    text_fmt(&t, "address|%.*s|", (int)appid.n, appid.p);
    text_add(&t, address);
    ASSERT(!t.cut);
    hmac_sha256(keyring_key(names, 0), (struct slice){t.p, t.n}, tag);
    name_of(tag, out);
}

/* The whole digests of the codes go in, of which their names are but half. Who sees all the names,
 * as Redis does, and tries one address after the other still lacks the other half. */
static void name_request(struct claim *c, const struct claim_request *r,
                         uint8_t digests[][SHA256_SIZE])
{
    char plain[TEXT_SIZE];
    uint8_t digest[SHA256_SIZE];
    struct text t = text_init(plain, sizeof plain);
    text_fmt(&t, "request|%.*s|%s|%lld|", (int)r->appid.n, r->appid.p, r->purpose,
             (long long)r->user_id);
    for (int i = 0; i < c->n_codes; i++)
        text_add(&t, (struct slice){(const char *)digests[i], SHA256_SIZE});
    text_add(&t, r->address);
    ASSERT(!t.cut);
    digest_sha256((struct slice){t.p, t.n}, digest);
    name_of(digest, c->fingerprint);
    bytes_wipe(plain, sizeof plain);
}

/* Whether a ticket was used is the database's to say: its claim is of the request alone, and only
 * holds back the request's own repeats. */
void claim_init(struct claim *c, const struct claim_request *r, const struct keyring *names)
{
    uint8_t digests[CLAIM_CODES_MAX][SHA256_SIZE];
    *c = (struct claim){.user_id = r->user_id, .phone = r->phone};
    bool fits = slice_copy(r->appid, c->appid, sizeof c->appid);
    ASSERT(fits);
    for (int i = 0; i < CLAIM_CODES_MAX; i++) {
        if (r->codes[i].n == 0)
            continue;
        digest_code(r->appid, i, r->codes[i], digests[c->n_codes]);
        name_of(digests[c->n_codes], c->codes[c->n_codes]);
        c->n_codes++;
    }
    if (r->counted_address.n > 0)
        name_address(names, r->appid, r->counted_address, c->address);
    name_request(c, r, digests);
    bytes_wipe(digests, sizeof digests);
    if (r->codes[CLAIM_TICKET].n > 0)
        memcpy(c->codes[c->n_codes - 1], c->fingerprint, sizeof c->fingerprint);
}
