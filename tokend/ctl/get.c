/* get - the token alone, for $(tokenctl get APPID). */
#include <stdio.h>

#include "tokend/ctl/ctl.h"
#include "tokend/ctl/json.h"
#include "tokend/ctl/plain.h"

static enum ctl_exit print_token(const json_t *answer)
{
    struct slice token = json_text(answer, "access_token");
    if (token.n == 0)
        return ctl_fail("the answer has no access_token: is that a tokend?");
    plain_write(token, stdout);
    putchar('\n');
    return CTL_OK;
}

enum ctl_exit ctl_get(const struct ctl *c)
{
    char path[REMOTE_PATH_SIZE];
    struct trouble why;
    struct text t = text_init(path, sizeof path);
    text_fmt(&t, "/v1/apps/%s/token", c->appid);
    json_t *answer = remote_get(c->remote, path, &why);
    if (!answer)
        return ctl_fail(why.line);
    enum ctl_exit code = CTL_OK;
    if (c->settings->json)
        json_line(answer, stdout);
    else
        code = print_token(answer);
    json_decref(answer);
    return code;
}
