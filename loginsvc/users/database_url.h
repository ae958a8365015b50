/* database_url.h - DATABASE_URL taken apart. Pure. */
#ifndef USERS_DATABASE_URL_H
#define USERS_DATABASE_URL_H

#include <stdint.h>

#include "base/check.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

enum database_kind { DATABASE_SQLITE, DATABASE_MYSQL };

enum {
    DATABASE_PATH_SIZE = 1024,
    DATABASE_HOST_SIZE = 254,
    DATABASE_NAME_SIZE = 65,
    DATABASE_USER_SIZE = 81,
    DATABASE_URL_MAX = 2048,
};

struct database_url {
    enum database_kind kind;
    char path[DATABASE_PATH_SIZE]; /* sqlite: absolute */
    char host[DATABASE_HOST_SIZE]; /* mysql, from here on; an IPv6 address without brackets */
    uint16_t port;
    char user[DATABASE_USER_SIZE];
    struct secret password;
    char name[DATABASE_NAME_SIZE]; /* of the database */
};

/* sqlite:///absolute/path or mysql://user[:password]@host[:port]/database, parts percent-decoded.
 * False with a line in *e that says what was expected and never shows the password; *u is then
 * empty. Freed with database_url_wipe. */
bool database_url_parse(struct slice text, struct database_url *u, struct err *e) MUST_CHECK;

void database_url_wipe(struct database_url *u);

#endif
