/* refresh, report - what tells tokend to do something. */
#include <stdio.h>

#include "tokend/ctl/ctl.h"
#include "tokend/ctl/json.h"

enum { ERRCODE_INVALID = 40001 }; /* what WeChat says of a token that is none any more */

static json_int_t version_in(const json_t *answer)
{
    return json_integer_value(json_object_get(answer, "version"));
}

/* Posts to /v1/apps/APPID/token/VERB; the body is dropped. */
static json_t *post(const struct ctl *c, const char *verb, const char *scope, json_t *body,
                    struct trouble *why)
{
    char path[REMOTE_PATH_SIZE];
    struct text t = text_init(path, sizeof path);
    text_fmt(&t, "/v1/apps/%s/token/%s", c->appid, verb);
    const struct remote_question q = {HTTP_POST, path, body, scope};
    json_t *answer = remote_ask(c->remote, &q, why);
    json_decref(body);
    return answer;
}

/* Prints and drops the answer; `words` are what came of it. */
static enum ctl_exit end(const struct ctl *c, json_t *answer, const char *words)
{
    if (c->settings->json)
        json_line(answer, stdout);
    else
        printf("%s: %s, the token is at version %" JSON_INTEGER_FORMAT "\n", c->appid, words,
               version_in(answer));
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_refresh(const struct ctl *c)
{
    struct trouble why;
    json_t *answer = post(c, "refresh", "admin", NULL, &why);
    return answer ? end(c, answer, "refresh ordered") : ctl_fail(why.line);
}

/* ---- report ---- */

/* Of the token that tokend hands out; 0 and why. */
static json_int_t current_version(const struct ctl *c, struct trouble *why)
{
    char path[REMOTE_PATH_SIZE];
    struct text t = text_init(path, sizeof path);
    text_fmt(&t, "/v1/apps/%s", c->appid);
    json_t *answer = remote_get(c->remote, path, why);
    json_int_t version = version_in(answer);
    if (answer && version == 0)
        snprintf(why->line, sizeof why->line, "%s has had no token yet: tokenctl status shows why",
                 c->appid);
    json_decref(answer);
    return version;
}

/* What is reported: by token, by version, or the current version. NULL and why. */
static json_t *report_of(const struct ctl *c, struct trouble *why)
{
    struct slice token = secret_reveal(&c->settings->token);
    int64_t errcode = c->settings->errcode ? c->settings->errcode : ERRCODE_INVALID;
    json_int_t version = c->settings->version;
    if (token.n > 0)
        return json_pack("{s:s%,s:I}", "access_token", token.p, token.n, "errcode",
                         (json_int_t)errcode);
    if (version == 0)
        version = current_version(c, why);
    if (version == 0)
        return NULL;
    return json_pack("{s:I,s:I}", "version", version, "errcode", (json_int_t)errcode);
}

enum ctl_exit ctl_report(const struct ctl *c)
{
    struct trouble why;
    json_t *report = report_of(c, &why);
    if (!report)
        return ctl_fail(why.line);
    json_t *answer = post(c, "report", "report", report, &why);
    if (!answer)
        return ctl_fail(why.line);
    bool taken = json_is_true(json_object_get(answer, "refreshing"));
    return end(c, answer, taken ? "reported and being checked" : "nothing to do");
}
