/* server.h - wxsim's HTTP side: takes calls in on libevent's evhttp, has the API or the control
 * side answer them, and lets the ordered faults happen on the way out.
 *
 * On evhttp itself and not on shared/http: the faults need the bare connection, and the stand-in
 * must be faster than what is measured against it. Loop thread only. */
#ifndef WXSIM_SERVER_H
#define WXSIM_SERVER_H

#include "base/err.h"
#include "loop/loop.h"
#include "wxsim/api.h"
#include "wxsim/control.h"

struct server; /* opaque */

struct server_options {
    const char
        *listen; /* "127.0.0.1:8090", "[::1]:8090", ":8090" (every address); port 0: a free one */
    int64_t latency_ms; /* from a call to its answer, faults and all; not on /_sim/ */
};

/* Binds and listens. api and *control are borrowed until server_free. NULL with a line in *e when
 * the address is wrong or taken. */
struct server *server_new(struct loop *l, const struct server_options *options, struct api *api,
                          const struct control *control, struct err *e) MUST_CHECK;

int server_port(const struct server *s);
void server_set_latency(struct server *s, int64_t ms);

/* Stops accepting. What was accepted is still answered. */
void server_stop_accepting(struct server *s);

/* After delivery_free: no request may be waiting any more. NULL is allowed. */
void server_free(struct server *s);

#endif
