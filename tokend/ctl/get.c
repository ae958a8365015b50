/* get - the token alone, for $(tokenctl get APPID). */
#include <stdio.h>

#include "tokend/ctl/ctl.h"
#include "tokend/ctl/json.h"
#include "tokend/ctl/plain.h"

static bool print_token(const json_t *answer)
{
    const json_t *token = json_object_get(answer, "access_token");
    if (json_string_length(token) == 0)
        return false;
    plain_write((struct slice){json_string_value(token), json_string_length(token)}, stdout);
    putchar('\n');
    return true;
}

enum ctl_exit ctl_get(const struct ctl *c)
{
    char path[REMOTE_PATH_SIZE];
    struct trouble why;
    struct text t = text_init(path, sizeof path);
    text_fmt(&t, "/v1/apps/%s/token", c->appid);
    json_t *answer = remote_get(c->remote, path, &why);
    enum ctl_exit code = CTL_OK;
    if (!answer) {
        ctl_say(why.line);
        code = CTL_FAILED;
    } else if (c->settings->json) {
        json_line(answer, stdout);
    } else if (!print_token(answer)) {
        ctl_say("the answer has no access_token: is that a tokend?");
        code = CTL_FAILED;
    }
    json_decref(answer);
    return code;
}
