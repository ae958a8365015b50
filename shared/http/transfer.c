#include "http/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

enum {
    MAX_HEAD = 64 * 1024, /* of a response, trailers and interim responses included */
    FIRST_BODY = 2048,
};

#define SET(easy, option, value) ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* ---- curl's callbacks ---- */

static int on_about_to_write(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct transfer *t = arg;
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (t->written > 0 && !t->repeatable) {
        t->refused = "the kept-alive connection died under the request";
        return CURL_PREREQFUNC_ABORT;
    }
    t->written++;
    return CURL_PREREQFUNC_OK;
}

/* No realloc: it may leave a copy behind. */
static void grow_body(struct transfer *t, size_t need)
{
    size_t size = t->body_size ? t->body_size : FIRST_BODY;
    while (size < need)
        size *= 2;
    if (size > t->body_max)
        size = t->body_max;
    char *bigger = xcalloc(size, 1);
    if (t->body_n)
        memcpy(bigger, t->body, t->body_n);
    bytes_wipe(t->body, t->body_n);
    free(t->body);
    t->body = bigger;
    t->body_size = size;
}

static bool is_wanted_in_pieces(const struct transfer *t)
{
    long status = 0;
    if (!t->streams)
        return false;
    ASSERT(curl_easy_getinfo(t->item.easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
    return status / 100 == 2;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct transfer *t = arg;
    (void)one;
    if (n > t->body_max - t->body_n) {
        t->refused = "the response is too large";
        return CURL_WRITEFUNC_ERROR;
    }
    if (t->body_n + n > t->body_size)
        grow_body(t, t->body_n + n);
    memcpy(t->body + t->body_n, p, n);
    t->body_n += n;
    if (is_wanted_in_pieces(t))
        multi_tell(t->multi, &t->item);
    return n;
}

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct transfer *t = arg;
    (void)p;
    (void)one;
    t->head_n += n;
    if (t->head_n > MAX_HEAD) {
        t->refused = "the response's head is too large";
        return CURL_WRITEFUNC_ERROR;
    }
    return n;
}

/* ---- making ---- */

static void set_connection_options(CURL *easy, const struct transfer_options *o)
{
    long idle_s = (long)(o->idle_timeout_ms / 1000);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    SET(easy, CURLOPT_MAXAGE_CONN, idle_s > 0 ? idle_s : 1L);
    /* A name that does not resolve in time: let curl's thread go instead of waiting for it, or the
     * loop stands still until the name service gives up. */
    SET(easy, CURLOPT_QUICK_EXIT, 1L);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* With a CAPATH the parsed CA store is not cached: 25 ms for each connection. */
    SET(easy, CURLOPT_CAPATH, NULL);
    if (o->ca_file)
        SET(easy, CURLOPT_CAINFO, o->ca_file);
}

static void set_request_options(struct transfer *t, const struct transfer_options *o)
{
    CURL *easy = t->item.easy;
    SET(easy, CURLOPT_USERAGENT, o->user_agent);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_PREREQFUNCTION, on_about_to_write);
    SET(easy, CURLOPT_PREREQDATA, t);
    SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(easy, CURLOPT_WRITEDATA, t);
    SET(easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(easy, CURLOPT_HEADERDATA, t);
}

struct transfer *transfer_new(struct multi *m, const struct transfer_options *options)
{
    struct transfer *t = xcalloc(1, sizeof *t);
    t->multi = m;
    t->item.easy = curl_easy_init();
    ASSERT(t->item.easy != NULL);
    multi_prepare(m, t->item.easy);
    set_connection_options(t->item.easy, options);
    set_request_options(t, options);
    return t;
}

static void drop_headers(struct transfer *t)
{
    SET(t->item.easy, CURLOPT_HTTPHEADER, NULL);
    for (struct curl_slist *line = t->headers; line; line = line->next)
        bytes_wipe(line->data, strlen(line->data));
    curl_slist_free_all(t->headers);
    free(t->headers_for);
    t->headers = NULL;
    t->headers_for = NULL;
}

void transfer_free(struct transfer *t)
{
    transfer_clear(t);
    drop_headers(t);
    curl_easy_cleanup(t->item.easy);
    free(t);
}

struct slice transfer_take_body(struct transfer *t)
{
    struct slice body = {t->body, t->body_n};
    t->body = NULL;
    t->body_n = t->body_size = 0;
    return body;
}

void transfer_clear(struct transfer *t)
{
    struct slice body = transfer_take_body(t);
    bytes_wipe((char *)body.p, body.n);
    free((char *)body.p);
    if (!t->headers_alike)
        drop_headers(t);
}

/* ---- running ---- */

static void add_header(struct transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->headers, line);
    ASSERT(longer != NULL);
    t->headers = longer;
}

