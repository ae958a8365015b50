/* watch_fixture.h - processes that watch for ended sessions, over a real Redis and a played store.
 *
 * The store is played, and the clock is led astray by the linker (--wrap=clock_wall), so that the
 * table, the answers and the time of day are as a test likes. */
#ifndef TEST_WATCH_FIXTURE_H
#define TEST_WATCH_FIXTURE_H

#include "rig.h"

#include "loginsvc/sessions/revocation_watch.h"
#include "server.h"
#include "sys/clock.h"

enum { SOON_MS = 5000, HOUR_MS = 3600 * 1000, ROWS_MAX = 4000 };

/* Added to what all who ask for the time of day are told. */
extern int64_t clock_ahead_ms;

/* ---- the store ---- */

/* What all have in common. */
struct table {
    struct store_revocation rows[ROWS_MAX]; /* in order of revoked_at */
    size_t n_rows;
};

/* One process's way to it. */
struct store {
    struct loop *loop;
    struct table *table;
    int questions;      /* ever */
    bool full, failing; /* how it answers */
    bool holding;       /* only when told to */

    bool asked; /* a question is under way: */
    wall_ms_t revoked_at, now;
    char sid[SESSION_ID_SIZE];
    struct store_caller caller;
};

void store_answer(struct store *s);

/* The id of the session with this number; in memory of one of the next four calls. */
const char *sid_of(unsigned number);

/* Session `number` is ended in the table, as if `ago_ms` before now. */
void write_row(struct table *t, unsigned number, int64_t ago_ms);

/* ---- processes ---- */

struct bench {
    struct loop *loop;
    struct server *server;
    struct table *table;
    struct store *store, *other_store; /* of the first process and of the other one */
};

struct bench bench_open(void);
void bench_close(struct bench *b);

struct process {
    struct loop *loop;
    struct redis_client *client;
    struct redis_subscriber *subscriber;
    struct store *store;
    struct revocation_watch *watch;
};

/* Nothing is read for reasons of time. */
extern const struct revocation_watch_options untimed;

struct process process_start(struct bench *b, struct store *s,
                             const struct revocation_watch_options *o);

/* One that listens, has read the table since then, and has no reason left to read it. It has heard
 * one message. */
struct process process_settled(struct bench *b, struct store *s,
                               const struct revocation_watch_options *o);

void process_stop(struct process *p);

struct revocation_watch_stats stats(const struct process *p);
bool has(const struct process *p, unsigned number);

/* n sessions from number `first` on were ended. */
void announce(struct process *p, unsigned first, size_t n);

/* Says it on the channel, as any client of Redis might. */
void publish(struct process *p, const char *message);

#endif
