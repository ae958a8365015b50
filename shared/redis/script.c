#include "redis/script.h"

#include <openssl/evp.h>

#include "base/check.h"

void redis_script_init(struct redis_script *s, const char *name, struct slice source)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    ASSERT(EVP_Digest(source.p, source.n, digest, &n, EVP_sha1(), NULL) == 1);
    s->name = name;
    s->source = source;
    struct text hex = text_init(s->sha1, sizeof s->sha1);
    for (unsigned i = 0; i < n; i++)
        text_fmt(&hex, "%02x", digest[i]);
    ASSERT(hex.n == sizeof s->sha1 - 1);
}
