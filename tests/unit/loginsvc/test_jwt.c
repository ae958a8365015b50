/* sessions: a JWT is what we signed, with our algorithm, unexpired and complete, or it is refused.
 */
#include "jwt_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "crypto/hmac.h"

/* What our HS256 signer says of a token made with its own secret. */
static void assert_forged(const char *header, const char *body, const char *reason)
{
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char *token = forge(header, body, slice_of(SECRET));
    const char *said = verify(j, token, in_time);
    if (strcmp(said, reason) != 0)
        fail_msg("%s for %s %s, expected %s", said, header, body, reason);
    free(token);
    jwt_signer_free(j);
}

/* ---- signing and verifying ---- */

static void assert_round_trip(const struct jwt_signer *j)
{
    char token[JWT_TEXT_MAX + 1];
    struct jwt_claims c = {0};
    assert_true(jwt_signer_sign(j, &good_claims, token));
    assert_int_equal(jwt_signer_verify(j, slice_of(token), in_time, &c), JWT_OK);
    assert_int_equal(c.user_id, 42);
    assert_string_equal(c.openid, "openid-1");
    assert_string_equal(c.appid, "wx1");
    assert_string_equal(c.sid, SID);
    assert_int_equal(c.iat_s, 1000);
    assert_int_equal(c.exp_s, 2000);
}

static void what_was_signed_verifies(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    assert_string_equal(jwt_signer_algorithm(j), "HS256");
    assert_round_trip(j);
    jwt_signer_free(j);
}

static void a_private_key_in_pem_signs_es256_or_rs256(void **state)
{
    (void)state;
    struct jwt_signer *es = signer_of(ec_key()), *rs = signer_of(rsa_key());
    assert_string_equal(jwt_signer_algorithm(es), "ES256");
    assert_string_equal(jwt_signer_algorithm(rs), "RS256");
    assert_round_trip(es);
    assert_round_trip(rs);
    jwt_signer_free(rs);
    jwt_signer_free(es);
}

