/* hosts.h - an upstream as an ordered list of base URLs, and which of them failed lately.
 *
 * The order is the order of disaster recovery: the first is asked as long as it can be reached.
 * A host that could not be reached is left out for a while; when that while is over, one request
 * tries it, and the others keep away until that one came through. Knows no socket and no clock:
 * time is an argument. Reference-counted, because requests under way outlive a reload of the
 * settings. Parsing is pure; the rest is for one thread. */
#ifndef HTTP_HOSTS_H
#define HTTP_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/text.h"
#include "base/times.h"

enum {
    HTTP_HOSTS_MAX = 8,              /* bases in one list */
    HTTP_BASE_MAX = 255,             /* bytes of one base */
    HTTP_HOST_AVOIDED_MS = 10 * 1000 /* how long a host that failed is left out */
};

struct http_hosts; /* opaque */

/* Parses "https://a,https://b:8443/prefix": http and https only, a path prefix is allowed, user
 * names, query and fragment are not; blanks around commas and one slash at the end are dropped.
 * The caller owns one reference. NULL with a line in *e (which never repeats more of the input than
 * the one base that is wrong). */
struct http_hosts *http_hosts_parse(struct slice list, struct err *e) MUST_CHECK;

struct http_hosts *http_hosts_ref(struct http_hosts *h); /* one more owner; returns h */
void http_hosts_unref(struct http_hosts *h);             /* the last one frees; NULL is allowed */

size_t http_hosts_count(const struct http_hosts *h);
struct slice http_hosts_base(const struct http_hosts *h, size_t i); /* "https://a", no end slash */

/* The next host to ask, or -1 when all have been: first those that are not avoided, in order, then
 * the avoided ones, in order. `tried` is the caller's set of bits, 0 at first; the choice is added
 * to it. */
int http_hosts_next(struct http_hosts *h, unsigned *tried, mono_ms_t now);

void http_hosts_failed(struct http_hosts *h, size_t i, mono_ms_t now); /* could not be reached */
void http_hosts_reached(struct http_hosts *h, size_t i);               /* it took a connection */

#endif
