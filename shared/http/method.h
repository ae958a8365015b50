/* method.h - the HTTP methods the house knows, for client and server. Pure; any thread. */
#ifndef HTTP_METHOD_H
#define HTTP_METHOD_H

#define HTTP_METHODS(X)                                                                            \
    X(GET)                                                                                         \
    X(HEAD)                                                                                        \
    X(POST)                                                                                        \
    X(PUT)                                                                                         \
    X(PATCH)                                                                                       \
    X(DELETE)                                                                                      \
    X(OPTIONS)

#define X(name) HTTP_##name,
enum http_method { HTTP_METHODS(X) HTTP_METHOD_COUNT };
#undef X

/* "GET". */
const char *http_method_name(enum http_method m);

#endif
