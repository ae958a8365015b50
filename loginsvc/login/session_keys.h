/* session_keys.h - the session_key that WeChat gave for each user's latest login, sealed in Redis.
 *
 * For the legacy way of a phone number (encryptedData and iv). WeChat has one valid key per user at
 * a time and decides when it is over, so a newer one takes the place of the older. Key:
 * P:{A}:session_key:USER. Loop thread only; no callback before the call that asked returned. */
#ifndef LOGINSVC_LOGIN_SESSION_KEYS_H
#define LOGINSVC_LOGIN_SESSION_KEYS_H

#include <stdint.h>

#include "base/check.h"
#include "base/text.h"
#include "crypto/keyring.h"
#include "redis/client.h"

struct session_keys; /* opaque */

#define SESSION_KEYS_LABEL "loginsvc session keys"

/* redis is borrowed and outlives it, the rest is copied. `master`: DATA_KEY. */
struct session_keys *session_keys_new(struct redis_client *redis, struct slice prefix,
                                      const struct keyring *master,
                                      int64_t redis_timeout_ms) MUST_CHECK;

/* Nobody is called back any more. Before redis_client_free. NULL is allowed. */
void session_keys_free(struct session_keys *k);

/* Keeps a key (base64, as WeChat gave it) for ttl_ms; 0: not at all. Fire and forget. */
void session_keys_put(struct session_keys *k, struct slice appid, int64_t user_id,
                      struct slice session_key, int64_t ttl_ms);

void session_keys_forget(struct session_keys *k, struct slice appid, int64_t user_id);

enum session_key_found {
    SESSION_KEY_FOUND,
    SESSION_KEY_NONE, /* no login of late, or none that gave one */
    SESSION_KEY_AWAY, /* Redis does not answer */
};

/* `session_key` is borrowed for the call, empty unless FOUND. */
typedef void session_key_fn(void *owner, uint64_t id, enum session_key_found found,
                            struct slice session_key);

void session_keys_get(struct session_keys *k, struct slice appid, int64_t user_id,
                      session_key_fn *done, void *owner, uint64_t id);

#endif
