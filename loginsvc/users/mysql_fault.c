#include "loginsvc/users/mysql_fault.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"

enum { ACCESS_DENIED = 1045, CLIENT_FIRST = 2000, TLS_TROUBLE = 2026, CLIENT_LAST = 2999 };

#define HOST_3_3     "Validation of SSL server certificate failed"
#define HOST_3_4     "Hostname verification failed"
#define OUT_OF_DATE  ": renew it, or set the clock"
#define NOT_OUR_CA   ": DATABASE_TLS_CA must hold the CA that signed it"
#define NOT_OUR_HOST ": its certificate is not for the host of DATABASE_URL"
#define NO_CA        ": the file of DATABASE_TLS_CA cannot be read any more"

#define AWAY(number)                                                                               \
    {                                                                                              \
        number,                                                                                    \
        {                                                                                          \
            ERR_BACKOFF, false, false                                                              \
        }                                                                                          \
    }
#define LOST(number)                                                                               \
    {                                                                                              \
        number,                                                                                    \
        {                                                                                          \
            ERR_BACKOFF, false, true                                                               \
        }                                                                                          \
    }
#define OPERATOR(number)                                                                           \
    {                                                                                              \
        number,                                                                                    \
        {                                                                                          \
            ERR_OPERATOR, false, false                                                             \
        }                                                                                          \
    }
/* Another server may have taken over, or may be let in where this one was not. */
#define WRONG_SERVER(number)                                                                       \
    {                                                                                              \
        number,                                                                                    \
        {                                                                                          \
            ERR_OPERATOR, false, true                                                              \
        }                                                                                          \
    }
#define CONFLICT(number, class)                                                                    \
    {                                                                                              \
        number,                                                                                    \
        {                                                                                          \
            class, true, false                                                                     \
        }                                                                                          \
    }

static const struct {
    unsigned number;
    struct mysql_fault fault;
} faults[] = {
    CONFLICT(1020, ERR_RETRY),   /* record changed since it was read (MariaDB) */
    CONFLICT(1062, ERR_BUG),     /* duplicate key: another one inserted it first */
    CONFLICT(1205, ERR_BACKOFF), /* lock wait timeout */
    CONFLICT(1213, ERR_RETRY),   /* deadlock */
    CONFLICT(1452, ERR_BUG),     /* no parent row: another one deleted it */
    CONFLICT(1615, ERR_RETRY),   /* the statement must be prepared again */
    CONFLICT(3101, ERR_RETRY),   /* refused by the other members of the group */
    CONFLICT(8002, ERR_RETRY),   /* TiDB: conflict of SELECT ... FOR UPDATE */
    CONFLICT(8005, ERR_RETRY),   /* TiDB: write conflict in its memory */
    CONFLICT(8022, ERR_RETRY),   /* TiDB: the commit failed and may be repeated */
    CONFLICT(8028, ERR_RETRY),   /* TiDB: the schema changed meanwhile */
    CONFLICT(9007, ERR_RETRY),   /* TiDB: write conflict in TiKV */

    LOST(1053), /* shutdown in progress */
    LOST(1080), /* forced close */
    LOST(1152), /* aborted connection */
    LOST(1158), /* network: read error, and the next three */
    LOST(1159), /* read timeout */
    LOST(1160), /* write error */
    LOST(1161), /* write timeout */
    LOST(1184), /* aborted connection */
    LOST(1243), /* statement unknown: something between us and the server changed servers */
    LOST(1927), /* connection killed (MariaDB) */
    LOST(4031), /* idle for too long (MySQL) */
    AWAY(1037), /* out of memory */
    AWAY(1040), /* too many connections */
    AWAY(1041), /* out of memory */
    AWAY(1047), /* Galera: the node is not ready */
    AWAY(1203), /* too many connections of this user */
    AWAY(1206), /* the table of locks is full */
    AWAY(1226), /* a limit of this user */
    AWAY(1317), /* interrupted */
    AWAY(1637), /* too many transactions */
    AWAY(1969), /* statement took too long (MariaDB) */
    AWAY(3024), /* statement took too long (MySQL) */
    AWAY(9001), /* TiDB: PD server timeout */
    AWAY(9002), /* TiDB: TiKV server timeout */
    AWAY(9003), /* TiDB: TiKV server is busy */
    AWAY(9004), /* TiDB: resolving locks took too long */
    AWAY(9005), /* TiDB: region is unavailable */

    OPERATOR(1021),                     /* disk full */
    OPERATOR(1026),                     /* error on write */
    OPERATOR(1030),                     /* error from the storage engine */
    OPERATOR(1036),                     /* table is read-only */
    OPERATOR(1044),                     /* access denied to the database */
    OPERATOR(ACCESS_DENIED),            /* or TLS required (MariaDB) */
    OPERATOR(1049),                     /* unknown database */
    OPERATOR(1054),                     /* unknown column */
    OPERATOR(1114),                     /* table is full */
    OPERATOR(1129),                     /* host is blocked */
    OPERATOR(1130),                     /* host is not allowed */
    OPERATOR(1142),                     /* command denied */
    OPERATOR(1143),                     /* column denied */
    OPERATOR(1146),                     /* no such table */
    OPERATOR(1193),                     /* unknown system variable */
    OPERATOR(1227),                     /* privilege needed */
    OPERATOR(1251),                     /* authentication not supported */
    OPERATOR(1461),                     /* too many prepared statements */
    OPERATOR(1524),                     /* plugin not loaded */
    OPERATOR(1698),                     /* access denied */
    OPERATOR(1820),                     /* password must be changed */
    OPERATOR(1862),                     /* password expired */
    OPERATOR(3118),                     /* account is locked (MySQL) */
    OPERATOR(3159),                     /* TLS required */
    OPERATOR(4151),                     /* account is locked (MariaDB) */
    WRONG_SERVER(1290),                 /* --read-only */
    WRONG_SERVER(1792),                 /* read-only transaction */
    WRONG_SERVER(1836),                 /* read-only mode */
    WRONG_SERVER(2059),                 /* client: authentication plugin cannot be loaded */
    WRONG_SERVER(2061),                 /* client: authentication plugin failed */
    {1180, {ERR_UNKNOWN, false, true}}, /* error during commit */
};

