/* status - a table of the apps. */
#include "tokend/ctl/ctl.h"
#include "tokend/ctl/duration.h"
#include "tokend/ctl/json.h"
#include "tokend/ctl/table.h"

static const char *const headings[] = {"APP",     "MODE",     "STATE", "VERSION",
                                       "EXPIRES", "PREVIOUS", "ERROR", "LEADER"};

enum { CELL_SIZE = 128 };

static json_int_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* Who leads: what tokend knows of it, or itself. */
static struct slice leader_of(const json_t *answer)
{
    struct slice leader = json_text(answer, "leader");
    bool leads = json_is_true(json_object_get(answer, "leading"));
    return leader.n == 0 && leads ? json_text(answer, "instance") : leader;
}

static void add_text(struct table *t, const struct text *cell)
{
    table_add(t, (struct slice){cell->p, cell->n});
}

static void add_version(struct table *t, const json_t *app)
{
    char bytes[CELL_SIZE];
    struct text cell = text_init(bytes, sizeof bytes);
    if (number(app, "version") > 0)
        text_fmt(&cell, "%" JSON_INTEGER_FORMAT, number(app, "version"));
    add_text(t, &cell);
}

static void add_duration(struct table *t, json_int_t seconds, bool is_one)
{
    char bytes[CELL_SIZE];
    struct text cell = text_init(bytes, sizeof bytes);
    if (is_one)
        duration_write(&cell, seconds);
    add_text(t, &cell);
}

/* "operator 40125", "backoff" */
static void add_error(struct table *t, const json_t *app)
{
    char bytes[CELL_SIZE];
    struct text cell = text_init(bytes, sizeof bytes);
    struct slice class = json_text(app, "last_error");
    if (!slice_is(class, "none"))
        text_add(&cell, class);
    if (cell.n > 0 && number(app, "last_errcode") != 0)
        text_fmt(&cell, " %" JSON_INTEGER_FORMAT, number(app, "last_errcode"));
    add_text(t, &cell);
}

static void add_app(struct table *t, const json_t *app, struct slice leader)
{
    bool has_token = json_is_true(json_object_get(app, "has_token"));
    json_int_t previous = number(app, "previous_usable_for");
    table_add(t, json_text(app, "appid"));
    table_add(t, json_text(app, "mode"));
    table_add(t, json_text(app, "state"));
    add_version(t, app);
    add_duration(t, number(app, "expires_in"), has_token);
    add_duration(t, previous, previous > 0);
    add_error(t, app);
    table_add(t, leader);
}

static void print_table(const json_t *answer)
{
    struct table *t = table_new(headings, ARRAY_LEN(headings));
    const json_t *apps = json_object_get(answer, "apps");
    struct slice leader = leader_of(answer);
    for (size_t i = 0; i < json_array_size(apps); i++)
        add_app(t, json_array_get(apps, i), leader);
    table_write(t, stdout);
    table_free(t);
}

enum ctl_exit ctl_status(const struct ctl *c)
{
    struct trouble why;
    json_t *answer = remote_get(c->remote, "/v1/apps", &why);
    if (!answer)
        return ctl_fail(why.line);
    if (c->settings->json)
        json_line(answer, stdout);
    else
        print_table(answer);
    json_decref(answer);
    return CTL_OK;
}
