#include "server.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "base/check.h"
#include "base/text.h"
#include "free_port.h"
#include "sys/clock.h"

enum {
    START_TIMEOUT_MS = 10000,
    ANSWER_SIZE = 8192,
    STARTS = 5, /* attempts when the port was taken in between */
    ASKS = 3,   /* when a connection is lost: a sentinel drops all that a server has */
};

struct server {
    char folder[64];
    char socket[96];
    char config[96];
    const char *mode; /* of redis-server: "--sentinel", or NULL */
    int port;
    pid_t pid; /* 0 when not running */
    char answer[ANSWER_SIZE];
};

static void write_config(struct server *s, const char *extra)
{
    FILE *f = fopen(s->config, "w");
    ASSERT(f != NULL);
    fprintf(f, "bind 127.0.0.1\nport %d\nunixsocket %s\ndir %s\nlogfile %s/log\n", s->port,
            s->socket, s->folder, s->folder);
    fprintf(f, "%s", extra ? extra : "");
    ASSERT(fclose(f) == 0);
}

static void launch(struct server *s)
{
    s->pid = fork();
    ASSERT(s->pid >= 0);
    if (s->pid > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a crashed test leaves nothing behind */
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    execlp("redis-server", "redis-server", s->config, s->mode, (char *)NULL);
    _exit(127);
}

/* Any answer will do: it may want a password. */
static bool answers(struct server *s)
{
    struct timeval tv = {1, 0};
    redisContext *c = redisConnectUnixWithTimeout(s->socket, tv);
    redisReply *r = c && !c->err ? redisCommand(c, "PING") : NULL;
    bool ok = r != NULL;
    freeReplyObject(r);
    if (c)
        redisFree(c);
    return ok;
}

/* False when it ended instead, which is another one's port. */
static bool try_start(struct server *s)
{
    mono_ms_t deadline = mono_after(clock_mono(), START_TIMEOUT_MS);
    launch(s);
    while (!answers(s)) {
        ASSERT(!mono_reached(clock_mono(), deadline));
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            return false;
        usleep(5000);
    }
    return true;
}

static struct server *start(const char *mode, const char *config)
{
    struct server *s = xcalloc(1, sizeof *s);
    (void)snprintf(s->folder, sizeof s->folder, "/tmp/test-redis-XXXXXX");
    ASSERT(mkdtemp(s->folder) != NULL);
    (void)snprintf(s->socket, sizeof s->socket, "%s/sock", s->folder);
    (void)snprintf(s->config, sizeof s->config, "%s/conf", s->folder);
    s->mode = mode;
    for (int i = 0; i < STARTS; i++) {
        s->port = free_port();
        write_config(s, config);
        if (try_start(s))
            return s;
    }
    UNREACHABLE("the server does not start");
}

struct server *server_start(const char *config)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "save \"\"\nappendonly no\n%s", config ? config : "");
    ASSERT(n > 0 && (size_t)n < sizeof text);
    return start(NULL, text);
}

struct server *sentinel_start(const char *config)
{
    return start("--sentinel", config); /* redis-sentinel may be a package of its own */
}

void server_kill(struct server *s)
{
    if (s->pid <= 0)
        return;
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void server_restart(struct server *s)
{
    server_kill(s);
    ASSERT(try_start(s));
}

void server_pause(struct server *s)
{
    ASSERT(kill(s->pid, SIGSTOP) == 0);
}

void server_resume(struct server *s)
{
    ASSERT(kill(s->pid, SIGCONT) == 0);
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    ASSERT(d != NULL);
    while ((entry = readdir(d)) != NULL)
        (void)unlinkat(dirfd(d), entry->d_name, 0);
    closedir(d);
    (void)rmdir(path);
}

void server_free(struct server *s)
{
    if (!s)
        return;
    server_kill(s);
    remove_folder(s->folder);
    free(s);
}

const char *server_socket(const struct server *s)
{
    return s->socket;
}

const char *server_folder(const struct server *s)
{
    return s->folder;
}

int server_port(const struct server *s)
{
    return s->port;
}

static void print_reply(struct text *t, const redisReply *r)
{
    if (r->type == REDIS_REPLY_INTEGER)
        text_fmt(t, "%lld", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        text_str(t, "(nil)");
    else if (r->type != REDIS_REPLY_ARRAY)
        text_add(t, (struct slice){r->str, r->len});
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        if (i > 0)
            text_char(t, ' ');
        print_reply(t, r->element[i]);
    }
}

/* NULL when the connection was lost meanwhile. */
static redisReply *ask_once(const struct server *s, int argc, const char **argv,
                            const size_t *lengths)
{
    redisContext *c = redisConnectUnix(s->socket);
    ASSERT(c != NULL && !c->err);
    redisReply *r = redisCommandArgv(c, argc, argv, lengths);
    redisFree(c);
    return r;
}

const char *server_do(struct server *s, const char *command)
{
    struct text t = text_init(s->answer, sizeof s->answer);
    struct slice rest = slice_of(command);
    const char *argv[32];
    size_t lengths[32];
    int argc = 0;
    while (rest.p) {
        struct slice word = slice_cut(&rest, ' ');
        ASSERT(argc < (int)ARRAY_LEN(argv));
        argv[argc] = word.p;
        lengths[argc++] = word.n;
    }
    redisReply *r = NULL;
    for (int i = 0; !r && i < ASKS; i++)
        r = ask_once(s, argc, argv, lengths);
    ASSERT(r != NULL);
    print_reply(&t, r);
    freeReplyObject(r);
    return s->answer;
}
