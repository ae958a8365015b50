/* console.h - GET /: the web page for operators, embedded at build time. It holds no data of its
 * own and reads the API with the key its user types in. Loop thread. */
#ifndef CONSOLE_CONSOLE_H
#define CONSOLE_CONSOLE_H

#include "http/server.h"

void console_routes(struct http_server *s);

#endif
