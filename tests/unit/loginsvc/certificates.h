/* certificates.h - a CA of the test's own, and a server's certificate that it signs: files in a
 * folder of the caller's. Each aborts when it cannot. */
#ifndef TESTS_UNIT_LOGINSVC_CERTIFICATES_H
#define TESTS_UNIT_LOGINSVC_CERTIFICATES_H

struct certificates; /* opaque */

/* Writes folder/ca.pem. */
struct certificates *certificates_new(const char *folder);
void certificates_free(struct certificates *c); /* the files stay */

/* Writes folder/server.pem and folder/server.key, for "IP:127.0.0.1" or "DNS:name", good from an
 * hour ago until in so many seconds. */
void certificates_sign(const struct certificates *c, const char *host, long good_s);

/* The paths; borrowed. */
const char *certificates_ca(const struct certificates *c);
const char *certificates_server(const struct certificates *c);
const char *certificates_key(const struct certificates *c);

#endif
