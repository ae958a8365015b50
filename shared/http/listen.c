#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

/* A burst of connections waits here, not in a SYN retransmission of a second. */
enum { BACKLOG = 4096 };

bool http_listen_parse(const char *text, struct http_listen *out, struct err *e)
{
    int64_t port;
    struct slice all = slice_of(text), host;
    const char *colon = strrchr(text, ':');
    if (!colon)
        return err_set(e, "not an address to listen on: \"%.64s\" (expected host:port)", text);
    host = (struct slice){text, (size_t)(colon - text)};
    bool bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracketed)
        host = (struct slice){host.p + 1, host.n - 2};
    if ((!bracketed && host.n && memchr(host.p, ':', host.n)) ||
        !slice_copy(host, out->host, sizeof out->host))
        return err_set(e, "not a host to listen on: \"%.64s\" (IPv6 goes in brackets)", text);
    struct slice digits = {colon + 1, all.n - (size_t)(colon + 1 - text)};
    if (!slice_to_int(digits, 0, 65535, &port) || !slice_copy(digits, out->port, sizeof out->port))
        return err_set(e, "not a port to listen on: \"%.64s\"", text);
    return true;
}

bool http_listen_is_loopback(const struct http_listen *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address->host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(address->host, "localhost") == 0;
}

static bool set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Accepted sockets inherit TCP_NODELAY. */
static bool prepare(int fd, const struct addrinfo *a, bool reuse_port)
{
    return set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           (!reuse_port || set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
           (a->ai_family != AF_INET6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
           set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1) && bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
           listen(fd, BACKLOG) == 0;
}

static int open_one(const struct addrinfo *a, bool reuse_port)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !prepare(fd, a, reuse_port)) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* The first of the addresses that can be had. Every address: "::" takes IPv4 too, so it goes first
 * and 0.0.0.0 is for a machine without IPv6. */
static int open_any(const struct addrinfo *all, int family, bool reuse_port)
{
    int fd = -1;
    for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
        if (family == AF_UNSPEC || a->ai_family == family)
            fd = open_one(a, reuse_port);
    }
    return fd;
}

int http_listen_open(const struct http_listen *address, bool reuse_port, struct err *e)
{
    struct addrinfo *all = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    bool every = address->host[0] == '\0';
    int rc = getaddrinfo(every ? NULL : address->host, address->port, &hints, &all);
    if (rc != 0) {
        err_set(e, "cannot listen on %s: %s", address->host, gai_strerror(rc));
        return -1;
    }
    errno = EADDRNOTAVAIL;
    int fd = every ? open_any(all, AF_INET6, reuse_port) : -1;
    if (fd < 0)
        fd = open_any(all, every ? AF_INET : AF_UNSPEC, reuse_port);
    if (fd < 0)
        err_set(e, "cannot listen on %s:%s: %s", address->host, address->port, strerror(errno));
    freeaddrinfo(all);
    return fd;
}

int http_listen_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {0};
    socklen_t n = sizeof a;
    ASSERT(getsockname(fd, &a.any, &n) == 0);
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}
