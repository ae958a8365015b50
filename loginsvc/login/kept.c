/* Inside: every field in the order of FIELDS, a number as 8 bytes, a text as 2 bytes of length and
 * its bytes; all little-endian. Who changes FIELDS changes KEPT_LABEL: while versions change,
 * processes of both read what the other has kept. */
#include "loginsvc/login/kept.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/aead.h"

#define FIELDS(NUMBER, TEXT)                                                                       \
    NUMBER(result.ending, enum login_ending)                                                       \
    NUMBER(result.error_class, enum err_class)                                                     \
    NUMBER(result.errcode, int)                                                                    \
    NUMBER(result.retry_after_ms, int64_t)                                                         \
    NUMBER(phone_result.ending, enum login_ending)                                                 \
    NUMBER(phone_result.error_class, enum err_class)                                               \
    NUMBER(phone_result.errcode, int)                                                              \
    NUMBER(user.id, int64_t)                                                                       \
    TEXT(user.openid)                                                                              \
    TEXT(user.phone)                                                                               \
    TEXT(user.country_code)                                                                        \
    TEXT(user.nickname)                                                                            \
    TEXT(user.avatar)                                                                              \
    NUMBER(user.created_at.ms, int64_t)                                                            \
    NUMBER(is_new, bool)                                                                           \
    NUMBER(expires_in_s, int64_t)                                                                  \
    TEXT(access_token)                                                                             \
    TEXT(refresh_token)                                                                            \
    TEXT(register_ticket)                                                                          \
    TEXT(rid)                                                                                      \
    TEXT(openid)                                                                                   \
    TEXT(unionid)                                                                                  \
    TEXT(session_key)                                                                              \
    TEXT(phone)                                                                                    \
    TEXT(country_code)

_Static_assert(sizeof(struct login_outcome) + 512 < KEPT_MAX, "everything fits");

struct writer {
    uint8_t *p;
    size_t n;
};

static void write_number(struct writer *w, int64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        w->p[w->n++] = (uint8_t)((uint64_t)v >> (8 * i));
}

static void write_text(struct writer *w, const char *s)
{
    size_t n = strlen(s);
    write_number(w, (int64_t)n, 2);
    memcpy(w->p + w->n, s, n);
    w->n += n;
}

struct reader {
    const uint8_t *p;
    size_t left;
    bool short_of; /* something did not fit: nothing of it is to be believed */
};

static int64_t read_number(struct reader *r, size_t bytes)
{
    uint64_t v = 0;
    if (r->left < bytes) {
        r->short_of = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        v |= (uint64_t)r->p[i] << (8 * i);
    r->p += bytes;
    r->left -= bytes;
    return (int64_t)v;
}

static void read_text(struct reader *r, char *out, size_t size)
{
    size_t n = (size_t)read_number(r, 2);
    if (r->left < n || !slice_copy((struct slice){(const char *)r->p, n}, out, size)) {
        r->short_of = true;
        return;
    }
    r->p += n;
    r->left -= n;
}

static struct slice context_of(const struct claim *c, char out[AEAD_CONTEXT_MAX])
{
    struct text t = text_init(out, AEAD_CONTEXT_MAX);
    text_fmt(&t, "kept|%s|%s", c->appid, c->fingerprint);
    ASSERT(!t.cut);
    return (struct slice){t.p, t.n};
}

size_t kept_seal(const struct keyring *ring, const struct claim *c, const struct login_outcome *o,
                 uint8_t out[KEPT_MAX])
{
    uint8_t plain[KEPT_MAX - AEAD_OVERHEAD];
    char context[AEAD_CONTEXT_MAX];
    struct writer w = {plain, 0};
#define WRITE_NUMBER(field, type) write_number(&w, (int64_t)o->field, 8);
#define WRITE_TEXT(field)         write_text(&w, o->field);
    FIELDS(WRITE_NUMBER, WRITE_TEXT)
    size_t n =
        aead_seal(ring, context_of(c, context), (struct slice){(char *)plain, w.n}, out, KEPT_MAX);
    bytes_wipe(plain, w.n);
    return n;
}

static bool parse(struct reader *r, struct login_outcome *o)
{
#define READ_NUMBER(field, type) o->field = (type)read_number(r, 8);
#define READ_TEXT(field)         read_text(r, o->field, sizeof o->field);
    FIELDS(READ_NUMBER, READ_TEXT)
    return !r->short_of && r->left == 0;
}

bool kept_open(const struct keyring *ring, const struct claim *c, struct slice sealed,
               struct login_outcome *o)
{
    uint8_t plain[KEPT_MAX];
    char context[AEAD_CONTEXT_MAX];
    size_t n = 0;
    *o = (struct login_outcome){.is_new = false};
    bool ok = aead_open(ring, context_of(c, context), sealed, plain, sizeof plain, &n) == AEAD_OK &&
              parse(&(struct reader){plain, n, false}, o);
    if (!ok)
        *o = (struct login_outcome){.is_new = false};
    bytes_wipe(plain, sizeof plain);
    return ok;
}
