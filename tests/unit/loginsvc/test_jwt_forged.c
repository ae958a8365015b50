/* sessions: nothing but the very token that was signed passes. Run under the sanitizers, it also
 * shows that no bytes of a client are read out of bounds. */
#include "jwt_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"

/* A copy of its own size on the heap, so that the sanitizer sees the first byte beyond. */
static enum jwt_reason verify_bytes(const struct jwt_signer *j, const char *bytes, size_t n)
{
    struct jwt_claims c;
    char *copy = xcalloc(n ? n : 1, 1);
    memcpy(copy, bytes, n);
    enum jwt_reason reason = jwt_signer_verify(j, (struct slice){copy, n}, in_time, &c);
    free(copy);
    return reason;
}

static struct jwt_signer *with_all_algorithms(EVP_PKEY *signs)
{
    struct jwt_signer *j = signs ? signer_of(signs) : hs256_signer(SECRET, ISSUER);
    add_previous(j, secret_of(SECRET));
    add_previous(j, public_pem(rsa_key()));
    add_previous(j, public_pem(ec_key()));
    return j;
}

static void assert_only_the_whole_passes(const struct jwt_signer *j, const char *token)
{
    size_t n = strlen(token);
    assert_int_equal(verify_bytes(j, token, n), JWT_OK);
    for (size_t i = 0; i < n; i++) {
        if (verify_bytes(j, token, i) == JWT_OK)
            fail_msg("the first %zu of %zu bytes pass", i, n);
    }
    for (size_t i = 1; i < n; i++) {
        if (verify_bytes(j, token + i, n - i) == JWT_OK)
            fail_msg("the last %zu of %zu bytes pass", n - i, n);
    }
}

static void assert_no_flipped_bit_passes(const struct jwt_signer *j, char *token)
{
    size_t n = strlen(token);
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            token[i] = (char)(token[i] ^ (1 << bit));
            if (verify_bytes(j, token, n) == JWT_OK)
                fail_msg("bit %d of byte %zu of %zu makes no difference", bit, i, n);
            token[i] = (char)(token[i] ^ (1 << bit));
        }
    }
    assert_int_equal(verify_bytes(j, token, n), JWT_OK);
}

/* A byte more anywhere. */
static void assert_no_insertion_passes(const struct jwt_signer *j, const char *token)
{
    static const char inserted[] = {'A', '.', '=', ' ', '\n', '\0', '+', '\x80'};
    size_t n = strlen(token);
    char longer[JWT_TEXT_MAX + 2];
    for (size_t at = 0; at <= n; at++) {
        for (size_t i = 0; i < sizeof inserted; i++) {
            memcpy(longer, token, at);
            longer[at] = inserted[i];
            memcpy(longer + at + 1, token + at, n - at);
            if (verify_bytes(j, longer, n + 1) == JWT_OK)
                fail_msg("byte %d at %zu of %zu makes no difference", inserted[i], at, n);
        }
    }
}

static void assert_unforgeable(EVP_PKEY *signs)
{
    struct jwt_signer *j = with_all_algorithms(signs);
    char *token = xstrdup(token_of(j));
    assert_only_the_whole_passes(j, token);
    assert_no_flipped_bit_passes(j, token);
    assert_no_insertion_passes(j, token);
    free(token);
    jwt_signer_free(j);
}

static void no_changed_or_cut_hs256_token_passes(void **state)
{
    (void)state;
    assert_unforgeable(NULL);
}

static void no_changed_or_cut_es256_token_passes(void **state)
{
    (void)state;
    assert_unforgeable(ec_key());
}

static void no_changed_or_cut_rs256_token_passes(void **state)
{
    (void)state;
    assert_unforgeable(rsa_key());
}

/* The parts of tokens that are all good, put together anew. */
static void parts_of_several_tokens_do_not_make_one(void **state)
{
    (void)state;
    EVP_PKEY *const signs[] = {NULL, ec_key(), rsa_key()};
    struct jwt_signer *j = with_all_algorithms(NULL);
    char tokens[4][JWT_TEXT_MAX + 1], mixed[JWT_TEXT_MAX + 1];
    for (size_t i = 0; i < 3; i++) {
        struct jwt_signer *old = with_all_algorithms(signs[i]);
        struct jwt_claims c = good_claims;
        c.user_id += (int64_t)i;
        assert_true(jwt_signer_sign(old, &c, tokens[i]));
        assert_string_equal(verify(j, tokens[i], in_time), "ok");
        jwt_signer_free(old);
    }
    for (size_t i = 0; i < 27; i++) {
        struct slice head = slice_of(tokens[i % 3]), body = slice_of(tokens[i / 3 % 3]);
        struct text t = text_init(mixed, sizeof mixed);
        text_add(&t, slice_cut(&head, '.'));
        text_char(&t, '.');
        (void)slice_cut(&body, '.');
        text_add(&t, slice_cut(&body, '.'));
        text_str(&t, strrchr(tokens[i / 9], '.'));
        bool whole = i % 3 == i / 3 % 3 && i % 3 == i / 9;
        assert_int_equal(strcmp(verify(j, mixed, in_time), "ok") == 0, whole);
    }
    jwt_signer_free(j);
}

