/* wire.h - commands as the bytes that go over the wire: RESP2 arrays of bulk strings.
 *
 * Writes into a text whose room the caller reserved with wire_room. Any thread. Source:
 * https://redis.io/docs/latest/develop/reference/protocol-spec/ */
#ifndef REDIS_WIRE_H
#define REDIS_WIRE_H

#include <stddef.h>

#include "base/text.h"

/* Bytes that are enough for the command with these arguments and the NUL of a text. */
size_t wire_room(const struct slice *argv, size_t argc);

void wire_begin(struct text *t, size_t argc); /* a command of argc arguments follows */
void wire_arg(struct text *t, struct slice arg);
void wire_args(struct text *t, const struct slice *argv, size_t argc);

/* A number as the text of an argument. Returns a slice of `digits`. */
enum { WIRE_NUMBER_SIZE = 24 };
struct slice wire_number(char digits[WIRE_NUMBER_SIZE], size_t number);

#endif
