/* Open addressing with linear probing, at most four fifths full. The place where an id belongs is
 * its hash scaled to the number of places, so that the table may have any size: the last one is cut
 * to the limit. Who is removed leaves no mark behind; those after him move up. */
#include "loginsvc/sessions/revocations.h"

#include <stdlib.h>
#include <string.h>

#include "loginsvc/sessions/session.h"

enum {
    ID_SIZE = 16,
    PLACES_MIN = 64,
    LIMIT_MAX = 100 * 1000 * 1000,
    RIVALS = 32, /* of whom one gives way when the set is full */
};

struct entry {
    uint8_t id[ID_SIZE];
    int64_t until_ms; /* 0: free */
};

struct revocations {
    struct entry *places;
    size_t n_places; /* below 2^32 */
    size_t n_places_max;
    size_t count;
    size_t limit;
    uint64_t seed;
    uint64_t lost;
};

/* ---- ids and places ---- */

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static bool id_of(struct slice sid, uint8_t id[ID_SIZE])
{
    if (!session_id_valid(sid))
        return false;
    for (size_t i = 0; i < ID_SIZE; i++)
        id[i] = (uint8_t)(digit(sid.p[2 * i]) << 4 | digit(sid.p[2 * i + 1]));
    return true;
}

/* The finalizer of MurmurHash3 (Appleby, public domain). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdU;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53U;
    return x ^ x >> 33;
}

static size_t home_of(const struct revocations *r, const uint8_t id[ID_SIZE])
{
    uint64_t half[2];
    memcpy(half, id, ID_SIZE);
    return (size_t)((mix(mix(half[0] ^ r->seed) ^ half[1]) >> 32) * r->n_places >> 32);
}

static size_t after(const struct revocations *r, size_t place)
{
    return place + 1 == r->n_places ? 0 : place + 1;
}

static bool is_free(const struct revocations *r, size_t place)
{
    return r->places[place].until_ms == 0;
}

/* Where it is, or the free place where it would be put. */
static size_t find(const struct revocations *r, const uint8_t id[ID_SIZE])
{
    size_t place = home_of(r, id);
    while (!is_free(r, place) && memcmp(r->places[place].id, id, ID_SIZE) != 0)
        place = after(r, place);
    return place;
}

/* ---- making room ---- */

static void grow(struct revocations *r)
{
    struct entry *old = r->places;
    size_t n_old = r->n_places;
    r->n_places = n_old * 2 < r->n_places_max ? n_old * 2 : r->n_places_max;
    r->places = xcalloc(r->n_places, sizeof *r->places);
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].until_ms != 0)
            r->places[find(r, old[i].id)] = old[i];
    }
    free(old);
}

/* May the entry at `from` move to `hole` before it, and be found there? Only when its home is not
 * behind the hole. */
static bool may_move(const struct revocations *r, size_t hole, size_t from)
{
    size_t home = home_of(r, r->places[from].id);
    return hole <= from ? home <= hole || home > from : home <= hole && home > from;
}

static void remove_at(struct revocations *r, size_t hole)
{
    for (size_t at = after(r, hole); !is_free(r, at); at = after(r, at)) {
        if (may_move(r, hole, at)) {
            r->places[hole] = r->places[at];
            hole = at;
        }
    }
    r->places[hole].until_ms = 0;
    r->count--;
}

/* Ids are random, so the neighbours of one are any few of all. False: the new one matters least. */
static bool displace(struct revocations *r, const uint8_t id[ID_SIZE], int64_t until_ms)
{
    size_t place = home_of(r, id), weakest = SIZE_MAX;
    for (int seen = 0; seen < RIVALS && seen < (int)r->count; place = after(r, place)) {
        if (is_free(r, place))
            continue;
        seen++;
        if (weakest == SIZE_MAX || r->places[place].until_ms < r->places[weakest].until_ms)
            weakest = place;
    }
    r->lost++;
    if (r->places[weakest].until_ms >= until_ms)
        return false;
    remove_at(r, weakest);
    return true;
}

static bool make_room(struct revocations *r, const uint8_t id[ID_SIZE], int64_t until_ms)
{
    if (r->count == r->limit)
        return displace(r, id, until_ms);
    if (r->count + 1 > r->n_places / 5 * 4 && r->n_places < r->n_places_max)
        grow(r);
    return true;
}

/* ---- public ---- */

struct revocations *revocations_new(size_t limit, uint64_t seed)
{
    ASSERT(limit >= 1 && limit <= LIMIT_MAX);
    struct revocations *r = xcalloc(1, sizeof *r);
    r->limit = limit;
    r->seed = seed;
    r->n_places_max = limit / 4 * 5 + PLACES_MIN;
    r->n_places = PLACES_MIN;
    r->places = xcalloc(r->n_places, sizeof *r->places);
    return r;
}

void revocations_free(struct revocations *r)
{
    if (!r)
        return;
    free(r->places);
    free(r);
}

bool revocations_add(struct revocations *r, struct slice sid, wall_ms_t until)
{
    uint8_t id[ID_SIZE];
    if (!id_of(sid, id))
        return false;
    if (until.ms <= 0)
        return true; /* has been over since 1970 */
    size_t place = find(r, id);
    if (is_free(r, place)) {
        if (!make_room(r, id, until.ms))
            return true;
        place = find(r, id); /* others may have moved */
        memcpy(r->places[place].id, id, ID_SIZE);
        r->count++;
    }
    if (r->places[place].until_ms < until.ms)
        r->places[place].until_ms = until.ms;
    return true;
}

bool revocations_has(const struct revocations *r, struct slice sid)
{
    uint8_t id[ID_SIZE];
    return id_of(sid, id) && !is_free(r, find(r, id));
}

/* A removal may bring another entry to the place, which is therefore looked at again. What moves to
 * places seen before comes from such places itself, around the end of the table. */
void revocations_purge(struct revocations *r, wall_ms_t now)
{
    for (size_t place = 0; place < r->n_places; place++) {
        while (!is_free(r, place) && r->places[place].until_ms <= now.ms)
            remove_at(r, place);
    }
}

size_t revocations_count(const struct revocations *r)
{
    return r->count;
}

uint64_t revocations_lost(const struct revocations *r)
{
    return r->lost;
}
