#include "mariadb_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mysql.h>

#include "base/check.h"
#include "certificates.h"
#include "free_port.h"
#include "sys/clock.h"

enum {
    READY_MS = 30000,
    STARTS = 5, /* attempts when the port was taken in between */
    CERTIFICATE_S = 3600,
    PAUSE_MS = 10,
    REMOVALS = 200, /* attempts, while the killed server still ends */
};

#define ADMIN "admin"

struct mariadb_server {
    char folder[64];
    char data[80];
    uint16_t port;
    struct certificates *certificates;
    pid_t pid; /* 0: not running */
    int alive; /* the end of a pipe that says to the remover that we live */
};

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

/* ---- programs ---- */

/* In a child: becomes the program, whose output goes to a file of the folder. */
_Noreturn static void become(const struct mariadb_server *s, const char *log, char *const argv[])
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->folder, log);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(126);
    const char *before = getenv("PATH");
    char search[4096];
    snprintf(search, sizeof search, "%s:/usr/sbin:/usr/bin:/bin", before ? before : "");
    setenv("PATH", search, 1);
    setenv("TMPDIR", s->folder, 1); /* a server that starts removes others' tables from there */
    execvp(argv[0], argv);
    _exit(127);
}

static void run_to_end(const struct mariadb_server *s, const char *log, char *const argv[])
{
    int status = 0;
    pid_t pid = fork();
    ASSERT(pid >= 0);
    if (pid == 0)
        become(s, log, argv);
    ASSERT(waitpid(pid, &status, 0) == pid);
    ASSERT(status == 0);
}

/* ---- the folder ---- */

static void remove_folder(const char *folder)
{
    for (int i = 0; i < REMOVALS && access(folder, F_OK) == 0; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execl("/bin/rm", "rm", "-rf", folder, (char *)NULL);
            _exit(127);
        }
        waitpid(pid, NULL, 0);
        pause_ms(PAUSE_MS);
    }
}

_Noreturn static void become_remover(const struct mariadb_server *s, int fd)
{
    char byte;
    setsid();
    for (int std = 0; std <= 2; std++)
        dup2(open("/dev/null", O_RDWR | O_CLOEXEC), std);
    while (read(fd, &byte, 1) < 0 && errno == EINTR) {
    }
    remove_folder(s->folder);
    _exit(0);
}

/* A process that removes the folder once nobody holds the other end of the pipe any more. It is
 * nobody's child, so that who kills a test with all its children spares it. */
static void start_remover(struct mariadb_server *s)
{
    int fds[2];
    ASSERT(pipe2(fds, O_CLOEXEC) == 0);
    pid_t between = fork();
    ASSERT(between >= 0);
    if (between == 0) {
        close(fds[1]);
        if (fork() == 0)
            become_remover(s, fds[0]);
        _exit(0);
    }
    ASSERT(waitpid(between, NULL, 0) == between);
    close(fds[0]);
    s->alive = fds[1];
}

static void make_folder(struct mariadb_server *s)
{
    char init[96];
    snprintf(s->folder, sizeof s->folder, "/tmp/test_mariadb.XXXXXX");
    ASSERT(mkdtemp(s->folder) != NULL);
    start_remover(s);
    snprintf(s->data, sizeof s->data, "%s/data", s->folder);
    snprintf(init, sizeof init, "%s/init.sql", s->folder);
    FILE *f = fopen(init, "w");
    ASSERT(f != NULL);
    fprintf(f, "CREATE USER IF NOT EXISTS '" ADMIN "'@'%%' IDENTIFIED BY '" MARIADB_PASSWORD "';\n"
               "GRANT ALL ON *.* TO '" ADMIN "'@'%%' WITH GRANT OPTION;\n"
               "CREATE USER IF NOT EXISTS '" MARIADB_USER "'@'%%' IDENTIFIED BY '" MARIADB_PASSWORD
               "';\n"
               "GRANT ALL ON `users\\_%%`.* TO '" MARIADB_USER "'@'%%';\n");
    ASSERT(fclose(f) == 0);
}

/* Small, and nothing that waits for the disk: only the process is killed here, not the machine. */
#define SMALL                                                                                      \
    "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-method=nosync"

static void install(const struct mariadb_server *s)
{
    char data[96], user[] = "--user=root";
    snprintf(data, sizeof data, "--datadir=%s", s->data);
    char *const argv[] = {"mariadb-install-db",
                          "--no-defaults",
                          data,
                          "--auth-root-authentication-method=normal",
                          "--skip-test-db",
                          "--force", /* where no name is known, localhost neither */
                          SMALL,
                          geteuid() == 0 ? user : NULL,
                          NULL};
    run_to_end(s, "install.log", argv);
}

/* ---- the server ---- */

