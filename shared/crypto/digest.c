#include "crypto/digest.h"

#include <openssl/evp.h>

void digest_sha256(struct slice data, uint8_t out[SHA256_SIZE])
{
    ASSERT(EVP_Digest(data.n ? data.p : "", data.n, out, NULL, EVP_sha256(), NULL) == 1);
}

void digest_sha256_hex(struct slice data, char out[SHA256_HEX_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    digest_sha256(data, digest);
    struct text t = text_init(out, SHA256_HEX_SIZE);
    text_hex(&t, (struct slice){(char *)digest, sizeof digest});
}
