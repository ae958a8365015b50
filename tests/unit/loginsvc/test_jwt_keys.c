/* sessions: which key a token is checked by, keys that go and come, and what may be a key. */
#include "jwt_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "crypto/base64.h"

#define OTHER_SECRET "another secret of thirty-two bytes"

/* ---- the kid ---- */

static struct slice header_of(const char *token, char out[512])
{
    struct slice rest = slice_of(token);
    size_t n = 0;
    assert_true(base64_decode(BASE64_URL, slice_cut(&rest, '.'), out, 512, &n));
    return (struct slice){out, n};
}

static void assert_names_its_key(const struct jwt_signer *j)
{
    char header[512], member[64];
    struct slice h = header_of(token_of(j), header);
    snprintf(member, sizeof member, "\"kid\":\"%s\"", jwt_signer_kid(j));
    assert_non_null(memmem(h.p, h.n, member, strlen(member)));
}

static void every_token_names_the_key_that_signed_it(void **state)
{
    (void)state;
    struct jwt_signer *all[] = {hs256_signer(SECRET, ISSUER), signer_of(ec_key()),
                                signer_of(rsa_key())};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_names_its_key(all[i]);
        assert_string_equal(verify(all[i], token_of(all[i]), in_time), "ok");
        jwt_signer_free(all[i]);
    }
}

static void the_kid_of_a_secret_is_its_own_and_stays(void **state)
{
    (void)state;
    struct jwt_signer *one = hs256_signer(SECRET, ISSUER), *same = hs256_signer(SECRET, "another");
    struct jwt_signer *other = hs256_signer(OTHER_SECRET, ISSUER);
    assert_string_equal(jwt_signer_kid(one), jwt_signer_kid(same));
    assert_string_not_equal(jwt_signer_kid(one), jwt_signer_kid(other));
    assert_int_equal(strlen(jwt_signer_kid(one)), 12);
    jwt_signer_free(other);
    jwt_signer_free(same);
    jwt_signer_free(one);
}

/* What a signer whose secret is SECRET says of a token that SECRET did sign, with this header. */
static void assert_header(const char *header, const char *reason)
{
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char *token = forge(header, GOOD_CLAIMS, slice_of(SECRET));
    const char *said = verify(j, token, in_time);
    if (strcmp(said, reason) != 0)
        fail_msg("%s for %.80s, expected %s", said, header, reason);
    free(token);
    jwt_signer_free(j);
}

static void a_kid_that_is_no_name_of_a_key_of_ours_is_refused(void **state)
{
    (void)state;
    assert_header("{\"alg\":\"HS256\",\"kid\":\"nobody\"}", "unknown_key");
    assert_header("{\"alg\":\"HS256\",\"kid\":\"\"}", "unknown_key");
    assert_header("{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}", "unknown_key");
    assert_header("{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}", "unknown_key");
    assert_header("{\"alg\":\"HS256\",\"kid\":0}", "malformed");
    assert_header("{\"alg\":\"HS256\",\"kid\":null}", "malformed");
    assert_header("{\"alg\":\"HS256\",\"kid\":true}", "malformed");
    assert_header("{\"alg\":\"HS256\",\"kid\":[]}", "malformed");
    assert_header("{\"alg\":\"HS256\",\"kid\":{}}", "malformed");
    assert_header("{\"alg\":\"none\",\"kid\":\"nobody\"}", "algorithm");
}

/* The kid of SECRET, and it again in other ways to write it. */
static void only_the_one_kid_of_the_key_will_do(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    const char *kid = jwt_signer_kid(j);
    char header[256];
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
    assert_header(header, "ok");
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":[\"%s\"]}", kid);
    assert_header(header, "malformed");
    snprintf(header, sizeof header, "{\"kid\":\"nobody\",\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
    assert_header(header, "malformed");
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\\u0000\"}", kid);
    assert_header(header, "malformed");
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s \"}", kid);
    assert_header(header, "unknown_key");
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%.*s\"}", 11, kid);
    assert_header(header, "unknown_key");
    jwt_signer_free(j);
}

