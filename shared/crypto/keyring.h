/* keyring.h - the keys of one purpose: one that seals, and older ones that still open.
 *
 * A key's id is drawn from the key itself, so a deployment names no ids and two processes agree
 * about them. To rotate: add the new key at the end everywhere, then move it to the front, and drop
 * the old one when nothing it sealed is left. Immutable once made, so any thread may use it. */
#ifndef CRYPTO_KEYRING_H
#define CRYPTO_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"

struct keyring; /* opaque; wipes its keys when freed */

enum {
    KEYRING_MAX = 4,       /* keys in a ring */
    KEYRING_KEY_SIZE = 32, /* bytes of a key */
};

/* From "BASE64[,BASE64...]", the key that seals first; each 32 bytes in standard base64. NULL with
 * a line in *e (which tells what is wrong, never the key). Freed with keyring_free. */
struct keyring *keyring_parse(struct slice text, struct err *e) MUST_CHECK;

/* A ring for one purpose: every key of `master` replaced by its subkey for `label`. */
struct keyring *keyring_derive(const struct keyring *master, const char *label) MUST_CHECK;

void keyring_free(struct keyring *r); /* NULL is allowed */

size_t keyring_count(const struct keyring *r); /* 1 to KEYRING_MAX */

/* The bytes of the i-th key (0 seals), borrowed until the ring goes: for HMACs under a key of the
 * ring; never for a log or an answer. */
struct slice keyring_key(const struct keyring *r, size_t i);

uint32_t keyring_key_id(const struct keyring *r, size_t i);

#endif
