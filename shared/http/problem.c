#include "http/problem.h"

#include <stdlib.h>
#include <string.h>

#include "sys/entropy.h"

/* Those of RFC 9110 and RFC 6585 that somebody here may send. */
#define STATUSES(X)                                                                                \
    X(200, "OK")                                                                                   \
    X(201, "Created")                                                                              \
    X(202, "Accepted")                                                                             \
    X(204, "No Content")                                                                           \
    X(301, "Moved Permanently")                                                                    \
    X(302, "Found")                                                                                \
    X(303, "See Other")                                                                            \
    X(304, "Not Modified")                                                                         \
    X(307, "Temporary Redirect")                                                                   \
    X(308, "Permanent Redirect")                                                                   \
    X(400, "Bad Request")                                                                          \
    X(401, "Unauthorized")                                                                         \
    X(403, "Forbidden")                                                                            \
    X(404, "Not Found")                                                                            \
    X(405, "Method Not Allowed")                                                                   \
    X(406, "Not Acceptable")                                                                       \
    X(408, "Request Timeout")                                                                      \
    X(409, "Conflict")                                                                             \
    X(410, "Gone")                                                                                 \
    X(411, "Length Required")                                                                      \
    X(412, "Precondition Failed")                                                                  \
    X(413, "Content Too Large")                                                                    \
    X(415, "Unsupported Media Type")                                                               \
    X(417, "Expectation Failed")                                                                   \
    X(422, "Unprocessable Content")                                                                \
    X(429, "Too Many Requests")                                                                    \
    X(431, "Request Header Fields Too Large")                                                      \
    X(500, "Internal Server Error")                                                                \
    X(501, "Not Implemented")                                                                      \
    X(502, "Bad Gateway")                                                                          \
    X(503, "Service Unavailable")                                                                  \
    X(504, "Gateway Timeout")

const char *http_status_phrase(int status)
{
    switch (status) {
#define X(number, phrase)                                                                          \
    case number:                                                                                   \
        return phrase;
        STATUSES(X)
#undef X
    }
    return "Unknown";
}

char *problem_to_json(const struct http_problem *problem, const char *request_id)
{
    json_t *o =
        json_pack("{s:s, s:i, s:s, s:s}", "title", http_status_phrase(problem->status), "status",
                  problem->status, "code", problem->code, "request_id", request_id);
    ASSERT(o != NULL);
    if (problem->detail) {
        json_t *detail = json_string(problem->detail);
        if (detail)
            ASSERT(json_object_set_new(o, "detail", detail) == 0);
    }
    char *text = json_dumps(o, JSON_COMPACT);
    ASSERT(text != NULL);
    json_decref(o);
    return text;
}

/* What evhttp found wrong, by the status it chose. */
static const char *code_of(int status)
{
    switch (status) {
    case 413:
        return "body_too_large";
    case 417:
        return "bad_expectation";
    case 501:
        return "unknown_method";
    default:
        return "bad_request";
    }
}

void problem_write_page(int status, struct text *out)
{
    char id[17];
    entropy_hex(id, 8);
    const struct http_problem problem = {status, code_of(status), NULL};
    char *json = problem_to_json(&problem, id);
    text_fmt(out,
             "HTTP/1.1 %d %s\r\nContent-Type: " PROBLEM_TYPE "\r\nContent-Length: %zu\r\n"
             "X-Request-Id: %s\r\nConnection: close\r\n\r\n%s",
             status, http_status_phrase(status), strlen(json), id, json);
    free(json);
}
