#include "loginsvc/sessions/session.h"

#include <ctype.h>

#include "base/secret.h"
#include "crypto/base64.h"
#include "sys/entropy.h"

enum { ID_BYTES = 16, ID_LEN = SESSION_ID_SIZE - 1, SECRET_BYTES = 32 };

void session_start(struct session *s, wall_ms_t now, int64_t ttl_ms,
                   char refresh_token[SESSION_REFRESH_TOKEN_SIZE])
{
    char id[SESSION_ID_SIZE];
    entropy_hex(id, ID_BYTES);
    session_renew(s, slice_of(id), now, ttl_ms, refresh_token);
}

void session_renew(struct session *s, struct slice id, wall_ms_t now, int64_t ttl_ms,
                   char refresh_token[SESSION_REFRESH_TOKEN_SIZE])
{
    uint8_t secret[SECRET_BYTES];
    char secret_text[BASE64_TEXT_SIZE(SECRET_BYTES)];
    ASSERT(session_id_valid(id) && slice_copy(id, s->id, sizeof s->id));
    entropy_fill(secret, sizeof secret);
    base64_encode(BASE64_URL, secret, sizeof secret, secret_text, sizeof secret_text);
    struct text t = text_init(refresh_token, SESSION_REFRESH_TOKEN_SIZE);
    text_str(&t, s->id);
    text_char(&t, '.');
    text_str(&t, secret_text);
    ASSERT(!t.cut && t.n == SESSION_REFRESH_TOKEN_SIZE - 1);
    digest_sha256((struct slice){t.p, t.n}, s->refresh_hash);
    s->expires_at = wall_after(now, ttl_ms);
    bytes_wipe(secret, sizeof secret);
    bytes_wipe(secret_text, sizeof secret_text);
}

bool session_parse_refresh(struct slice refresh_token, char id[SESSION_ID_SIZE],
                           uint8_t refresh_hash[SHA256_SIZE])
{
    struct slice rest = refresh_token, named = slice_cut(&rest, '.');
    uint8_t secret[SECRET_BYTES];
    size_t n = 0;
    bool right = session_id_valid(named) &&
                 base64_decode(BASE64_URL, rest, secret, sizeof secret, &n) && n == sizeof secret;
    bytes_wipe(secret, sizeof secret);
    if (!right || !slice_copy(named, id, SESSION_ID_SIZE))
        return false;
    digest_sha256(refresh_token, refresh_hash);
    return true;
}

bool session_id_valid(struct slice id)
{
    if (id.n != ID_LEN)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        if (!isdigit((unsigned char)id.p[i]) && (id.p[i] < 'a' || id.p[i] > 'f'))
            return false;
    }
    return true;
}
