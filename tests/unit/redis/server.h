/* server.h - a private redis-server (or sentinel) for tests: temp folder, Unix socket and a free
 * TCP port, gone with the test. Also linked by the unit tests of upper floors that cross Redis. */
#ifndef TEST_REDIS_SERVER_H
#define TEST_REDIS_SERVER_H

#include <stdbool.h>

struct server; /* opaque */

/* `config` is the text of further configuration lines, may be NULL. Waits until it answers. */
struct server *server_start(const char *config);
struct server *sentinel_start(const char *config);
void server_free(struct server *s); /* kills it and removes its folder; NULL is allowed */

void server_kill(struct server *s);    /* SIGKILL, gone when this returns */
void server_restart(struct server *s); /* with the same sockets and configuration, without data */
void server_pause(struct server *s);   /* SIGSTOP */
void server_resume(struct server *s);

const char *server_socket(const struct server *s); /* path of its Unix socket */
const char *server_folder(const struct server *s);
int server_port(const struct server *s); /* on 127.0.0.1 */

/* Runs one command (words separated by blanks) over a connection of its own and returns the answer
 * as text: arrays as their elements joined by blanks, nil as "(nil)". Valid until the next call.
 * Where a sentinel changes what the server is, it may be run twice. */
const char *server_do(struct server *s, const char *command);

#endif
