/* codes.h - the one-use codes of one kind (wx.login, getPhoneNumber) that are out.
 *
 * A bounded queue in the order of making: all live equally long, so they also end in that order. A
 * code is its serial here; book.h gives it a text. Pure: time is an argument. One thread. */
#ifndef WXSIM_CODES_H
#define WXSIM_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/times.h"

enum { CODES_MAX = 1 << 19 }; /* beyond it the oldest goes, as if it had expired */

struct code {
    uint32_t app; /* the number of the app that it is good for */
    int errcode;  /* 0, or what the attempt to spend it answers */
    bool spent;
    mono_ms_t expires_at;
    wall_ms_t made_at;
    char *openid;  /* heap; NULL: a user of its own (login), any user (phone) */
    char *unionid; /* heap; NULL: none */
    char phone[20];
    char country[6];
};

struct codes; /* opaque */

struct codes *codes_new(void) MUST_CHECK;
void codes_free(struct codes *c);
void codes_clear(struct codes *c); /* their serials do not come again */

/* Takes over *code with its heap strings, lets go of those that are over. Returns the serial. */
uint64_t codes_add(struct codes *c, const struct code *code, mono_ms_t now);

/* NULL when it is over or was never made. Borrowed until the next codes_add or codes_clear. */
struct code *codes_find(const struct codes *c, uint64_t serial, mono_ms_t now);

size_t codes_count(const struct codes *c); /* held, dead ones not yet let go included */

#endif