static void the_claims_are_those_of_the_contract(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char token[JWT_TEXT_MAX + 1], body[512];
    assert_true(jwt_signer_sign(j, &good_claims, token));
    struct slice rest = slice_of(token);
    slice_cut(&rest, '.');
    size_t n = 0;
    assert_true(base64_decode(BASE64_URL, slice_cut(&rest, '.'), body, sizeof body - 1, &n));
    body[n] = '\0';
    static const char *const expected[] = {
        "\"sub\":\"42\"",    "\"userId\":42",        "\"openid\":\"openid-1\"",
        "\"appid\":\"wx1\"", "\"sid\":\"" SID "\"",  "\"iat\":1000",
        "\"exp\":2000",      "\"iss\":\"loginsvc\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_non_null(strstr(body, expected[i]));
    jwt_signer_free(j);
}

static void a_token_made_by_hand_to_the_letter_is_accepted(void **state)
{
    (void)state;
    assert_forged(HS256_HEADER, GOOD_CLAIMS, "ok"); /* so the refusals below are for their reason */
    assert_forged("{\"typ\":\"JWT\",\"alg\":\"HS256\"}", GOOD_CLAIMS, "ok");
    assert_forged("{\"typ\":\"jwt\",\"alg\":\"HS256\"}", GOOD_CLAIMS, "ok");
}

/* ---- times ---- */

static void a_token_dies_at_exp_with_no_leeway(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char token[JWT_TEXT_MAX + 1];
    assert_true(jwt_signer_sign(j, &good_claims, token));
    assert_string_equal(verify(j, token, in_time), "ok");
    assert_string_equal(verify(j, token, too_late), "expired");
    jwt_signer_free(j);
}

/* ---- algorithms ---- */

static void alg_none_is_refused_with_and_without_a_signature(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    static const char *const headers[] = {"{\"alg\":\"none\"}",
                                          "{\"alg\":\"None\",\"typ\":\"JWT\"}",
                                          "{\"alg\":\"NONE\"}", "{\"alg\":\"\"}", "{}"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char *unsigned_token = forge(headers[i], GOOD_CLAIMS, (struct slice){NULL, 0});
        assert_string_equal(verify(j, unsigned_token, in_time), "algorithm");
        free(unsigned_token);
        assert_forged(headers[i], GOOD_CLAIMS, "algorithm");
    }
    jwt_signer_free(j);
}

static void every_other_algorithm_is_refused(void **state)
{
    (void)state;
    assert_forged("{\"alg\":\"HS384\"}", GOOD_CLAIMS, "algorithm");
    assert_forged("{\"alg\":\"HS512\"}", GOOD_CLAIMS, "algorithm");
    assert_forged("{\"alg\":\"RS256\"}", GOOD_CLAIMS, "algorithm");
    assert_forged("{\"alg\":\"ES256\"}", GOOD_CLAIMS, "algorithm");
    assert_forged("{\"alg\":\"hs256\"}", GOOD_CLAIMS, "algorithm");
    assert_forged("{\"alg\":1}", GOOD_CLAIMS, "algorithm");
    assert_forged("{\"alg\":[\"HS256\"]}", GOOD_CLAIMS, "algorithm");
}

static void a_header_that_is_ambiguous_or_asks_for_more_is_refused(void **state)
{
    (void)state;
    assert_forged("{\"alg\":\"none\",\"alg\":\"HS256\"}", GOOD_CLAIMS, "malformed");
    assert_forged("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", GOOD_CLAIMS, "malformed");
    assert_forged("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", GOOD_CLAIMS, "malformed");
    assert_forged("{\"alg\":\"HS256\",\"typ\":null}", GOOD_CLAIMS, "malformed");
    assert_forged("[\"HS256\"]", GOOD_CLAIMS, "malformed");
    assert_forged("HS256", GOOD_CLAIMS, "malformed");
}

/* ---- signatures ---- */

static void another_secret_does_not_verify(void **state)
{
    (void)state;
    struct jwt_signer *ours = hs256_signer(SECRET, ISSUER);
    struct jwt_signer *theirs = hs256_signer("another secret of thirty-two bytes", ISSUER);
    char token[JWT_TEXT_MAX + 1];
    assert_true(jwt_signer_sign(theirs, &good_claims, token));
    assert_string_equal(verify(ours, token, in_time), "unknown_key");
    jwt_signer_free(theirs);
    jwt_signer_free(ours);
}

static void what_is_no_token_is_malformed(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",      ".",       "..",       "a",      "a.b",
                                        "a.b.c", "a.b.c.d", "e30.e30.", ".e30.x", "e30..x"};
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char token[JWT_TEXT_MAX + 1], longer[JWT_TEXT_MAX + 8];
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const char *said = verify(j, wrong[i], in_time);
        if (strcmp(said, "malformed") != 0 && strcmp(said, "algorithm") != 0)
            fail_msg("%s for \"%s\"", said, wrong[i]);
    }
    /* Characters that a lenient decoder skips. */
    assert_true(jwt_signer_sign(j, &good_claims, token));
    static const char *const extras[] = {"=", " ", "\n", "."};
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        snprintf(longer, sizeof longer, "%s%s", token, extras[i]);
        assert_string_equal(verify(j, longer, in_time), "malformed");
    }
    struct jwt_claims c;
    struct slice with_nul = {token, strlen(token) + 1};
    assert_int_equal(jwt_signer_verify(j, with_nul, in_time, &c), JWT_MALFORMED);
    jwt_signer_free(j);
}

static void a_token_beyond_4_kib_is_refused_unread(void **state)
{
    (void)state;
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char *long_body = xcalloc(8192, 1);
    memset(long_body, ' ', 4000);
    memcpy(long_body + 4000, GOOD_CLAIMS, sizeof GOOD_CLAIMS);
    char *token = forge(HS256_HEADER, long_body, slice_of(SECRET));
    assert_true(strlen(token) > JWT_TEXT_MAX);
    assert_string_equal(verify(j, token, in_time), "too_long");
    free(token);
    free(long_body);
    jwt_signer_free(j);
}

/* The body in another text that a lenient decoder takes for it, signed as it stands. */
static void assert_other_text(const char *body, const char *other, const char *reason)
{
    struct jwt_signer *j = hs256_signer(SECRET, ISSUER);
    char *token = forge(HS256_HEADER, body, slice_of(SECRET)), text[1024], encoded[64];
    struct slice rest = slice_of(token), header = slice_cut(&rest, '.'), b = slice_cut(&rest, '.');
    struct text t = text_init(text, sizeof text);
    uint8_t tag[HMAC_SHA256_SIZE];
    text_fmt(&t, "%.*s.%.*s", (int)header.n, header.p, (int)b.n, b.p);
    if (other[0] == '+') /* a bit that the last character has to spare */
        t.p[t.n - 1]++;
    else
        text_str(&t, other);
    hmac_sha256(slice_of(SECRET), (struct slice){t.p, t.n}, tag);
    base64_encode(BASE64_URL, tag, sizeof tag, encoded, sizeof encoded);
    text_fmt(&t, ".%s", encoded);
    assert_string_equal(verify(j, text, in_time), reason);
    free(token);
    jwt_signer_free(j);
}

