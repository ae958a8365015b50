/* sim_refresh - runs the refresh protocol through many seeded worlds.
 *
 *   sim_refresh [--first N] [--seeds N] [--seed S] [--trace] [--plant FAULT]
 *
 * Exit 0 when every invariant held in every world. With --plant one of the protocol's rules is
 * broken on purpose, and the exit code is 0 only if that was found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/world.h"

struct options {
    int64_t first, seeds;
    bool trace;
    enum plant plant;
};

static const char *const plants[] = {
#define X(name, text) text,
    PLANTS(X)
#undef X
};

static bool parse_plant(const char *name, enum plant *out)
{
    for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
        if (strcmp(name, plants[i]) == 0) {
            *out = (enum plant)i;
            return true;
        }
    }
    return false;
}

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        bool ok = true;
        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
            continue;
        }
        if (strcmp(argv[i], "--first") == 0) {
            ok = slice_to_int(slice_of(value), 0, INT64_MAX, &o->first);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            ok = slice_to_int(slice_of(value), 1, INT64_MAX, &o->seeds);
        } else if (strcmp(argv[i], "--seed") == 0) {
            ok = slice_to_int(slice_of(value), 0, INT64_MAX, &o->first);
            o->seeds = 1;
        } else if (strcmp(argv[i], "--plant") == 0) {
            ok = parse_plant(value, &o->plant);
        } else {
            ok = false;
        }
        if (!ok)
            return false;
        i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.first = 1, .seeds = 1000};
    static struct world w;
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: sim_refresh [--first N] [--seeds N] [--seed S] [--trace] "
                        "[--plant FAULT]\nFAULT is one of:");
        for (size_t i = 1; i < ARRAY_LEN(plants); i++)
            fprintf(stderr, " %s", plants[i]);
        fprintf(stderr, "\n");
        return 2;
    }
    int64_t events = 0, issued = 0;
    double slowest = 0;
    for (int64_t i = 0; i < o.seeds; i++) {
        uint64_t seed = (uint64_t)(o.first + i);
        bool ok = world_run(&w, seed, o.plant, o.trace);
        events += (int64_t)w.queue.next_seq;
        issued += w.wechat.issued;
        slowest = w.judge.slowest > slowest ? w.judge.slowest : slowest;
        if (ok)
            continue;
        printf("seed %llu: %s\n", (unsigned long long)seed, w.judge.why);
        if (o.plant != PLANT_NONE) {
            printf("the planted fault was found after %lld worlds\n", (long long)i + 1);
            return 0;
        }
        if (!o.trace)
            (void)world_run(&w, seed, o.plant, true);
        printf("run again with: sim_refresh --seed %llu --trace\n", (unsigned long long)seed);
        return 1;
    }
    printf("%lld worlds, %lld events, %lld issuances, slowest recovery %.0f %% of its bound: %s\n",
           (long long)o.seeds, (long long)events, (long long)issued, 100 * slowest,
           o.plant == PLANT_NONE ? "every invariant held" : "the planted fault was NOT found");
    return o.plant == PLANT_NONE ? 0 : 1;
}
