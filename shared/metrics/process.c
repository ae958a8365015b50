/* What every process tells of itself, under the names that Prometheus's own clients use. The limit
 * of open files is each process's own, so of several the one that is nearest to it is shown. */
#include "metrics/metrics.h"
#include "sys/usage.h"

#define PROCESS_METRICS(X)                                                                         \
    X(GAUGE_HIGHEST, BUILD_INFO, "house_build_info", "program,version",                            \
      "Always 1: what is running")                                                                 \
    X(GAUGE_LOWEST, START_TIME, "process_start_time_seconds", "", "Unix time of the start")        \
    X(COUNTER, CPU, "process_cpu_seconds_total", "", "User and system time of all threads")        \
    X(GAUGE, RESIDENT, "process_resident_memory_bytes", "", "Memory that stands in RAM")           \
    X(GAUGE_HIGHEST, OPEN_FILES, "process_open_fds", "", "Open file descriptors")                  \
    X(GAUGE_LOWEST, MAX_FILES, "process_max_fds", "", "Most open file descriptors; -1 is no limit")

enum { PROCESS_METRICS(METRIC_ID) };
static const struct metric_family families[] = {PROCESS_METRICS(METRIC_FAMILY)};

static void collect(void *arg)
{
    struct metrics *m = arg;
    struct usage now = usage_read();
    metrics_follow(m, &families[CPU], NULL, (uint64_t)now.cpu_us);
    gauge_set(metrics_gauge(m, &families[RESIDENT], NULL), (double)now.resident_bytes);
    gauge_set(metrics_gauge(m, &families[OPEN_FILES], NULL), (double)now.open_files);
    gauge_set(metrics_gauge(m, &families[MAX_FILES], NULL), (double)now.max_open_files);
}

void metrics_add_process(struct metrics *m, const char *program, const char *version)
{
    metrics_register(m, families, ARRAY_LEN(families));
    gauge_set(metrics_gauge(m, &families[BUILD_INFO], METRIC_LABELS(program, version)), 1);
    gauge_set(metrics_gauge(m, &families[START_TIME], NULL),
              (double)usage_read().started_at.ms / 1000);
    metrics_on_collect(m, collect, m);
}
