#include "greeter.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "mariadb_server.h"

enum { HEARD_MAX = 4096, SSL_FLAG = 0x08, FLAGS_AT = 4 + 1 + 7 + 4 + 8 + 1 };

struct greeter {
    enum greeter_manner manner;
    int listener;
    uint16_t port;
    pthread_t thread;
    bool joined;
    unsigned char heard[HEARD_MAX];
    size_t n;
};

/* Protocol::HandshakeV10 of MySQL's manual. */
static const unsigned char greeting[] = {
    74,  0,    0,    0,   10,  '8', '.',  '0', '.', '3', '6', 0,   /* length, number, protocol,
                                                                      version */
    1,   0,    0,    0,   's', 'c', 'r',  'a', 'm', 'b', 'l', 'e', /* connection, the first of the
                                                                      salt */
    0,   0x09, 0xa2, 45,  2,   0,   0x08, 0,   21,     /* flags: 4.1, with a password, no TLS */
    0,   0,    0,    0,   0,   0,   0,    0,   0,   0, /* reserved */
    'o', 'f',  ' ',  '2', '0', ' ', 'b',  'y', 't', 'e', 's', '.', 0, /* the rest of the salt */
    'm', 'y',  's',  'q', 'l', '_', 'n',  'a', 't', 'i', 'v', 'e', '_',
    'p', 'a',  's',  's', 'w', 'o', 'r',  'd', 0};

static void greet(const struct greeter *g, int fd)
{
    unsigned char packet[sizeof greeting];
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = greeting[i];
    if (g->manner != GREETER_WITHOUT_TLS)
        packet[FLAGS_AT + 1] |= SSL_FLAG;
    ASSERT(write(fd, packet, sizeof packet) == sizeof packet);
}

/* The length of a record of TLS, and then as much of it as fits in the client's patience. */
static void trickle(int fd)
{
    static const unsigned char handshake[] = {22, 3, 3, 64, 0};
    const struct timespec pause = {.tv_nsec = 50 * 1000000L};
    if (send(fd, handshake, sizeof handshake, MSG_NOSIGNAL) < 0)
        return;
    while (send(fd, "", 1, MSG_NOSIGNAL) == 1)
        nanosleep(&pause, NULL);
}

static void *serve(void *arg)
{
    struct greeter *g = arg;
    int fd = accept(g->listener, NULL, NULL);
    ASSERT(fd >= 0);
    greet(g, fd);
    ssize_t n;
    do {
        n = read(fd, g->heard + g->n, HEARD_MAX - g->n);
        g->n += n > 0 ? (size_t)n : 0;
        if (g->manner == GREETER_TRICKLES)
            trickle(fd);
    } while (n > 0 && g->manner != GREETER_HANGS_UP);
    close(fd);
    return NULL;
}

struct greeter *greeter_new(enum greeter_manner manner)
{
    struct greeter *g = xcalloc(1, sizeof *g);
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    ASSERT(inet_pton(AF_INET, MARIADB_HOST, &at.sin_addr) == 1);
    g->manner = manner;
    g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(g->listener >= 0);
    ASSERT(bind(g->listener, (struct sockaddr *)&at, sizeof at) == 0);
    ASSERT(listen(g->listener, 1) == 0);
    ASSERT(getsockname(g->listener, (struct sockaddr *)&at, &size) == 0);
    g->port = ntohs(at.sin_port);
    ASSERT(pthread_create(&g->thread, NULL, serve, g) == 0);
    return g;
}

uint16_t greeter_port(const struct greeter *g)
{
    return g->port;
}

const unsigned char *greeter_heard(struct greeter *g, size_t *n)
{
    if (!g->joined)
        ASSERT(pthread_join(g->thread, NULL) == 0);
    g->joined = true;
    *n = g->n;
    return g->heard;
}

void greeter_free(struct greeter *g)
{
    size_t n;
    (void)greeter_heard(g, &n);
    close(g->listener);
    free(g);
}
