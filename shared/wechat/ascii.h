/* ascii.h - the kinds of characters that WeChat's values are made of. Pure, any thread; no locale.
 */
#ifndef WECHAT_ASCII_H
#define WECHAT_ASCII_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

bool ascii_digit(char c);
bool ascii_hex(char c);        /* either case */
bool ascii_base64(char c);     /* the standard alphabet, without '=' */
bool ascii_ip(char c);         /* of a textual IPv4 or IPv6 address */
bool ascii_identifier(char c); /* letters, digits, "_-.": openid, unionid */
bool ascii_printable(char c);  /* neither blank nor control */

/* The length of the row of allowed characters that `s` begins with. */
size_t ascii_span(struct slice s, bool (*allowed)(char));

/* True when s has min to max characters, all allowed. */
bool ascii_only(struct slice s, size_t min, size_t max, bool (*allowed)(char));

#endif