/* ---- random bytes ---- */

enum { ROUNDS = 10000, SEED = 20240601 };

static size_t below(struct prng *r, size_t n)
{
    return (size_t)prng_between(r, 0, (int64_t)n - 1);
}

/* Wild bytes, or only those that tokens have. */
static size_t make_noise(struct prng *r, char out[JWT_TEXT_MAX + 2])
{
    static const char likely[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6IiJ9..-_AQ";
    size_t n = below(r, below(r, 8) == 0 ? JWT_TEXT_MAX + 2 : 200);
    bool wild = below(r, 2) == 0;
    for (size_t i = 0; i < n; i++)
        out[i] = wild ? (char)below(r, 256) : likely[below(r, sizeof likely - 1)];
    return n;
}

static void random_bytes_are_refused(void **state)
{
    (void)state;
    struct prng r;
    struct jwt_signer *j = with_all_algorithms(ec_key());
    char bytes[JWT_TEXT_MAX + 2];
    prng_seed(&r, SEED);
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = make_noise(&r, bytes);
        if (verify_bytes(j, bytes, n) == JWT_OK)
            fail_msg("round %d of seed %d passes", i, SEED);
    }
    jwt_signer_free(j);
}

/* A few bytes of a good token overwritten, moved or left out. Gives its length. */
static size_t mutate(struct prng *r, char *token, size_t n)
{
    size_t from = below(r, n), to = below(r, n), length = 1 + below(r, 16);
    switch (below(r, 3)) {
    case 0:
        token[from] = (char)below(r, 256);
        return n;
    case 1:
        if (from + length <= n && to + length <= n)
            memmove(token + to, token + from, length);
        return n;
    default:
        if (from + length > n)
            return n;
        memmove(token + from, token + from + length, n - from - length);
        return n - length;
    }
}

static void random_changes_are_refused(void **state)
{
    (void)state;
    struct prng r;
    EVP_PKEY *const signs[] = {NULL, ec_key(), rsa_key()};
    prng_seed(&r, SEED);
    for (size_t k = 0; k < ARRAY_LEN(signs); k++) {
        struct jwt_signer *j = with_all_algorithms(signs[k]);
        char token[JWT_TEXT_MAX + 1], changed[JWT_TEXT_MAX + 1];
        assert_true(jwt_signer_sign(j, &good_claims, token));
        size_t n = strlen(token);
        for (int i = 0; i < ROUNDS; i++) {
            size_t m = n;
            memcpy(changed, token, n);
            for (size_t changes = 1 + below(&r, 3); changes > 0 && m > 0; changes--)
                m = mutate(&r, changed, m);
            bool same = m == n && memcmp(changed, token, n) == 0;
            if ((verify_bytes(j, changed, m) == JWT_OK) != same)
                fail_msg("round %d of seed %d: %.*s", i, SEED, (int)m, changed);
        }
        jwt_signer_free(j);
    }
}

/* Headers and claims that are signed, so that what stands behind the signature is reached. */
static void random_changes_that_are_signed_do_not_confuse(void **state)
{
    (void)state;
    struct prng r;
    struct jwt_signer *j = with_all_algorithms(ec_key());
    struct jwt_claims c;
    prng_seed(&r, SEED);
    for (int i = 0; i < ROUNDS; i++) {
        char header[] = HS256_HEADER, body[] = GOOD_CLAIMS;
        for (size_t changes = 1 + below(&r, 3); changes > 0; changes--) {
            if (below(&r, 4) == 0)
                header[below(&r, sizeof header - 1)] = (char)(32 + below(&r, 96));
            else
                body[below(&r, sizeof body - 1)] = (char)(1 + below(&r, 255));
        }
        char *token = forge(header, body, slice_of(SECRET));
        enum jwt_reason reason = jwt_signer_verify(j, slice_of(token), in_time, &c);
        if (reason == JWT_OK)
            assert_true(c.user_id > 0 && c.exp_s > in_time.ms / 1000 &&
                        session_id_valid(slice_of(c.sid)));
        free(token);
    }
    jwt_signer_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_changed_or_cut_hs256_token_passes),
        cmocka_unit_test(no_changed_or_cut_es256_token_passes),
        cmocka_unit_test(no_changed_or_cut_rs256_token_passes),
        cmocka_unit_test(parts_of_several_tokens_do_not_make_one),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(random_changes_are_refused),
        cmocka_unit_test(random_changes_that_are_signed_do_not_confuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