static void add_headers(struct transfer *t, struct slice lines)
{
    while (lines.n > 0) {
        char *line = slice_dup(slice_cut(&lines, '\n'));
        add_header(t, line);
        bytes_wipe(line, strlen(line));
        free(line);
    }
}

/* "Name:" takes a header away that curl would send. Requests of one client are much alike, so the
 * list is kept. */
static void set_headers(struct transfer *t, const char *content_type, struct slice more)
{
    char line[128];
    bool alike = more.n == 0;
    if (alike && t->headers && strcmp(t->headers_for, content_type) == 0)
        return;
    struct text text = text_init(line, sizeof line);
    text_fmt(&text, *content_type ? "Content-Type: %s" : "Content-Type:%s", content_type);
    ASSERT(!text.cut);
    drop_headers(t);
    t->headers_for = xstrdup(content_type);
    t->headers_alike = alike;
    add_header(t, line);
    add_header(t, "Expect:");
    add_headers(t, more);
    SET(t->item.easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct transfer *t, const struct transfer_plan *plan)
{
    CURL *easy = t->item.easy;
    if (plan->method == HTTP_GET) {
        SET(easy, CURLOPT_HTTPGET, 1L);
        set_headers(t, "", plan->headers);
        return;
    }
    ASSERT(plan->method == HTTP_POST);
    SET(easy, CURLOPT_POST, 1L);
    SET(easy, CURLOPT_POSTFIELDS, plan->body.n ? plan->body.p : "");
    SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)plan->body.n);
    set_headers(t, plan->content_type ? plan->content_type : "", plan->headers);
}

/* Options that never change were set once: what changes is set each time, so no reset is needed. */
void transfer_start(struct multi *m, struct transfer *t, const struct transfer_plan *plan)
{
    ASSERT(t->body == NULL);
    t->written = 0;
    t->refused = NULL;
    t->repeatable = plan->repeatable;
    t->streams = plan->streams;
    t->head_n = 0;
    t->body_max = plan->max_response;
    SET(t->item.easy, CURLOPT_URL, plan->url);
    SET(t->item.easy, CURLOPT_CONNECTTIMEOUT_MS, (long)plan->connect_timeout_ms);
    set_method(t, plan);
    multi_add(m, &t->item);
}

bool transfer_was_sent(const struct transfer *t)
{
    return t->written > 0;
}

/* curl's own error text may name the host or the URL: only its fixed words are used. */
static void describe(const struct transfer *t, char error[TRANSFER_ERROR_SIZE])
{
    long number = 0;
    struct text out = text_init(error, TRANSFER_ERROR_SIZE);
    if (t->refused) {
        text_str(&out, t->refused);
        return;
    }
    text_str(&out, curl_easy_strerror(t->item.result));
    if (t->item.result == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(t->item.easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK && number != 0)
        text_fmt(&out, " (%s)", strerror((int)number));
}

void transfer_outcome(const struct transfer *t, struct http_answer *out,
                      char error[TRANSFER_ERROR_SIZE])
{
    long status = 0;
    error[0] = '\0';
    out->error = error;
    if (t->item.result != CURLE_OK) {
        out->outcome = transfer_was_sent(t) ? HTTP_UNKNOWN : HTTP_NOT_SENT;
        describe(t, error);
        return;
    }
    ASSERT(curl_easy_getinfo(t->item.easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
    out->outcome = HTTP_ANSWERED;
    out->status = (int)status;
    out->body = (struct slice){t->body, t->body_n};
}
