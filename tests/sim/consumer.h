/* consumer.h - who reads Redis and uses the token: reports one that WeChat refuses, now and then a
 * good one too, and an operator who orders a new one. What they see, the judge sees. */
#ifndef SIM_CONSUMER_H
#define SIM_CONSUMER_H

#include <stdint.h>

struct world;

struct consumer {
    int64_t reported; /* the last version, where each is reported once */
};

void consumer_read(struct world *w);

#endif