static void a_kid_of_any_length_is_only_refused(void **state)
{
    (void)state;
    static const int lengths[] = {43, 44, 400, 500, 1000, 2000, 4000, 10000};
    char *header = xcalloc(16384, 1), *kid = xcalloc(16384, 1);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        memset(kid, 'k', (size_t)lengths[i]);
        snprintf(header, 16384, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
        assert_header(header, lengths[i] <= 400    ? "unknown_key"
                              : lengths[i] <= 2000 ? "malformed"
                                                   : "too_long");
        memset(kid, 0, 16384);
    }
    free(kid);
    free(header);
}

/* ---- previous keys ---- */

static void tokens_of_previous_keys_stay_good(void **state)
{
    (void)state;
    struct jwt_signer *old[] = {hs256_signer(SECRET, ISSUER), signer_of(ec_key()),
                                signer_of(rsa_key())};
    struct jwt_signer *new = signer_of(other_ec_key());
    for (size_t i = 0; i < ARRAY_LEN(old); i++)
        assert_string_not_equal(verify(new, token_of(old[i]), in_time), "ok");
    add_previous(new, secret_of(SECRET));
    add_previous(new, private_pem(ec_key()));
    add_previous(new, public_pem(rsa_key()));
    assert_int_equal(jwt_signer_count(new), 4);
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        assert_string_equal(verify(new, token_of(old[i]), in_time), "ok");
        assert_string_equal(verify(new, token_of(old[i]), too_late), "expired");
        assert_string_equal(verify(old[i], token_of(new), in_time),
                            i == 1 ? "unknown_key" : "algorithm");
        jwt_signer_free(old[i]);
    }
    assert_string_equal(verify(new, token_of(new), in_time), "ok");
    assert_string_equal(jwt_signer_algorithm(new), "ES256");
    jwt_signer_free(new);
}

static void a_token_of_the_time_before_kids_is_good_for_any_key_of_its_algorithm(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(OTHER_SECRET, ISSUER);
    char *old = forge(HS256_HEADER, GOOD_CLAIMS, slice_of(SECRET));
    char *foreign =
        forge(HS256_HEADER, GOOD_CLAIMS, slice_of("a secret that nobody of us has ever had"));
    assert_string_equal(verify(j, old, in_time), "signature");
    add_previous(j, private_pem(rsa_key()));
    assert_string_equal(verify(j, old, in_time), "signature");
    add_previous(j, secret_of(SECRET));
    assert_string_equal(verify(j, old, in_time), "ok");
    assert_string_equal(verify(j, foreign, in_time), "signature");
    free(foreign);
    free(old);
    jwt_signer_free(j);
}

static void a_kid_is_checked_by_its_key_alone(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER),
                      *other = hs256_signer(OTHER_SECRET, ISSUER);
    char header[256];
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", jwt_signer_kid(other));
    char *token =
        forge(header, GOOD_CLAIMS, slice_of(SECRET)); /* signed by the one, names the other */
    add_previous(j, secret_of(OTHER_SECRET));
    assert_string_equal(verify(j, token, in_time), "signature");
    free(token);
    jwt_signer_free(other);
    jwt_signer_free(j);
}

/* With keys of all three algorithms: each public text as an HMAC secret, under every kid. */
static void a_public_key_is_no_hmac_secret(void **state)
{
    (void)state;
    struct jwt_signer *j = signer_of(rsa_key()), *ec = signer_of(ec_key());
    add_previous(j, public_pem(ec_key()));
    struct secret pems[] = {public_pem(rsa_key()), public_pem(ec_key())};
    const char *kids[] = {jwt_signer_kid(j), jwt_signer_kid(ec)};
    for (int with_secret = 0; with_secret < 2; with_secret++) {
        for (size_t p = 0; p < ARRAY_LEN(pems); p++) {
            char *token = forge(HS256_HEADER, GOOD_CLAIMS, secret_reveal(&pems[p]));
            assert_string_equal(verify(j, token, in_time), with_secret ? "signature" : "algorithm");
            free(token);
            for (size_t k = 0; k < ARRAY_LEN(kids); k++) {
                char header[256];
                snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kids[k]);
                token = forge(header, GOOD_CLAIMS, secret_reveal(&pems[p]));
                assert_string_equal(verify(j, token, in_time), "algorithm");
                free(token);
            }
        }
        add_previous(j, secret_of(SECRET));
    }
    for (size_t p = 0; p < ARRAY_LEN(pems); p++)
        secret_wipe(&pems[p]);
    jwt_signer_free(ec);
    jwt_signer_free(j);
}

