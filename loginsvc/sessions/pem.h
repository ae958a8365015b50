/* pem.h - what a PEM private key is good for, and its public half. Any thread. */
#ifndef SESSIONS_PEM_H
#define SESSIONS_PEM_H

#include <stdbool.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"

enum pem_kind {
    PEM_RSA,  /* 2048 bits or more: RS256 */
    PEM_P256, /* on the curve P-256: ES256 */
};

/* Reads an unencrypted PEM private key: its kind and, in PEM too, its public key (replaces
 * *public_pem). False with a line in *e (which shows nothing of the key) for anything else; the
 * outputs are then untouched. */
bool pem_public_of(const struct secret *pem, enum pem_kind *kind, struct secret *public_pem,
                   struct err *e) MUST_CHECK;

#endif
