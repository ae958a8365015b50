#include "redis/wire.h"

enum { HEADER_ROOM = WIRE_NUMBER_SIZE + 4 }; /* kind, digits, and the line ends behind and after */

size_t wire_room(const struct slice *argv, size_t argc)
{
    size_t n = HEADER_ROOM + 1;
    for (size_t i = 0; i < argc; i++)
        n += argv[i].n + HEADER_ROOM;
    return n;
}

struct slice wire_number(char digits[WIRE_NUMBER_SIZE], size_t number)
{
    char *p = digits + WIRE_NUMBER_SIZE;
    do
        *--p = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return (struct slice){p, (size_t)(digits + WIRE_NUMBER_SIZE - p)};
}

static void header(struct text *t, char kind, size_t number)
{
    char digits[WIRE_NUMBER_SIZE];
    text_char(t, kind);
    text_add(t, wire_number(digits, number));
    text_add(t, SLICE_LIT("\r\n"));
}

void wire_begin(struct text *t, size_t argc)
{
    header(t, '*', argc);
}

void wire_arg(struct text *t, struct slice arg)
{
    header(t, '$', arg.n);
    text_add(t, arg);
    text_add(t, SLICE_LIT("\r\n"));
}

void wire_args(struct text *t, const struct slice *argv, size_t argc)
{
    for (size_t i = 0; i < argc; i++)
        wire_arg(t, argv[i]);
}
