#include "loginsvc/users/operation.h"

#include <stdlib.h>

#include "base/secret.h"

bool operation_writes(const struct operation *op)
{
    static const bool writes_of[OPERATION_COUNT] = {
#define X(name, writes, function) [name] = (writes),
        OPERATION_TABLE(X)
#undef X
    };
    return writes_of[op->kind];
}

static void forget_result(struct operation *op)
{
    free(op->result.sessions);
    free(op->result.revocations);
    bytes_wipe(&op->result, sizeof op->result);
}

bool operation_run(struct operation *op, struct db *db, const struct phone_vault *vault,
                   struct db_error *e)
{
    static bool (*const functions[OPERATION_COUNT])(struct operation_context *) = {
#define X(name, writes, function) [name] = (function),
        OPERATION_TABLE(X)
#undef X
    };
    if (op->invalid)
        return db_fail(e, ERR_BUG, "an input does not fit its field");
    forget_result(op); /* of a run that was undone */
    return functions[op->kind](&(struct operation_context){op, db, vault, e});
}

bool operation_end(struct operation_context *r, enum store_status status)
{
    r->op->result.status = status;
    return true;
}

void operation_fail(struct operation *op, const struct db_error *e)
{
    ASSERT(e->class != ERR_NONE);
    forget_result(op);
    op->result.status = STORE_FAILED;
    op->result.class = e->class;
    op->result.err = e->line;
}

void operation_clear(struct operation *op)
{
    forget_result(op);
    bytes_wipe(op, sizeof *op);
}