/* All of TLS_TROUBLE, by a part of its text; the last one fits whatever is left. */
static const struct tls_trouble {
    const char *part;
    enum err_class class;
    const char *advice;
} tls_troubles[] = {
    {"eof", ERR_BACKOFF, ""}, /* the server hung up */
    {"not support it", ERR_OPERATOR, ": switch it on there, DATABASE_TLS=on asks for it"},
    {"xpired", ERR_OPERATOR, OUT_OF_DATE},
    {"not yet valid", ERR_OPERATOR, OUT_OF_DATE},
    {HOST_3_3, ERR_OPERATOR, NOT_OUR_HOST},
    {HOST_3_4, ERR_OPERATOR, NOT_OUR_HOST},
    {"No such file", ERR_OPERATOR, NO_CA},
    {"Permission denied", ERR_OPERATOR, NO_CA},
    {" (", ERR_BACKOFF, ""}, /* another errno: of the socket */
    {"issuer", ERR_OPERATOR, NOT_OUR_CA},
    {"self-signed", ERR_OPERATOR, NOT_OUR_CA},
    {"self signed", ERR_OPERATOR, NOT_OUR_CA},
    {"verify failed", ERR_OPERATOR, NOT_OUR_CA},
    {"not trusted", ERR_OPERATOR, NOT_OUR_CA},
    {"", ERR_OPERATOR, ""},
};

static const struct tls_trouble *tls_trouble_of(const char *detail)
{
    const struct tls_trouble *t = tls_troubles;
    while (!strstr(detail, t->part))
        t++;
    return t;
}

struct mysql_fault mysql_fault_of(unsigned number, const char *detail)
{
    if (number == TLS_TROUBLE)
        return (struct mysql_fault){tls_trouble_of(detail)->class, false, true};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        if (faults[i].number == number)
            return faults[i].fault;
    }
    if (number >= CLIENT_FIRST && number <= CLIENT_LAST)
        return (struct mysql_fault){ERR_BACKOFF, false, true};
    return (struct mysql_fault){ERR_BUG, false, false};
}

const char *mysql_fault_advice(unsigned number, const char *detail, bool tls)
{
    if (number == ACCESS_DENIED && !tls)
        return ": the password is wrong, or it asks for DATABASE_TLS=on";
    if (strstr(detail, "insecure transport")) /* 3159, of TiDB Cloud 1105 */
        return ": it asks for DATABASE_TLS=on";
    return number == TLS_TROUBLE ? tls_trouble_of(detail)->advice : "";
}
