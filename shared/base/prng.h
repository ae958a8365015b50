/* prng.h - seeded pseudo-random numbers (xoshiro256**) for jitter and simulation.
 *
 * The same seed gives the same row on every machine. Never for keys, ids or codes: those come from
 * sys/entropy.h. Source: Blackman and Vigna, https://prng.di.unimi.it (public domain). */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_seed(struct prng *r, uint64_t seed);
uint64_t prng_next(struct prng *r);
int64_t prng_between(struct prng *r, int64_t min, int64_t max); /* both ends included */
bool prng_chance(struct prng *r, double p);                     /* true with probability p */

#endif
