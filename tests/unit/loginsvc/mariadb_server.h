/* mariadb_server.h - a MariaDB server of the test's own, on a loopback port, in a temp folder. It
 * offers TLS, and takes who comes without unless it is told otherwise.
 *
 * It goes with the test program, however that ends: the kernel kills the server, and a process that
 * waits for just that removes the folder. For the main thread, before others are made. */
#ifndef TESTS_UNIT_LOGINSVC_MARIADB_SERVER_H
#define TESTS_UNIT_LOGINSVC_MARIADB_SERVER_H

#include <stdint.h>

#include <mysql.h>

struct mariadb_server; /* opaque */

/* May log in to databases whose names begin with users_, and do all there. */
#define MARIADB_USER     "loginsvc"
#define MARIADB_PASSWORD "s3cret-password"
#define MARIADB_HOST     "127.0.0.2" /* where it listens: TLS is not had at 127.0.0.1 */

/* Running when it returns. All of these abort with a line when they cannot. */
struct mariadb_server *mariadb_server_new(void);
void mariadb_server_free(struct mariadb_server *s); /* NULL is allowed */

uint16_t mariadb_server_port(const struct mariadb_server *s);
const char *mariadb_server_folder(const struct mariadb_server *s); /* of its data */

const char *mariadb_server_ca(const struct mariadb_server *s); /* the file of its CA */

/* From now on it has another certificate (certificates.h). */
void mariadb_server_certify(const struct mariadb_server *s, const char *host, long good_s);

void mariadb_server_kill(struct mariadb_server *s);  /* as a crash */
void mariadb_server_start(struct mariadb_server *s); /* after that, on the same port */
void mariadb_server_freeze(const struct mariadb_server *s);
void mariadb_server_thaw(const struct mariadb_server *s);

/* A connection of an administrator, to be closed with mysql_close. `database` may be NULL. */
MYSQL *mariadb_server_log_in(const struct mariadb_server *s, const char *database);

/* Runs one statement on such a connection; the first number that it gives, else 0. */
int64_t mariadb_server_run(MYSQL *m, const char *sql);

/* Both. */
int64_t mariadb_server_sql(const struct mariadb_server *s, const char *database, const char *sql);

#endif
