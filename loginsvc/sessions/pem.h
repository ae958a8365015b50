/* pem.h - the keys in a PEM text: which they are. Any thread. */
#ifndef SESSIONS_PEM_H
#define SESSIONS_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

enum pem_kind {
    PEM_RSA,  /* 2048 to 8192 bits: RS256 */
    PEM_P256, /* on the curve P-256: ES256 */
};

struct pem_key {
    enum pem_kind kind;
    bool is_private; /* it has its private half */
    struct evp_pkey_st *key;
};

/* Is there PEM in this text, good or bad? */
bool pem_is_in(struct slice text);

/* Takes the next line that stands outside the blocks off the text, trimmed; passes over empty ones
 * and those that begin with '#'. The beginning of a block without an end is such a line, too.
 * False: there is none. */
bool pem_next_other(struct slice *text, struct slice *line);

/* Reads all keys of the text, public and private: 1 to max of them into out (each freed with
 * pem_key_free), *n is their number. False with a line in *e (which shows nothing of a key), and
 * nothing to free, when there is none or anything else than an unencrypted RSA or P-256 key stands
 * among them. */
bool pem_read(struct slice text, struct pem_key *out, size_t max, size_t *n,
              struct err *e) MUST_CHECK;

void pem_key_free(struct pem_key *k);

/* Leaves only the public half of the key. */
void pem_key_make_public(struct pem_key *k);

#endif
