/* session.h - a new login session: its id, its refresh token and what the store keeps of them.
 *
 * Pure but for the random bytes. The refresh token is "ID.SECRET": the id finds the row, the secret
 * (256 random bits) proves the right to it, and only the SHA-256 of the whole token is stored. A
 * right id with a wrong secret therefore names the session that a reused token belongs to. Any
 * thread. */
#ifndef SESSIONS_SESSION_H
#define SESSIONS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "base/times.h"
#include "crypto/digest.h"

enum {
    SESSION_ID_SIZE = 33,                        /* 128 bits in lower-case hex, with NUL */
    SESSION_REFRESH_TOKEN_SIZE = 32 + 1 + 43 + 1 /* id, dot, base64url of 256 bits, NUL */
};

/* What the database keeps of a session. */
struct session {
    char id[SESSION_ID_SIZE];
    uint8_t refresh_hash[SHA256_SIZE];
    wall_ms_t expires_at;
};

/* Fills *s for a session that starts now and lasts ttl_ms, and writes its refresh token, which
 * exists nowhere else: give it to the client, then wipe it. */
void session_start(struct session *s, wall_ms_t now, int64_t ttl_ms,
                   char refresh_token[SESSION_REFRESH_TOKEN_SIZE]);

/* The same for a session that goes on under its id: a new refresh token in place of the former. */
void session_renew(struct session *s, struct slice id, wall_ms_t now, int64_t ttl_ms,
                   char refresh_token[SESSION_REFRESH_TOKEN_SIZE]);

/* Takes a client's refresh token apart: the session id it names and the hash to compare with the
 * stored one. False when it cannot be one. */
bool session_parse_refresh(struct slice refresh_token, char id[SESSION_ID_SIZE],
                           uint8_t refresh_hash[SHA256_SIZE]) MUST_CHECK;

/* Has this text the shape of a session id? */
bool session_id_valid(struct slice id);

#endif
