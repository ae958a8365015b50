/* utf8.h - where the characters of a text begin and end, and which bytes are none. Any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The length in bytes of the character at the start of s, its code point in *code (NULL allowed);
 * 0 when what stands there is not well-formed (RFC 3629: no overlong forms, no surrogates, nothing
 * beyond U+10FFFF), and for the empty slice. */
size_t utf8_first(struct slice s, uint32_t *code);

/* Whether the character does something to a terminal or ends a line instead of being shown. */
bool utf8_is_control(uint32_t code);

/* The longest prefix of at most max bytes that does not cut a well-formed character. */
struct slice utf8_prefix(struct slice s, size_t max);

#endif
