/* digest.h - SHA-256. Any thread. */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stdint.h>

#include "base/text.h"

enum {
    SHA256_SIZE = 32,     /* bytes of a digest */
    SHA256_HEX_SIZE = 65, /* its text: lower-case hex with NUL */
};

void digest_sha256(struct slice data, uint8_t out[SHA256_SIZE]);
void digest_sha256_hex(struct slice data, char out[SHA256_HEX_SIZE]);

#endif
