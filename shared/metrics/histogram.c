#include "metrics/metrics.h"

static const struct {
    int64_t us;
    const char *le;
} buckets[HISTOGRAM_BUCKETS] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {INT64_MAX, "+Inf"},
};

void histogram_observe_us(struct histogram *h, int64_t us)
{
    if (us < 0)
        us = 0;
    size_t i = 0;
    while (us > buckets[i].us)
        i++;
    h->in_bucket[i]++;
    h->sum_us += (uint64_t)us;
}

const char *histogram_bound(size_t bucket)
{
    ASSERT(bucket < HISTOGRAM_BUCKETS);
    return buckets[bucket].le;
}
