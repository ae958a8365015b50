/* remote.h - tokend, as tokenctl asks it: by URL and key, over HTTP.
 *
 * Owns the event loop of the process. remote_ask runs it until the answer is there; a stream goes
 * on for as long as its user runs the loop. One thread. */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include <jansson.h>

#include "http/client.h"
#include "loop/loop.h"
#include "tokend/ctl/settings.h"
#include "tokend/ctl/trouble.h"

struct remote; /* opaque */

/* The settings are borrowed for its life. NULL with a line in *e when the TLS library fails. */
struct remote *remote_new(const struct ctl_settings *settings, struct err *e) MUST_CHECK;
void remote_free(struct remote *r); /* closes the stream; NULL is allowed */

struct loop *remote_loop(struct remote *r); /* borrowed */

enum { REMOTE_PATH_SIZE = 256 };

/* ---- one question, one answer ---- */

struct remote_question {
    enum http_method method;
    const char *path;   /* with its query, encoded */
    const json_t *body; /* of a POST; NULL: none */
    const char *scope;  /* the one that it takes, for people */
};

/* The JSON that tokend answered with, which the caller drops; or NULL and why. */
json_t *remote_ask(struct remote *r, const struct remote_question *q,
                   struct trouble *why) MUST_CHECK;

/* remote_ask by GET, with scope read. */
json_t *remote_get(struct remote *r, const char *path, struct trouble *why) MUST_CHECK;

/* ---- a stream of events ---- */

struct remote_hooks {
    void (*on_piece)(struct slice piece, void *arg); /* borrowed until it returns */
    /* The stream ended, or did not begin; once, last, and then there may be another. Not after
     * remote_close. */
    void (*on_end)(const struct trouble *why, void *arg);
    void *arg;
};

/* Begins to read `path`, behind the event `last_id` ("": from now on); one at a time. All is
 * copied. The hooks run later, on the loop. */
void remote_open(struct remote *r, const char *path, const char *last_id,
                 const struct remote_hooks *hooks);
void remote_close(struct remote *r); /* harmless when there is none */

#endif
