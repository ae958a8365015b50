#include "http/framing.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/keyvalq_struct.h>

struct framing {
    int lengths, codings, hosts;
    bool doubtful;
    bool body;
};

/* RFC 9110: a field name is a token; "Content-Length :" is not one. */
static bool is_token(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s; s++) {
        if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    }
    return true;
}

static bool is_digits(const char *s)
{
    return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static void look_at(const struct evkeyval *header, struct framing *f)
{
    if (!is_token(header->key)) {
        f->doubtful = true;
    } else if (strcasecmp(header->key, "Content-Length") == 0) {
        f->lengths++;
        f->doubtful |= !is_digits(header->value);
        f->body |= header->value[strspn(header->value, "0")] != '\0';
    } else if (strcasecmp(header->key, "Transfer-Encoding") == 0) {
        f->codings++;
        f->doubtful |= strcasecmp(header->value, "chunked") != 0;
        f->body = true;
    } else if (strcasecmp(header->key, "Host") == 0) {
        f->hosts++;
    }
}

bool framing_is_clear(const struct evkeyvalq *headers, bool has_body)
{
    struct framing f = {0};
    const struct evkeyval *header;
    TAILQ_FOREACH(header, headers, next)
    {
        look_at(header, &f);
    }
    return !f.doubtful && f.lengths + f.codings <= 1 && f.hosts <= 1 && (has_body || !f.body);
}
