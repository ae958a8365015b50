/* api.h - the simulated api.weixin.qq.com: one call in, one answer out.
 *
 * Knows the paths, the parameters and the order of WeChat's checks; the book knows who may have
 * what. No sockets, no faults: server.h brings both. Time is an argument. One thread. */
#ifndef WXSIM_API_H
#define WXSIM_API_H

#include "base/text.h"
#include "wxsim/answer.h"
#include "wxsim/book.h"

enum api_method { API_GET, API_POST };

/* A call as it came in; borrowed for api_answer. */
struct api_call {
    enum api_method method; /* whatever is no POST is read as a GET */
    bool has_length;        /* a Content-Length came with it */
    struct slice path;
    struct slice query; /* what stands behind the "?" */
    struct slice body;
    const char *peer; /* the caller's IP address, for 40164 */
};

struct api; /* opaque */

struct api *api_new(struct book *b, uint64_t seed) MUST_CHECK; /* b is borrowed until api_free */
void api_free(struct api *api);                                /* NULL is allowed */

/* The number of the path, to tally by: 0 to api_routes()-1; api_routes() for an unknown one. */
size_t api_route(struct slice path);
size_t api_routes(void);
const char *api_path(size_t route); /* "other" for api_routes() */

/* Carries the call out. `route` is api_route(call->path). */
void api_answer(struct api *api, size_t route, const struct api_call *call, struct instant now,
                struct answer *out);

/* The answer that this errcode would have on this path, nothing being carried out. */
void api_refuse(struct api *api, size_t route, int errcode, struct instant now, struct answer *out);

#endif