static void a_key_is_used_with_its_own_algorithm_only(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER), *rs = signer_of(rsa_key());
    add_previous(j, public_pem(rsa_key()));
    static const char *const algs[] = {"RS384", "RS512", "PS256", "ES256", "ES384",  "HS384",
                                       "HS512", "EdDSA", "none",  "rs256", "HS256 ", ""};
    const char *kids[] = {jwt_signer_kid(j), jwt_signer_kid(rs)};
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        for (size_t k = 0; k < ARRAY_LEN(kids); k++) {
            char header[256];
            snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", algs[i], kids[k]);
            char *token = forge(header, GOOD_CLAIMS, slice_of(SECRET));
            assert_string_equal(verify(j, token, in_time), "algorithm");
            free(token);
        }
    }
    /* Both algorithms are ours, but not of the key that is named. */
    char header[256];
    snprintf(header, sizeof header, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", kids[0]);
    char *token = forge(header, GOOD_CLAIMS, slice_of(SECRET));
    assert_string_equal(verify(j, token, in_time), "algorithm");
    free(token);
    jwt_signer_free(rs);
    jwt_signer_free(j);
}

static void a_key_twice_is_there_once(void **state)
{
    (void)state;
    struct jwt_signer *j = signer_of(ec_key());
    add_previous(j, private_pem(ec_key()));
    add_previous(j, secret_of(SECRET));
    add_previous(j, secret_of(SECRET));
    add_previous(j, (struct secret){NULL, 0});
    assert_int_equal(jwt_signer_count(j), 2);
    assert_string_equal(verify(j, token_of(j), in_time), "ok"); /* it still signs */
    jwt_signer_free(j);
}

/* Appends what the caller need not keep. */
static void append(struct text *t, struct secret s)
{
    text_add(t, secret_reveal(&s));
    secret_wipe(&s);
}

static void one_text_may_hold_many_keys_and_words_between_them(void **state)
{
    (void)state;
    char *pem = xcalloc(1, 65536);
    struct text t = text_init(pem, 65536);
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    text_str(&t, "# of last year:\n");
    append(&t, public_pem(rsa_key()));
    text_str(&t, "\n  # of the year before\n");
    append(&t, private_pem(ec_key()));
    append(&t, public_pem(other_ec_key()));
    add_previous(j, secret_of(pem));
    assert_int_equal(jwt_signer_count(j), 4);
    EVP_PKEY *keys[] = {rsa_key(), ec_key(), other_ec_key()};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct jwt_signer *old = signer_of(keys[i]);
        assert_string_equal(verify(j, token_of(old), in_time), "ok");
        jwt_signer_free(old);
    }
    jwt_signer_free(j);
    free(pem);
}

/* ---- rotation ---- */

static void a_rotation_needs_no_new_signer(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char *before = xstrdup(token_of(j));
    struct jwt_signer *next = hs256_signer(OTHER_SECRET, "an issuer that is not taken over");
    add_previous(next, secret_of(SECRET));
    jwt_signer_replace(j, next);
    char *between = xstrdup(token_of(j));
    assert_string_equal(verify(j, before, in_time), "ok");
    assert_string_equal(verify(j, between, in_time), "ok");
    struct jwt_signer *other = hs256_signer(OTHER_SECRET, ISSUER);
    assert_string_equal(verify(other, between, in_time), "ok"); /* the new key signed it */
    jwt_signer_replace(j, other);                               /* the overlap is over */
    assert_string_equal(verify(j, before, in_time), "unknown_key");
    assert_string_equal(verify(j, between, in_time), "ok");
    free(between);
    free(before);
    jwt_signer_free(j);
}

