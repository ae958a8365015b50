/* url.h - where Redis is and how to log in there: parses REDIS_URL, once.
 *
 *   redis://[[user]:password@]host[:port][/db]      TCP
 *   rediss://...                                    the same over TLS, where hiredis has it
 *   unix://[[user]:password@]/path[?db=N]           Unix socket
 *   redis-sentinel://[[user]:password@]host:port,host:port/master-name[/db]
 *
 * User and password are those of Redis (not of the sentinels) and percent-encoded where needed;
 * either both or only the password: ":password@". IPv6 addresses stand in brackets. Pure: no name
 * is resolved, nothing is connected. Any thread. */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

enum redis_scheme {
    REDIS_SCHEME_TCP,
    REDIS_SCHEME_TLS,
    REDIS_SCHEME_UNIX,
    REDIS_SCHEME_SENTINEL, /* the hosts are sentinels, which know where the master is */
};

enum { REDIS_URL_HOSTS = 8, REDIS_URL_NAME_SIZE = 256, REDIS_URL_DB_MAX = 65535 };

struct redis_host {
    char name[REDIS_URL_NAME_SIZE]; /* without brackets */
    int port;
};

/* A parsed URL. Its maker owns the password in it: see redis_url_wipe. */
struct redis_url {
    enum redis_scheme scheme;
    struct redis_host hosts[REDIS_URL_HOSTS]; /* one, but for sentinels */
    size_t nhosts;                            /* 0 for a Unix socket */
    char path[108];                           /* of the Unix socket, else "" */
    char master[REDIS_URL_NAME_SIZE];         /* the sentinels' name of the master, else "" */
    char user[REDIS_URL_NAME_SIZE];           /* "" = the default user */
    struct secret password;                   /* unset = no AUTH */
    int db;
};

/* Parses `text` into *out, which is zeroed or holds an earlier URL. False with a line in *e that
 * never shows the password (nor the text it stands in); *out is then empty. Wipe it in the end. */
bool redis_url_parse(struct slice text, struct redis_url *out, struct err *e) MUST_CHECK;

void redis_url_wipe(struct redis_url *u); /* may be called twice */

/* A copy, to be wiped on its own. *to is zeroed or holds an earlier URL. */
void redis_url_copy(struct redis_url *to, const struct redis_url *from);

/* The URL for people, its password as "***". Returns out. */
enum { REDIS_URL_TEXT_SIZE = 1024 };
const char *redis_url_print(const struct redis_url *u, char out[REDIS_URL_TEXT_SIZE]);

/* Whether this build can speak TLS to Redis. */
bool redis_url_has_tls(void);

#endif
