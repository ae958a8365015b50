/* digest: the examples of FIPS 180-4 (NIST, SHA256.pdf). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "vector.h"

static void fips180_examples_hold(void **state)
{
    (void)state;
    static const char *const examples[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        uint8_t digest[SHA256_SIZE];
        char hex[SHA256_HEX_SIZE];
        struct vector expected = vector_hex(examples[i][1]);
        digest_sha256(slice_of(examples[i][0]), digest);
        digest_sha256_hex(slice_of(examples[i][0]), hex);
        assert_memory_equal(digest, expected.bytes, SHA256_SIZE);
        assert_string_equal(hex, examples[i][1]);
    }
}

static void the_empty_slice_without_memory_is_the_empty_text(void **state)
{
    (void)state;
    char a[SHA256_HEX_SIZE], b[SHA256_HEX_SIZE];
    digest_sha256_hex((struct slice){NULL, 0}, a);
    digest_sha256_hex(SLICE_LIT(""), b);
    assert_string_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fips180_examples_hold),
        cmocka_unit_test(the_empty_slice_without_memory_is_the_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