static void a_rotation_may_change_the_algorithm(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER), *next = signer_of(rsa_key());
    char *before = xstrdup(token_of(j));
    add_previous(next, secret_of(SECRET));
    jwt_signer_replace(j, next);
    assert_string_equal(jwt_signer_algorithm(j), "RS256");
    assert_string_equal(verify(j, before, in_time), "ok");
    assert_string_equal(verify(j, token_of(j), in_time), "ok");
    free(before);
    jwt_signer_free(j);
}

/* ---- what may be a key ---- */

static void assert_no_secret(const char *text, const char *why)
{
    struct err e = {""};
    struct secret s = secret_of(text);
    assert_null(jwt_signer_new_hs256(&s, ISSUER, &e));
    assert_non_null(strstr(e.text, why));
    assert_null(strstr(e.text, "abcdef"));
    secret_wipe(&s);
}

static void a_secret_is_long_enough_and_no_pem(void **state)
{
    (void)state;
    struct secret pem = public_pem(ec_key());
    assert_no_secret("0123456789abcdef0123456789abcde", "31 bytes");
    assert_no_secret("", "0 bytes");
    assert_no_secret(secret_reveal(&pem).p, "is a PEM key");
    secret_wipe(&pem);
}

/* Refused as the private key; and as a previous one, which leaves the signer as it was. */
static void assert_refused(struct secret pem, const char *why, const char *why_as_previous)
{
    struct err e = {""};
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    assert_null(jwt_signer_new_pem(&pem, ISSUER, &e));
    assert_non_null(strstr(e.text, why));
    assert_false(jwt_signer_add_previous(j, &pem, &e));
    assert_non_null(strstr(e.text, why_as_previous));
    assert_int_equal(jwt_signer_count(j), 1);
    jwt_signer_free(j);
    secret_wipe(&pem);
}

static void assert_key_refused(EVP_PKEY *key, const char *why)
{
    assert_non_null(key);
    assert_refused(private_pem(key), why, why);
    assert_refused(public_pem(key), why, why);
    EVP_PKEY_free(key);
}

static void weak_and_foreign_keys_are_refused_with_the_reason(void **state)
{
    (void)state;
    assert_key_refused(EVP_EC_gen("P-384"), "P-256");
    assert_key_refused(EVP_EC_gen("secp256k1"), "P-256");
    assert_key_refused(EVP_RSA_gen(1024), "1024 bits");
    assert_key_refused(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "neither RSA nor");
    assert_refused(encrypted_pem(ec_key()), "not an unencrypted PEM key",
                   "not an unencrypted PEM key");
}

/* A PEM key, with a line before it and one behind it; "" none. */
static struct secret pem_among(const char *before, const char *behind)
{
    char text[4096];
    struct text t = text_init(text, sizeof text);
    struct secret pem = public_pem(rsa_key());
    text_fmt(&t, "# old keys\n%s\n", before);
    text_add(&t, secret_reveal(&pem));
    text_fmt(&t, "%s\n", behind);
    secret_wipe(&pem);
    return secret_of(text);
}

/* It might be a comment, and known to many; to drop it would drop everybody's token. */
static void a_line_that_is_not_called_a_secret_is_refused(void **state)
{
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct err e = {""};
        struct secret both = pem_among(first ? OTHER_SECRET : "", first ? "" : OTHER_SECRET);
        assert_false(jwt_signer_add_previous(j, &both, &e));
        assert_non_null(strstr(e.text, "neither of a PEM key nor HS256:SECRET"));
        assert_null(strstr(e.text, OTHER_SECRET));
        secret_wipe(&both);
    }
    struct err e = {""};
    struct secret weak = pem_among("", "HS256:short");
    assert_false(jwt_signer_add_previous(j, &weak, &e));
    assert_non_null(strstr(e.text, "5 bytes"));
    assert_int_equal(jwt_signer_count(j), 1);
    jwt_signer_free(j);
    secret_wipe(&weak);
}

