/* Inside: "END_MS APPID COUNTRY_CODE PHONE", END_MS in Unix milliseconds. */
#include "loginsvc/login/register_ticket.h"

#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/base64.h"

enum {
    PLAIN_SIZE = 20 + USER_APPID_SIZE + USER_COUNTRY_CODE_SIZE + USER_PHONE_SIZE,
    SEALED_SIZE = PLAIN_SIZE + AEAD_OVERHEAD,
};

_Static_assert(BASE64_TEXT_SIZE(SEALED_SIZE) <= REGISTER_TICKET_SIZE, "a ticket fits its text");

void register_ticket_seal(const struct keyring *ring, const struct register_ticket *ticket,
                          wall_ms_t now, char out[REGISTER_TICKET_SIZE])
{
    char plain[PLAIN_SIZE];
    uint8_t sealed[SEALED_SIZE];
    struct text t = text_init(plain, sizeof plain);
    text_fmt(&t, "%lld %s %s %s", (long long)wall_after(now, REGISTER_TICKET_LIFE_MS).ms,
             ticket->appid, ticket->country_code, ticket->phone);
    ASSERT(!t.cut);
    size_t n = aead_seal(ring, SLICE_LIT(REGISTER_TICKET_LABEL), (struct slice){plain, t.n}, sealed,
                         sizeof sealed);
    base64_encode(BASE64_URL, sealed, n, out, REGISTER_TICKET_SIZE);
    bytes_wipe(plain, sizeof plain);
}

static bool parse(struct slice plain, wall_ms_t now, struct register_ticket *ticket)
{
    int64_t end_ms;
    return slice_to_int(slice_cut(&plain, ' '), 0, INT64_MAX, &end_ms) && now.ms < end_ms &&
           slice_copy(slice_cut(&plain, ' '), ticket->appid, sizeof ticket->appid) &&
           slice_copy(slice_cut(&plain, ' '), ticket->country_code, sizeof ticket->country_code) &&
           slice_copy(plain, ticket->phone, sizeof ticket->phone) && plain.n > 0;
}

bool register_ticket_open(const struct keyring *ring, struct slice text, wall_ms_t now,
                          struct register_ticket *ticket)
{
    uint8_t sealed[SEALED_SIZE];
    uint8_t plain[SEALED_SIZE];
    size_t n = 0;
    bool ok = base64_decode(BASE64_URL, text, sealed, sizeof sealed, &n) &&
              aead_open(ring, SLICE_LIT(REGISTER_TICKET_LABEL), (struct slice){(char *)sealed, n},
                        plain, sizeof plain, &n) == AEAD_OK &&
              parse((struct slice){(char *)plain, n}, now, ticket);
    if (!ok)
        *ticket = (struct register_ticket){{0}, {0}, {0}};
    bytes_wipe(plain, sizeof plain);
    return ok;
}
