/* cbc: NIST SP 800-38A, F.2.2 (CBC-AES128.Decrypt), and the padding of RFC 5652. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/cbc.h"
#include "vector.h"

static const char key_hex[] = "2b7e151628aed2a6abf7158809cf4f3c";
static const char iv_hex[] = "000102030405060708090a0b0c0d0e0f";
static const char plain_hex[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
static const char cipher_hex[] = "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
                                 "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7";

static void the_published_vector_holds_for_every_number_of_blocks(void **state)
{
    struct vector key = vector_hex(key_hex), iv = vector_hex(iv_hex);
    struct vector plain = vector_hex(plain_hex), cipher = vector_hex(cipher_hex);
    (void)state;
    for (size_t n = CBC_BLOCK_SIZE; n <= cipher.n; n += CBC_BLOCK_SIZE) {
        uint8_t out[VECTOR_MAX] = {0}, zeros[VECTOR_MAX] = {0};
        cbc_decrypt(key.bytes, iv.bytes, (struct slice){(const char *)cipher.bytes, n}, out);
        assert_memory_equal(out, plain.bytes, n);
        assert_memory_equal(out + n, zeros, sizeof zeros - n);
    }
}

/* Without blocks before it, the second block follows the first as its iv. */
static void a_text_may_begin_at_any_block(void **state)
{
    struct vector key = vector_hex(key_hex);
    struct vector plain = vector_hex(plain_hex), cipher = vector_hex(cipher_hex);
    uint8_t out[VECTOR_MAX];
    (void)state;
    struct slice rest = {(const char *)cipher.bytes + CBC_BLOCK_SIZE, cipher.n - CBC_BLOCK_SIZE};
    cbc_decrypt(key.bytes, cipher.bytes, rest, out);
    assert_memory_equal(out, plain.bytes + CBC_BLOCK_SIZE, rest.n);
}

static void paddings_of_1_to_16_equal_bytes_are_taken_off(void **state)
{
    (void)state;
    for (size_t n = CBC_BLOCK_SIZE; n <= 3 * CBC_BLOCK_SIZE; n += CBC_BLOCK_SIZE) {
        for (int padding = 0; padding < 256; padding++) {
            uint8_t bytes[3 * CBC_BLOCK_SIZE];
            size_t length = padding >= 1 && padding <= 16 ? n - (size_t)padding : n;
            memset(bytes, padding, sizeof bytes);
            assert_int_equal(cbc_unpadded_length(bytes, n), length);
        }
    }
}

static void one_differing_byte_spoils_a_padding(void **state)
{
    (void)state;
    for (uint8_t padding = 1; padding <= CBC_BLOCK_SIZE; padding++) {
        for (size_t at = 0; at < CBC_BLOCK_SIZE - 1u; at++) {
            for (int bit = 0; bit < 8; bit++) {
                uint8_t bytes[CBC_BLOCK_SIZE];
                memset(bytes, padding, sizeof bytes);
                bytes[at] ^= (uint8_t)(1 << bit);
                bool is_padding = at >= (size_t)(CBC_BLOCK_SIZE - padding);
                assert_int_equal(cbc_unpadded_length(bytes, sizeof bytes),
                                 CBC_BLOCK_SIZE - (is_padding ? 0 : padding));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector_holds_for_every_number_of_blocks),
        cmocka_unit_test(a_text_may_begin_at_any_block),
        cmocka_unit_test(paddings_of_1_to_16_equal_bytes_are_taken_off),
        cmocka_unit_test(one_differing_byte_spoils_a_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
