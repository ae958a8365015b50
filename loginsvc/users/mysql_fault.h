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

/* One that is not known is a bug of ours. */
struct mysql_fault mysql_fault_of(unsigned number);

#endif