/* A text that an operator may well have in that file, and others may know: never an HMAC key. */
static void what_is_no_key_becomes_none_though_it_stands_alone(void **state)
{
    static const char *const texts[] = {
        "# keys that signed before; see the runbook for how they were made",
        "#HS256:" SECRET,
        "# old, of 2026-10\nHS256: short",
        "hs256:" SECRET,
        "HS256:" SECRET "\rHS256:" OTHER_SECRET,
        "HS256:" SECRET " # until the end of the month",
        "HS256:",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Yw0p4f2 root@login",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"0123456789abcdef0123456789abcdef\"}",
        "\xef\xbb\xbf# keys that signed before, of this year and the last",
        "\n\n# keys that signed before, of this year and the last\n",
        "-----BEGIN old keys ----\nHS256:" SECRET,
        "-----BEGIN PUBLIC KEY-----\nHS256:" SECRET,
        " -----BEGIN PUBLIC KEY-----\nHS256:" SECRET,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err e = {""};
        struct jwt_signer *j = hs256_signer("another secret of thirty-two byte", ISSUER);
        struct secret text = secret_of(texts[i]);
        if (jwt_signer_add_previous(j, &text, &e))
            fail_msg("taken for a key: %s", texts[i]);
        assert_null(strstr(e.text, SECRET));
        assert_int_equal(jwt_signer_count(j), 1);
        secret_wipe(&text);
        jwt_signer_free(j);
    }
}

static void assert_verified(const struct jwt_signer *j, const char *secret)
{
    char *old = forge(HS256_HEADER, GOOD_CLAIMS, slice_of(secret));
    assert_string_equal(verify(j, old, in_time), "ok");
    free(old);
}

static void secrets_stand_among_pem_keys_and_beside_each_other(void **state)
{
    (void)state;
    static const char second[] = "a-second-that-is-long-enough-too",
                      third[] = "a-third,_also_thirty-two_bytes_+";
    struct secret ec = private_pem(ec_key());
    struct jwt_signer *j = jwt_signer_new_pem(&ec, ISSUER, NULL);
    assert_non_null(j);
    add_previous(j, pem_among("HS256:" SECRET, "HS256:a-second-that-is-long-enough-too"));
    assert_int_equal(jwt_signer_count(j), 4);
    add_previous(j, secret_of("HS256:" SECRET "\nHS256:a-third,_also_thirty-two_bytes_+\n"));
    assert_int_equal(jwt_signer_count(j), 5);
    assert_verified(j, SECRET);
    assert_verified(j, second);
    assert_verified(j, third);
    add_previous(j,
                 secret_of("\xef\xbb\xbf\r\n  HS256:  a-fourth-that-is-long-enough-too,too \r\n"));
    assert_int_equal(jwt_signer_count(j), 6);
    assert_verified(j, "a-fourth-that-is-long-enough-too,too");
    jwt_signer_free(j);
    secret_wipe(&ec);
}

