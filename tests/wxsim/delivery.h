/* delivery.h - how an answer gets to the caller: at once, later, when released, never.
 *
 * Takes over evhttp requests whose answer (headers and body) is already written into them. evhttp
 * does not notice that a caller went away while its answer is pending, so requests that wait here
 * stay valid until they are sent. Bounded: beyond DELIVERY_MAX waiting ones, connections are closed
 * instead. Loop thread only. */
#ifndef WXSIM_DELIVERY_H
#define WXSIM_DELIVERY_H

#include <stddef.h>
#include <stdint.h>

#include <event2/http.h>

#include "loop/loop.h"

enum { DELIVERY_MAX = 1 << 16 };

struct delivery; /* opaque */

struct delivery *delivery_new(struct loop *l) MUST_CHECK;

/* Closes the connections of all that wait. Before evhttp_free. NULL is allowed. */
void delivery_free(struct delivery *d);

/* Each takes the request over: it must not be used afterwards. ms 0: at once. */
void delivery_send(struct delivery *d, struct evhttp_request *req, int status, int64_t ms);
void delivery_hold(struct delivery *d, struct evhttp_request *req, int status);

/* Never answers; notices when the caller closes. */
void delivery_hang(struct delivery *d, struct evhttp_request *req);

/* Closes the connection without an answer: in order (FIN), or by a TCP reset. */
void delivery_close(struct delivery *d, struct evhttp_request *req);
void delivery_reset(struct delivery *d, struct evhttp_request *req);

/* Sends what is held; returns how many. */
size_t delivery_release(struct delivery *d);

/* Closes the connections of those that hang; returns how many. */
size_t delivery_cut_hanging(struct delivery *d);

size_t delivery_held(const struct delivery *d);
size_t delivery_hanging(const struct delivery *d);

/* For the end: sends all that waits at once, cuts what hangs, and calls done(arg) once, later, when
 * the answers are written or `ms` have passed. */
void delivery_drain(struct delivery *d, int64_t ms, void (*done)(void *arg), void *arg);

#endif
