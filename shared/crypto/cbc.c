#include "crypto/cbc.h"

#include <openssl/evp.h>

void cbc_decrypt(const uint8_t key[CBC_KEY_SIZE], const uint8_t iv[CBC_BLOCK_SIZE],
                 struct slice text, uint8_t *out)
{
    ASSERT(text.n > 0 && text.n <= CBC_INPUT_MAX && text.n % CBC_BLOCK_SIZE == 0);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ASSERT(ctx != NULL);
    int n = 0;
    ASSERT(EVP_DecryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key, iv) == 1);
    ASSERT(EVP_CIPHER_CTX_set_padding(ctx, 0) == 1); /* OpenSSL's own check tells and stops early */
    ASSERT(EVP_DecryptUpdate(ctx, out, &n, (const uint8_t *)text.p, (int)text.n) == 1 &&
           (size_t)n == text.n);
    EVP_CIPHER_CTX_free(ctx);
}

/* All ones when a < b, else 0, without a branch. Both are below 2^31. */
static uint32_t mask_less(uint32_t a, uint32_t b)
{
    return 0 - ((a - b) >> 31);
}

size_t cbc_unpadded_length(const uint8_t *bytes, size_t n)
{
    ASSERT(n > 0 && n % CBC_BLOCK_SIZE == 0);
    const uint8_t *block = bytes + n - CBC_BLOCK_SIZE;
    uint32_t padding = block[CBC_BLOCK_SIZE - 1];
    uint32_t wrong = mask_less(padding, 1) | mask_less(CBC_BLOCK_SIZE, padding);
    for (uint32_t from_end = 0; from_end < CBC_BLOCK_SIZE; from_end++)
        wrong |= mask_less(from_end, padding) & (block[CBC_BLOCK_SIZE - 1 - from_end] ^ padding);
    uint32_t right = mask_less(wrong & 0xff, 1);
    return n - (padding & right);
}
