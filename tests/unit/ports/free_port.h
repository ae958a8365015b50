/* free_port.h - a TCP port of this machine on which nothing listened a moment ago.
 *
 * It lies outside the range from which the kernel serves outgoing connections, so hardly anybody
 * but another test takes it in between: whoever starts a server tries again then. */
#ifndef TESTS_UNIT_FREE_PORT_H
#define TESTS_UNIT_FREE_PORT_H

int free_port(void);

#endif
