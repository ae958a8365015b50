/* handlers.h - what api.c has each path do, and what it hands them for it. Only for the api_*.c. */
#ifndef WXSIM_HANDLERS_H
#define WXSIM_HANDLERS_H

#include <jansson.h>

#include "wxsim/api.h"

/* One call on its way through a handler; lives on the stack. */
struct visit {
    struct book *book;
    struct prng *ids;
    const struct api_call *call;
    enum answer_style style;
    struct instant now;
    struct app *app; /* whose access_token it carried, on paths that need one */
    struct answer *answer;
};

/* Ends the visit with an error. */
void visit_refuse(struct visit *v, int errcode);

/* The body as a JSON object, for json_decref; NULL when it is none. */
json_t *visit_json(const struct visit *v) MUST_CHECK;

/* A string field, borrowed from the object; empty when it is absent or no string. NULL object: too.
 */
struct slice json_field(const json_t *object, const char *name);

/* Refuses the caller unless appid and secret are right; 0 with *out. */
int visit_admit(struct visit *v, struct slice appid, struct slice secret,
                struct app **out) MUST_CHECK;

typedef void visit_fn(struct visit *v);

visit_fn visit_token, visit_stable_token; /* api_token.c */
visit_fn visit_jscode2session, visit_phone, visit_checksession, visit_resetsession; /* api_user.c */
visit_fn visit_api_ips, visit_callback_ips, visit_quota, visit_clear_quota,
    visit_clear_quota_v2; /* api_admin.c */

#endif
