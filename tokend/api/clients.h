/* clients.h - who calls the HTTP API and what they may do.
 *
 * A client proves itself by `Authorization: Bearer KEY`. Kept are the SHA-256 of the keys, and all
 * are compared in constant time. Without any client everybody may do everything: the settings then
 * allow a loopback address only. Loop thread. */
#ifndef API_CLIENTS_H
#define API_CLIENTS_H

#include "crypto/digest.h"
#include "http/server.h"
#include "tokend/settings.h"

struct clients; /* opaque */
struct client;  /* opaque: one of them */

struct clients *clients_new(void) MUST_CHECK; /* none: everybody may do everything */
void clients_free(struct clients *c);         /* NULL is allowed */

/* Replaces all; the list is copied. */
void clients_set(struct clients *c, const struct tokend_client *list, size_t n);

/* True when the caller may do `scope` to the app (NULL p: to some app). Else the call was replied
 * to: 401 without a valid key, 403 without the right, 404 for an app that the client may not see.
 */
bool clients_allow(const struct clients *c, struct http_call *call, enum tokend_scope scope,
                   struct slice appid);

/* What somebody showed as a key: its digest, which may be kept where the key may not. */
struct client_key {
    bool shown;
    uint8_t digest[SHA256_SIZE];
};
struct client_key clients_key(struct slice key);                     /* NULL p: none was shown */
struct client_key clients_key_of_call(const struct http_call *call); /* of its Authorization */

/* Whose key that is, borrowed until clients_set; NULL: nobody's. Looks at all of them, whichever it
 * is. */
const struct client *clients_find(const struct clients *c, const struct client_key *key);

/* Whether the client, found or NULL, may do `scope`. */
bool clients_permit(const struct clients *c, const struct client *client, enum tokend_scope scope);

/* Who calls, borrowed until clients_set; NULL without a valid key. Costs a digest and a comparison
 * with every client: ask once for a call. */
const struct client *clients_caller(const struct clients *c, const struct http_call *call);

/* Whether the caller, whom clients_allow let in, sees the app. NULL: there are no clients. */
bool client_sees(const struct client *client, struct slice appid);

/* For audits, "" for NULL; borrowed until clients_set. */
const char *client_name(const struct client *client);

/* The caller's name likewise. */
const char *clients_name(const struct clients *c, const struct http_call *call);

#endif