static void what_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char begin[] = "-----BEGIN PRIVATE KEY-----\n";
    struct secret good = private_pem(ec_key());
    char text[2048];
    assert_refused(secret_of("too short"), "not an unencrypted PEM key", "9 bytes");
    assert_refused(secret_of("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n"),
                   "not an unencrypted", "not an unencrypted");
    assert_refused(secret_of("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                   "not an unencrypted", "not an unencrypted");
    assert_refused(secret_of("-----BEGIN, and not a word more than that"), "not an unencrypted",
                   "not an unencrypted");
    snprintf(text, sizeof text, "%s%s", secret_reveal(&good).p, begin); /* the second one is cut */
    assert_refused(secret_of(text), "", "not an unencrypted");
    secret_wipe(&good);
}

static void the_key_that_signs_is_one_and_private(void **state)
{
    (void)state;
    struct err e = {""};
    char *pem = xcalloc(1, 8192);
    struct text t = text_init(pem, 8192);
    append(&t, private_pem(ec_key()));
    append(&t, public_pem(ec_key()));
    struct secret two = secret_of(pem), none = {NULL, 0}, public = public_pem(ec_key());
    assert_null(jwt_signer_new_pem(&two, ISSUER, &e));
    assert_non_null(strstr(e.text, "more keys than 1"));
    assert_null(jwt_signer_new_pem(&public, ISSUER, &e));
    assert_non_null(strstr(e.text, "expected a private one"));
    assert_null(jwt_signer_new_pem(&none, ISSUER, &e));
    secret_wipe(&public);
    secret_wipe(&two);
    free(pem);
}

static void write_traditional(BIO *bio, EVP_PKEY *key, struct secret *out)
{
    char *text = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(bio, &text);
    secret_set(out, (struct slice){text, (size_t)n});
    BIO_free(bio);
}

/* As openssl ecparam -genkey and openssl genrsa -traditional write them. */
static void keys_of_the_traditional_forms_are_read_too(void **state)
{
    (void)state;
    static const char parameters[] =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    struct err e = {""};
    struct secret ec = {NULL, 0}, rsa = {NULL, 0};
    BIO *bio = BIO_new(BIO_s_mem());
    assert_true(BIO_write(bio, parameters, sizeof parameters - 1) > 0);
    write_traditional(bio, ec_key(), &ec);
    write_traditional(BIO_new(BIO_s_mem()), rsa_key(), &rsa);
    struct jwt_signer *j = jwt_signer_new_pem(&ec, ISSUER, &e);
    assert_non_null(j);
    add_previous(j, rsa);
    assert_int_equal(jwt_signer_count(j), 2);
    jwt_signer_free(j);
    secret_wipe(&ec);
}

static void keys_beyond_the_limit_are_refused(void **state)
{
    (void)state;
    struct err e = {""};
    char secret[] = "a secret of thirty-two bytes: 00";
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    for (int i = 1; i < JWT_KEYS_MAX; i++) {
        secret[30] = (char)('0' + i / 10);
        secret[31] = (char)('0' + i % 10);
        add_previous(j, secret_of(secret));
    }
    struct secret one_more = private_pem(ec_key());
    assert_false(jwt_signer_add_previous(j, &one_more, &e));
    assert_non_null(strstr(e.text, "16"));
    assert_int_equal(jwt_signer_count(j), JWT_KEYS_MAX);
    assert_verified(j, secret); /* the last one */
    secret_wipe(&one_more);
    jwt_signer_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_names_the_key_that_signed_it),
        cmocka_unit_test(the_kid_of_a_secret_is_its_own_and_stays),
        cmocka_unit_test(a_kid_that_is_no_name_of_a_key_of_ours_is_refused),
        cmocka_unit_test(only_the_one_kid_of_the_key_will_do),
        cmocka_unit_test(a_kid_of_any_length_is_only_refused),
        cmocka_unit_test(tokens_of_previous_keys_stay_good),
        cmocka_unit_test(a_token_of_the_time_before_kids_is_good_for_any_key_of_its_algorithm),
        cmocka_unit_test(a_kid_is_checked_by_its_key_alone),
        cmocka_unit_test(a_public_key_is_no_hmac_secret),
        cmocka_unit_test(a_key_is_used_with_its_own_algorithm_only),
        cmocka_unit_test(a_key_twice_is_there_once),
        cmocka_unit_test(one_text_may_hold_many_keys_and_words_between_them),
        cmocka_unit_test(a_rotation_needs_no_new_signer),
        cmocka_unit_test(a_rotation_may_change_the_algorithm),
        cmocka_unit_test(a_secret_is_long_enough_and_no_pem),
        cmocka_unit_test(weak_and_foreign_keys_are_refused_with_the_reason),
        cmocka_unit_test(a_line_that_is_not_called_a_secret_is_refused),
        cmocka_unit_test(what_is_no_key_becomes_none_though_it_stands_alone),
        cmocka_unit_test(secrets_stand_among_pem_keys_and_beside_each_other),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(the_key_that_signs_is_one_and_private),
        cmocka_unit_test(keys_of_the_traditional_forms_are_read_too),
        cmocka_unit_test(keys_beyond_the_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
