/* problem.h - errors as RFC 9457 text. Pure; internal to the server. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/check.h"
#include "base/text.h"
#include "http/server.h"

#define PROBLEM_TYPE "application/problem+json"

/* The JSON of a problem; the caller frees. A detail that is not UTF-8 is left out. */
char *problem_to_json(const struct http_problem *problem, const char *request_id) MUST_CHECK;

/* A whole response with Connection: close, for what never became a call. */
void problem_write_page(int status, struct text *out);

#endif
