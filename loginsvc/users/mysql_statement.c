#include "loginsvc/users/mysql_statement.h"

#include <stdlib.h>
#include <string.h>

/* Our longest column has 1,024 characters of 4 bytes. */
enum { COLUMN_BYTES_MAX = 8192, CHARSET_BINARY = 63 };

/* Where the library puts one column of a row. */
struct cell {
    enum db_type type;
    int64_t num;
    char *bytes;
    unsigned long size, length;
    my_bool is_null, cut;
};

struct mysql_statement {
    struct mysql_conn *conn;
    MYSQL_STMT *raw;
    size_t n_params, n_columns;
    struct cell cells[QUERY_COLUMNS_MAX];
};

static bool failed(struct mysql_statement *s, struct db_error *e)
{
    return mysql_conn_fail(s->conn, mysql_stmt_errno(s->raw), mysql_stmt_error(s->raw), e);
}

/* ---- the library's calls ---- */

static bool prepare(struct mysql_statement *s, const char *text, struct db_error *e)
{
    int code = 0;
    int wanted = mysql_stmt_prepare_start(&code, s->raw, text, strlen(text));
    while (wanted)
        wanted = mysql_stmt_prepare_cont(&code, s->raw, mysql_conn_wait(s->conn, wanted));
    return code == 0 || failed(s, e);
}

static bool execute(struct mysql_statement *s, struct db_error *e)
{
    int code = 0;
    int wanted = mysql_stmt_execute_start(&code, s->raw);
    while (wanted)
        wanted = mysql_stmt_execute_cont(&code, s->raw, mysql_conn_wait(s->conn, wanted));
    return code == 0 || failed(s, e);
}

/* All rows at once: fetching them waits for nobody. */
static bool store_rows(struct mysql_statement *s, struct db_error *e)
{
    int code = 0;
    int wanted = mysql_stmt_store_result_start(&code, s->raw);
    while (wanted)
        wanted = mysql_stmt_store_result_cont(&code, s->raw, mysql_conn_wait(s->conn, wanted));
    return code == 0 || failed(s, e);
}

/* ---- parameters ---- */

/* NULL bytes would mean NULL to the library. It does not write to any of them. */
static void *bytes_of(struct slice s)
{
    return (void *)(uintptr_t)(s.n ? s.p : "");
}

static MYSQL_BIND bind_param(const struct db_value *v)
{
    switch (v->type) {
    case DB_NULL:
        break;
    case DB_INT:
        return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG,
                            .buffer = (void *)(uintptr_t)&v->num};
    case DB_TEXT:
        return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                            .buffer = bytes_of(v->bytes),
                            .buffer_length = v->bytes.n};
    case DB_BLOB:
        return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_BLOB,
                            .buffer = bytes_of(v->bytes),
                            .buffer_length = v->bytes.n};
    }
    return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_NULL};
}

static bool run(struct mysql_statement *s, const struct db_value *params, struct db_error *e)
{
    MYSQL_BIND binds[QUERY_PARAMS_MAX];
    for (size_t i = 0; i < s->n_params; i++) {
        binds[i] = bind_param(&params[i]);
        binds[i].length = &binds[i].buffer_length;
    }
    if (s->n_params && mysql_stmt_bind_param(s->raw, binds))
        return failed(s, e);
    return execute(s, e);
}

/* ---- rows ---- */

static enum db_type type_of(const MYSQL_FIELD *field)
{
    if (IS_NUM(field->type))
        return DB_INT;
    return field->charsetnr == CHARSET_BINARY ? DB_BLOB : DB_TEXT;
}

static MYSQL_BIND bind_cell(struct cell *cell, const MYSQL_FIELD *field)
{
    cell->type = type_of(field);
    if (cell->type == DB_INT)
        return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG,
                            .buffer = &cell->num,
                            .is_null = &cell->is_null,
                            .error = &cell->cut};
    cell->size = field->length < COLUMN_BYTES_MAX ? field->length : COLUMN_BYTES_MAX;
    cell->bytes = xcalloc(1, cell->size + 1);
    return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_BLOB,
                        .buffer = cell->bytes,
                        .buffer_length = cell->size,
                        .length = &cell->length,
                        .is_null = &cell->is_null,
                        .error = &cell->cut};
}

static bool bind_cells(struct mysql_statement *s, struct db_error *e)
{
    MYSQL_BIND binds[QUERY_COLUMNS_MAX];
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(s->raw);
    s->n_columns = mysql_stmt_field_count(s->raw);
    ASSERT(s->n_columns <= QUERY_COLUMNS_MAX);
    for (size_t i = 0; i < s->n_columns; i++)
        binds[i] = bind_cell(&s->cells[i], &fields[i]);
    return s->n_columns == 0 || !mysql_stmt_bind_result(s->raw, binds) || failed(s, e);
}

static struct db_value value_of(const struct cell *cell)
{
    if (cell->is_null)
        return db_null();
    if (cell->type == DB_INT)
        return db_int(cell->num);
    return (struct db_value){cell->type, 0, {cell->bytes, cell->length}};
}

static void give_row(struct mysql_statement *s, db_row_fn *on_row, void *arg)
{
    struct db_value columns[QUERY_COLUMNS_MAX];
    for (size_t i = 0; i < s->n_columns; i++)
        columns[i] = value_of(&s->cells[i]);
    if (on_row)
        on_row(columns, arg);
}

static bool give_rows(struct mysql_statement *s, db_row_fn *on_row, void *arg, struct db_error *e)
{
    int code;
    while ((code = mysql_stmt_fetch(s->raw)) == 0)
        give_row(s, on_row, arg);
    if (code == MYSQL_NO_DATA)
        return true;
    if (code == MYSQL_DATA_TRUNCATED)
        return db_fail(e, ERR_BUG, "mysql: a column holds more than there is room for");
    return failed(s, e);
}

/* ---- */

struct mysql_statement *mysql_statement_new(struct mysql_conn *c, const char *text,
                                            struct db_error *e)
{
    struct mysql_statement *s = xcalloc(1, sizeof *s);
    s->conn = c;
    s->raw = mysql_stmt_init(c->raw);
    ASSERT(s->raw != NULL);
    if (prepare(s, text, e) && bind_cells(s, e)) {
        s->n_params = mysql_stmt_param_count(s->raw);
        ASSERT(s->n_params <= QUERY_PARAMS_MAX);
        return s;
    }
    mysql_statement_free(s);
    return NULL;
}

void mysql_statement_free(struct mysql_statement *s)
{
    if (!s)
        return;
    mysql_stmt_close(s->raw);
    for (size_t i = 0; i < s->n_columns; i++)
        free(s->cells[i].bytes);
    free(s);
}

bool mysql_statement_run(struct mysql_statement *s, const struct db_value *params,
                         db_row_fn *on_row, void *arg, struct db_error *e)
{
    if (!run(s, params, e))
        return false;
    if (!mysql_statement_gives_rows(s))
        return true;
    bool given = store_rows(s, e) && give_rows(s, on_row, arg, e);
    mysql_stmt_free_result(s->raw);
    return given;
}

bool mysql_statement_gives_rows(const struct mysql_statement *s)
{
    return s->n_columns > 0;
}

int64_t mysql_statement_changes(const struct mysql_statement *s)
{
    return (int64_t)mysql_stmt_affected_rows(s->raw);
}

int64_t mysql_statement_last_id(const struct mysql_statement *s)
{
    return (int64_t)mysql_stmt_insert_id(s->raw);
}
