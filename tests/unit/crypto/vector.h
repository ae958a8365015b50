/* vector.h - test vectors as published: hex to bytes. For the tests of crypto alone. */
#ifndef TESTS_UNIT_CRYPTO_VECTOR_H
#define TESTS_UNIT_CRYPTO_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"

enum { VECTOR_MAX = 256 };

struct vector {
    uint8_t bytes[VECTOR_MAX];
    size_t n;
};

static inline struct vector vector_hex(const char *hex)
{
    struct vector v = {{0}, strlen(hex) / 2};
    ASSERT(v.n <= VECTOR_MAX);
    for (size_t i = 0; i < v.n; i++) {
        unsigned byte = 0;
        ASSERT(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        v.bytes[i] = (uint8_t)byte;
    }
    return v;
}

static inline struct slice vector_slice(const struct vector *v)
{
    return (struct slice){(const char *)v->bytes, v->n};
}

#endif
