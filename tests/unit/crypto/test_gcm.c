/* gcm: test cases 13 to 16 of "The Galois/Counter Mode of Operation" (McGrew and Viega, submitted
 * to NIST for SP 800-38D) and count 0 of NIST CAVP gcmEncryptExtIV256.rsp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/gcm.h"
#include "vector.h"

struct example {
    const char *key, *nonce, *aad, *plain, *cipher, *tag;
};

static const struct example examples[] = {
    {"b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4", "516c33929df5a3284ff463d7",
     "", "", "", "bdc1ac884d332457a1d2664f168c76f0"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void published_vectors_hold_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct vector key = vector_hex(examples[i].key), nonce = vector_hex(examples[i].nonce);
        struct vector aad = vector_hex(examples[i].aad), plain = vector_hex(examples[i].plain);
        struct vector cipher = vector_hex(examples[i].cipher), tag = vector_hex(examples[i].tag);
        struct gcm_input in = {vector_slice(&key), nonce.bytes, vector_slice(&aad)};
        uint8_t out[VECTOR_MAX], out_tag[GCM_TAG_SIZE];
        gcm_encrypt(&in, vector_slice(&plain), out, out_tag);
        assert_memory_equal(out, cipher.bytes, cipher.n);
        assert_memory_equal(out_tag, tag.bytes, tag.n);
        assert_true(gcm_decrypt(&in, vector_slice(&cipher), tag.bytes, out));
        assert_memory_equal(out, plain.bytes, plain.n);
    }
}

static void a_wrong_tag_is_refused_and_leaves_no_plain_text(void **state)
{
    (void)state;
    const struct example *x = &examples[ARRAY_LEN(examples) - 1];
    struct vector key = vector_hex(x->key), nonce = vector_hex(x->nonce), aad = vector_hex(x->aad);
    struct vector cipher = vector_hex(x->cipher), tag = vector_hex(x->tag);
    struct gcm_input in = {vector_slice(&key), nonce.bytes, vector_slice(&aad)};
    uint8_t out[VECTOR_MAX] = {0}, zeros[VECTOR_MAX] = {0};
    tag.bytes[15] ^= 1;
    assert_false(gcm_decrypt(&in, vector_slice(&cipher), tag.bytes, out));
    assert_memory_equal(out, zeros, sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold_both_ways),
        cmocka_unit_test(a_wrong_tag_is_refused_and_leaves_no_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
