/* address.h - from which address a request really came, when proxies stand in between.
 *
 * A proxy that is trusted appends the address it was called from to X-Forwarded-For. The client's
 * is the last one, from the right, that belongs to no trusted proxy; what stands further left
 * anybody may have written. Immutable once made, so any thread may use it. */
#ifndef LIMITS_ADDRESS_H
#define LIMITS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"

struct proxies; /* opaque: the networks whose addresses are proxies of ours */

/* Each "10.0.0.0/8", "::1" and so on. NULL with a line in *e that names the one that is not. */
struct proxies *proxies_new(char *const *networks, size_t n, struct err *e) MUST_CHECK;
void proxies_free(struct proxies *p); /* NULL is allowed */

enum { ADDRESS_SIZE = 46 }; /* the longest text of an address, with NUL */

struct client_address {
    char text[ADDRESS_SIZE];    /* in its usual form; "" of a connection that has none */
    char network[ADDRESS_SIZE]; /* what one household has: the address, of IPv6 its first 64 bits */
    bool is_proxy;              /* nothing but trusted proxies is known: it may be anybody's */
};

/* `peer`: whom the connection is from; `forwarded`: X-Forwarded-For, may be empty. Ports, brackets
 * and zones are left out; what is no address ends the way back. */
void client_address_of(const struct proxies *p, struct slice peer, struct slice forwarded,
                       struct client_address *out);

#endif
