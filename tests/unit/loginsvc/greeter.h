/* greeter.h - a MySQL server that greets and then says little, on a free port of MARIADB_HOST, to
 * one client: for what a client says before it may know whom it talks to. Has a thread of its own.
 */
#ifndef TESTS_UNIT_LOGINSVC_GREETER_H
#define TESTS_UNIT_LOGINSVC_GREETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct greeter; /* opaque */

enum greeter_manner {
    GREETER_WITHOUT_TLS,
    GREETER_SILENT,   /* offers TLS, and says nothing more */
    GREETER_TRICKLES, /* offers TLS, and says the first record of it a byte now and then */
    GREETER_HANGS_UP, /* offers TLS, and closes once the client spoke */
};

struct greeter *greeter_new(enum greeter_manner manner);
void greeter_free(struct greeter *g);

uint16_t greeter_port(const struct greeter *g);

/* Waits until the client is gone; all that it said, borrowed until greeter_free. */
const unsigned char *greeter_heard(struct greeter *g, size_t *n);

#endif
