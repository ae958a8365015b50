#include "tokend/console/console.h"

extern const unsigned char console_index_html[];
extern const size_t console_index_html_len;

static void on_index(struct http_call *call, void *arg)
{
    (void)arg;
    http_reply_header(call, "Content-Security-Policy",
                      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                      "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'");
    http_reply_header(call, "X-Content-Type-Options", "nosniff");
    http_reply_header(call, "Referrer-Policy", "no-referrer");
    http_reply(call, 200, "text/html; charset=utf-8",
               (struct slice){(const char *)console_index_html, console_index_html_len});
}

void console_routes(struct http_server *s)
{
    static const struct http_route routes[] = {{HTTP_GET, "/", on_index, 0, NULL}};
    http_server_routes(s, routes, ARRAY_LEN(routes), NULL);
}
