/* mysql_fault.h - what the error numbers of MySQL, MariaDB, TiDB and their client library mean.
 *
 * Pure. */
#ifndef USERS_MYSQL_FAULT_H
#define USERS_MYSQL_FAULT_H

#include <stdbool.h>

#include "base/err.h"

struct mysql_fault {
    enum err_class class;
    bool conflict; /* it met another transaction; nothing is changed once it is rolled back */
    bool lost;     /* the connection is of no more use */
};

/* A number that is not known is a bug of ours. `detail` is the text that came with it: all trouble
 * with TLS has one number. */
struct mysql_fault mysql_fault_of(unsigned number, const char *detail);

/* ": what the operator can do", where the text alone does not say so; else "". `tls`: DATABASE_TLS
 * is on. Constant. */
const char *mysql_fault_advice(unsigned number, const char *detail, bool tls);

#endif
