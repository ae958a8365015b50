/* bench_sessions: what the set of ended sessions costs, and a JWT of each algorithm.
 *
 *   bench_sessions [ENDED] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "loginsvc/sessions/jwt.h"
#include "loginsvc/sessions/revocations.h"
#include "sys/clock.h"
#include "sys/entropy.h"

enum { ENDED = 1000000, JWTS = 5000 };

static const wall_ms_t now = {1800000000000};

static void print_each(const char *what, int64_t start_us, size_t times)
{
    printf("%-36s %9.3f us each\n", what,
           (double)(clock_mono_us() - start_us) / (double)(times ? times : 1));
}

static void print_whole(const char *what, int64_t us)
{
    printf("%-36s %9.3f ms\n", what, (double)us / 1000);
}

/* ---- the set ---- */

static void measure_adds(struct revocations *r, char (*ids)[SESSION_ID_SIZE], size_t n)
{
    int64_t start = clock_mono_us(), worst = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t before = clock_mono_us();
        ASSERT(revocations_add(r, slice_of(ids[i]), wall_after(now, (int64_t)i % 1000)));
        int64_t took = clock_mono_us() - before;
        worst = took > worst ? took : worst;
    }
    print_each("add", start, n);
    print_whole("the longest of them (the set grew)", worst);
}

static void measure_set(size_t n)
{
    char(*ids)[SESSION_ID_SIZE] = xcalloc(n, SESSION_ID_SIZE);
    struct revocations *r = revocations_new(n, entropy_u64());
    for (size_t i = 0; i < n; i++)
        entropy_hex(ids[i], 16);
    measure_adds(r, ids, n);
    int64_t start = clock_mono_us();
    for (size_t i = 0; i < n; i++)
        ASSERT(revocations_has(r, slice_of(ids[i])));
    print_each("has: yes", start, n);
    start = clock_mono_us();
    for (size_t i = 0; i < n; i++) {
        ids[i][0] = ids[i][0] == '0' ? '1' : '0';
        ASSERT(!revocations_has(r, slice_of(ids[i])));
    }
    print_each("has: no", start, n);
    static const int64_t ages[] = {-1, 10, 500, 1000}; /* of 1000: none, a few, half, the rest */
    for (size_t i = 0; i < ARRAY_LEN(ages); i++) {
        char what[64];
        size_t before = revocations_count(r);
        start = clock_mono_us();
        revocations_purge(r, wall_after(now, ages[i]));
        snprintf(what, sizeof what, "purge of %zu among %zu", before - revocations_count(r),
                 before);
        print_whole(what, clock_mono_us() - start);
    }
    revocations_free(r);
    free(ids);
}

/* ---- JWTs ---- */

static void measure_jwt(struct jwt_signer *j)
{
    static const struct jwt_claims claims = {.user_id = 123456,
                                             .openid = "oABCDEFGHIJKLMNOPQRST-000001",
                                             .appid = "wx0123456789abcdef",
                                             .sid = "0123456789abcdef0123456789abcdef",
                                             .iat_s = 1800000000,
                                             .exp_s = 1802592000};
    struct jwt_claims out;
    char token[JWT_TEXT_MAX + 1], what[32];
    ASSERT(j != NULL);
    int64_t start = clock_mono_us();
    for (int i = 0; i < JWTS; i++)
        ASSERT(jwt_signer_sign(j, &claims, token));
    snprintf(what, sizeof what, "%s sign", jwt_signer_algorithm(j));
    print_each(what, start, JWTS);
    start = clock_mono_us();
    for (int i = 0; i < JWTS; i++)
        ASSERT(jwt_signer_verify(j, slice_of(token), now, &out) == JWT_OK);
    snprintf(what, sizeof what, "%s verify", jwt_signer_algorithm(j));
    print_each(what, start, JWTS);
    jwt_signer_free(j);
}

static struct jwt_signer *signer_of(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    struct secret pem = {NULL, 0};
    ASSERT(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    long n = BIO_get_mem_data(bio, &text);
    secret_set(&pem, (struct slice){text, (size_t)n});
    struct jwt_signer *j = jwt_signer_new_pem(&pem, "loginsvc", NULL);
    secret_wipe(&pem);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return j;
}

int main(int argc, char **argv)
{
    int64_t ended = ENDED;
    if (argc > 1 && !slice_to_int(slice_of(argv[1]), 1, 100000000, &ended)) {
        fprintf(stderr, "usage: %s [ENDED]\n", argv[0]);
        return 2;
    }
    struct secret secret = {NULL, 0};
    secret_set(&secret, SLICE_LIT("0123456789abcdef0123456789abcdef"));
    measure_set((size_t)ended);
    measure_jwt(jwt_signer_new_hs256(&secret, "loginsvc", NULL));
    measure_jwt(signer_of(EVP_EC_gen("P-256")));
    measure_jwt(signer_of(EVP_RSA_gen(2048)));
    secret_wipe(&secret);
    return 0;
}
