/* Inside: "ID END_MS APPID COUNTRY_CODE PHONE", END_MS in Unix milliseconds. */
#include "loginsvc/login/register_ticket.h"

#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/base64.h"
#include "sys/entropy.h"

enum {
    PLAIN_SIZE =
        STORE_TICKET_SIZE + 20 + USER_APPID_SIZE + USER_COUNTRY_CODE_SIZE + USER_PHONE_SIZE,
    SEALED_SIZE = PLAIN_SIZE + AEAD_OVERHEAD,
    ID_BYTES = (STORE_TICKET_SIZE - 1) / 2,
};

_Static_assert(BASE64_TEXT_SIZE(SEALED_SIZE) <= REGISTER_TICKET_SIZE, "a ticket fits its text");

void register_ticket_make(const struct keyring *ring, const char *appid, const char *phone,
                          const char *country_code, wall_ms_t now, char out[REGISTER_TICKET_SIZE])
{
    char plain[PLAIN_SIZE];
    char id[STORE_TICKET_SIZE];
    uint8_t sealed[SEALED_SIZE];
    struct text t = text_init(plain, sizeof plain);
    entropy_hex(id, ID_BYTES);
    text_fmt(&t, "%s %lld %s %s %s", id, (long long)wall_after(now, REGISTER_TICKET_LIFE_MS).ms,
             appid, country_code, phone);
    ASSERT(!t.cut);
    size_t n = aead_seal(ring, SLICE_LIT(REGISTER_TICKET_LABEL), (struct slice){plain, t.n}, sealed,
                         sizeof sealed);
    base64_encode(BASE64_URL, sealed, n, out, REGISTER_TICKET_SIZE);
    bytes_wipe(plain, sizeof plain);
}

static bool parse(struct slice plain, wall_ms_t now, struct register_ticket *ticket)
{
    return slice_copy(slice_cut(&plain, ' '), ticket->id, sizeof ticket->id) &&
           slice_to_int(slice_cut(&plain, ' '), 0, INT64_MAX, &ticket->expires_at.ms) &&
           now.ms < ticket->expires_at.ms &&
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
        *ticket = (struct register_ticket){.id = ""};
    bytes_wipe(plain, sizeof plain);
    return ok;
}