static void a_signed_body_has_one_text_only(void **state)
{
    (void)state;
    assert_int_equal((sizeof GOOD_CLAIMS - 1) % 3, 0);
    assert_other_text(GOOD_CLAIMS, "", "ok");
    assert_other_text(GOOD_CLAIMS " ", "", "ok");
    assert_other_text(GOOD_CLAIMS " ", "+", "malformed");
    assert_other_text(GOOD_CLAIMS "  ", "+", "malformed");
    assert_other_text(GOOD_CLAIMS " ", "==", "malformed");
    assert_other_text(GOOD_CLAIMS, "A", "malformed");
    assert_other_text(GOOD_CLAIMS, "\n", "malformed");
}

/* ---- claims ---- */

/* GOOD_CLAIMS with one claim replaced. */
static void assert_claim(const char *old, const char *new, const char *reason)
{
    char body[1024];
    const char *at = strstr(GOOD_CLAIMS, old);
    assert_non_null(at);
    snprintf(body, sizeof body, "%.*s%s%s", (int)(at - GOOD_CLAIMS), GOOD_CLAIMS, new,
             at + strlen(old));
    assert_forged(HS256_HEADER, body, reason);
}

static void a_missing_or_wrong_claim_is_refused(void **state)
{
    (void)state;
    assert_claim("\"exp\":2000,", "", "wrong_claims");
    assert_claim("\"exp\":2000", "\"exp\":\"2000\"", "wrong_claims");
    assert_claim("\"exp\":2000", "\"exp\":2000.5", "wrong_claims");
    assert_claim("\"exp\":2000", "\"exp\":0", "wrong_claims");
    assert_claim("\"exp\":2000", "\"exp\":-1", "wrong_claims");
    assert_claim("\"exp\":2000", "\"exp\":null", "wrong_claims");
    assert_claim("\"exp\":2000", "\"exp\":1999", "expired");
    assert_claim("\"exp\":2000", "\"exp\":9223372036854775807", "ok");
    assert_claim("\"iat\":1000,", "", "wrong_claims");
    assert_claim("\"sub\":\"42\",", "", "wrong_claims");
    assert_claim("\"sub\":\"42\"", "\"sub\":42", "wrong_claims");
    assert_claim("\"sub\":\"42\"", "\"sub\":\"43\"", "wrong_claims");
    assert_claim("\"userId\":42,", "", "wrong_claims");
    assert_claim("\"openid\":\"openid-1\",", "", "wrong_claims");
    assert_claim("\"openid\":\"openid-1\"", "\"openid\":\"\"", "ok");
    assert_claim("\"appid\":\"wx1\"", "\"appid\":\"\"", "wrong_claims");
    assert_claim("\"appid\":\"wx1\"", "\"appid\":\"wx1234567890123456789012345678901234\"",
                 "wrong_claims");
    assert_claim("\"sid\":\"" SID "\",", "", "wrong_claims");
    assert_claim(SID, "short", "wrong_claims");
    assert_forged(HS256_HEADER, "[]", "wrong_claims");
    assert_forged(HS256_HEADER, "not json", "signature");
    assert_forged(HS256_HEADER, GOOD_CLAIMS "}", "signature");
    assert_claim("\"exp\":2000", "\"exp\":1999,\"exp\":2000", "signature");
}

static void another_issuer_is_refused(void **state)
{
    (void)state;
    assert_claim("\"iss\":\"loginsvc\"", "\"iss\":\"loginsvc2\"", "wrong_issuer");
    assert_claim(",\"iss\":\"loginsvc\"", "", "wrong_issuer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_signed_verifies),
        cmocka_unit_test(a_private_key_in_pem_signs_es256_or_rs256),
        cmocka_unit_test(the_claims_are_those_of_the_contract),
        cmocka_unit_test(a_token_made_by_hand_to_the_letter_is_accepted),
        cmocka_unit_test(a_token_dies_at_exp_with_no_leeway),
        cmocka_unit_test(alg_none_is_refused_with_and_without_a_signature),
        cmocka_unit_test(every_other_algorithm_is_refused),
        cmocka_unit_test(a_header_that_is_ambiguous_or_asks_for_more_is_refused),
        cmocka_unit_test(another_secret_does_not_verify),
        cmocka_unit_test(what_is_no_token_is_malformed),
        cmocka_unit_test(a_token_beyond_4_kib_is_refused_unread),
        cmocka_unit_test(a_signed_body_has_one_text_only),
        cmocka_unit_test(a_missing_or_wrong_claim_is_refused),
        cmocka_unit_test(another_issuer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