_Noreturn static void become_server(const struct mariadb_server *s, pid_t parent)
{
    char data[96], init[96], socket_path[96], port[32], user[] = "--user=root";
    char cert[160], key[160];
    snprintf(data, sizeof data, "--datadir=%s", s->data);
    snprintf(init, sizeof init, "--init-file=%s/init.sql", s->folder);
    snprintf(socket_path, sizeof socket_path, "--socket=%s/socket", s->folder);
    snprintf(port, sizeof port, "--port=%u", s->port);
    snprintf(cert, sizeof cert, "--ssl-cert=%s", certificates_server(s->certificates));
    snprintf(key, sizeof key, "--ssl-key=%s", certificates_key(s->certificates));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(125);
    char *const argv[] = {"mariadbd",
                          "--no-defaults",
                          data,
                          init,
                          socket_path,
                          port,
                          cert,
                          key,
                          "--bind-address=" MARIADB_HOST,
                          "--skip-name-resolve",
                          "--skip-log-bin",
                          "--lock-wait-timeout=20",
                          "--skip-performance-schema",
                          SMALL,
                          geteuid() == 0 ? user : NULL,
                          NULL};
    become(s, "server.log", argv);
}

/* Through its own folder: the port might be another server's. */
static MYSQL *log_in(const struct mariadb_server *s, const char *database)
{
    char path[80];
    MYSQL *m = mysql_init(NULL);
    ASSERT(m != NULL);
    snprintf(path, sizeof path, "%s/socket", s->folder);
    if (mysql_real_connect(m, "localhost", ADMIN, MARIADB_PASSWORD, database, 0, path, 0))
        return m;
    mysql_close(m);
    return NULL;
}

/* False when it ended instead, which is another one's port. */
static bool await_ready(struct mariadb_server *s)
{
    mono_ms_t give_up = mono_after(clock_mono(), READY_MS);
    MYSQL *m;
    while (!(m = log_in(s, NULL))) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            return false;
        ASSERT(!mono_reached(clock_mono(), give_up));
        pause_ms(PAUSE_MS);
    }
    mysql_close(m);
    return true;
}

static bool try_start(struct mariadb_server *s)
{
    pid_t self = getpid();
    s->pid = fork();
    ASSERT(s->pid >= 0);
    if (s->pid == 0)
        become_server(s, self);
    return await_ready(s);
}

struct mariadb_server *mariadb_server_new(void)
{
    struct mariadb_server *s = xcalloc(1, sizeof *s);
    make_folder(s);
    s->certificates = certificates_new(s->folder);
    certificates_sign(s->certificates, "IP:" MARIADB_HOST, CERTIFICATE_S);
    install(s);
    for (int i = 0; i < STARTS; i++) {
        s->port = (uint16_t)free_port();
        if (try_start(s))
            return s;
    }
    UNREACHABLE("the server does not start");
}

void mariadb_server_start(struct mariadb_server *s)
{
    ASSERT(try_start(s));
}

void mariadb_server_kill(struct mariadb_server *s)
{
    ASSERT(kill(s->pid, SIGKILL) == 0);
    ASSERT(waitpid(s->pid, NULL, 0) == s->pid);
    s->pid = 0;
}

void mariadb_server_free(struct mariadb_server *s)
{
    if (!s)
        return;
    if (s->pid)
        mariadb_server_kill(s);
    remove_folder(s->folder);
    certificates_free(s->certificates);
    close(s->alive);
    free(s);
}

uint16_t mariadb_server_port(const struct mariadb_server *s)
{
    return s->port;
}

const char *mariadb_server_folder(const struct mariadb_server *s)
{
    return s->data;
}

const char *mariadb_server_ca(const struct mariadb_server *s)
{
    return certificates_ca(s->certificates);
}

void mariadb_server_certify(const struct mariadb_server *s, const char *host, long good_s)
{
    certificates_sign(s->certificates, host, good_s);
    mariadb_server_sql(s, NULL, "FLUSH SSL");
}

void mariadb_server_freeze(const struct mariadb_server *s)
{
    int status = 0;
    ASSERT(kill(s->pid, SIGSTOP) == 0);
    ASSERT(waitpid(s->pid, &status, WUNTRACED) == s->pid && WIFSTOPPED(status));
}

void mariadb_server_thaw(const struct mariadb_server *s)
{
    ASSERT(kill(s->pid, SIGCONT) == 0);
}

MYSQL *mariadb_server_log_in(const struct mariadb_server *s, const char *database)
{
    MYSQL *m = log_in(s, database);
    ASSERT(m != NULL);
    return m;
}

int64_t mariadb_server_run(MYSQL *m, const char *sql)
{
    int64_t number = 0;
    if (mysql_query(m, sql) != 0) {
        fprintf(stderr, "%s: %s\n", sql, mysql_error(m));
        UNREACHABLE("the statement is bad");
    }
    MYSQL_RES *rows = mysql_store_result(m);
    if (rows) {
        MYSQL_ROW row = mysql_fetch_row(rows);
        if (row && row[0])
            number = strtoll(row[0], NULL, 10);
        mysql_free_result(rows);
    }
    return number;
}

int64_t mariadb_server_sql(const struct mariadb_server *s, const char *database, const char *sql)
{
    MYSQL *m = mariadb_server_log_in(s, database);
    int64_t number = mariadb_server_run(m, sql);
    mysql_close(m);
    return number;
}
