#include "town.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct metric_family table[] = {TEST_METRICS(METRIC_FAMILY)};

struct metrics *work_silently(struct board *b, int slot)
{
    struct metrics *m = metrics_new_shared(board_slot(b, slot));
    metrics_register(m, table, ARRAY_LEN(table));
    return m;
}

struct metrics *work(struct board *b, int slot)
{
    struct metrics *m = work_silently(b, slot);
    publish(m, 0);
    return m;
}

static struct town *town_of(size_t slot_size)
{
    struct town *t = xcalloc(1, sizeof *t);
    t->board = board_new(WORKERS, slot_size);
    assert_non_null(t->board);
    for (int i = 0; i < WORKERS; i++)
        t->worker[i] = work(t->board, i);
    return t;
}

int town_up(void **state)
{
    *state = town_of(BOARD_SLOT_SIZE);
    return 0;
}

int town_up_small(void **state)
{
    *state = town_of(SMALL);
    return 0;
}

int town_down(void **state)
{
    struct town *t = *state;
    for (int i = 0; i < WORKERS; i++)
        metrics_free(t->worker[i]);
    board_free(t->board);
    free(t);
    return 0;
}

void replace(struct town *t, int slot)
{
    metrics_free(t->worker[slot]);
    t->worker[slot] = work(t->board, slot);
}

void publish(struct metrics *m, int64_t ms)
{
    metrics_publish(m, (mono_ms_t){1000000 + ms});
}

void add(struct metrics *m, const char *path, uint64_t n)
{
    counter_add(metrics_counter(m, &table[CALLS], METRIC_LABELS(path, "done")), n);
}

void set(struct metrics *m, int family, double value)
{
    gauge_set(metrics_gauge(m, &table[family], NULL), value);
}

void set_life(struct metrics *m, const char *appid, double value)
{
    gauge_set(metrics_gauge(m, &table[LIFE], METRIC_LABELS(appid)), value);
}

bool page_has(struct metrics *m, const char *part)
{
    size_t n;
    char *text = metrics_text(m, &n);
    bool has = strstr(text, part) != NULL;
    free(text);
    return has;
}

void assert_all_write(const struct town *t, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    for (int i = 0; i < WORKERS; i++) {
        if (!page_has(t->worker[i], whole))
            fail_msg("worker %d does not write: %s", i, line);
    }
}

void assert_none_writes(const struct town *t, const char *part)
{
    for (int i = 0; i < WORKERS; i++)
        assert_false(page_has(t->worker[i], part));
}
