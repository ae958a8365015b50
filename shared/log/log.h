/* log.h - structured log lines on stderr: one event, one line, control bytes escaped.
 *
 *   log_info("refresh.committed", LOG_STR("appid", appid), LOG_INT("version", version));
 *
 * The event is a dotted name that never varies; all that varies stands in fields. Always at least
 * one field: the object that the line is about. No secret goes into a field, ever: tokens, codes,
 * phones and JWTs are left out, not masked. Text form on a terminal, JSON elsewhere (LOG_FORMAT).
 * Any thread; a line is one write(2). */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON, LOG_AUTO }; /* auto: text on a terminal, else JSON */

enum log_kind { LOG_KIND_END, LOG_KIND_STR, LOG_KIND_INT, LOG_KIND_BOOL };

struct log_field {
    const char *name;
    enum log_kind kind;
    struct slice str; /* borrowed for the call */
    int64_t num;
};

#define LOG_STR(name, s)   ((struct log_field){(name), LOG_KIND_STR, slice_of(s), 0})
#define LOG_SLICE(name, s) ((struct log_field){(name), LOG_KIND_STR, (s), 0})
#define LOG_INT(name, v)   ((struct log_field){(name), LOG_KIND_INT, {NULL, 0}, (int64_t)(v)})
#define LOG_BOOL(name, v)  ((struct log_field){(name), LOG_KIND_BOOL, {NULL, 0}, (v) ? 1 : 0})
#define LOG_FIELDS_END     ((struct log_field){NULL, LOG_KIND_END, {NULL, 0}, 0})
#define LOG_FIELDS(...)    ((const struct log_field[]){__VA_ARGS__, LOG_FIELDS_END})

/* Sets what is written from now on; `program` (borrowed for ever) is named in every line. */
void log_init(const char *program, enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/* fields ends with LOG_FIELDS_END; use the macros below. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define log_at(level, event, ...)                                                                  \
    (log_enabled(level) ? log_write((level), (event), LOG_FIELDS(__VA_ARGS__)) : (void)0)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_at(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)

/* For lines that a peer can cause at will: lets `burst` lines of one call site pass in each period,
 * then swallows the rest and says how many when the next period opens. Keep one static per site. */
struct log_limit {
    int64_t period_ms;
    int burst;
    int64_t window_start_ms; /* mono ms; 0 at first */
    int passed;
    int64_t swallowed;
};

#define LOG_LIMIT_INIT(period_ms, burst)                                                           \
    {                                                                                              \
        (period_ms), (burst), 0, 0, 0                                                              \
    }

/* True when the line may be written; *swallowed is then the number left out since the last one.
 * Loop thread only. */
bool log_limit_pass(struct log_limit *l, int64_t *swallowed) MUST_CHECK;

#endif
