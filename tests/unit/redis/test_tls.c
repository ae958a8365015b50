/* rediss:// with a real server, in builds whose hiredis has TLS; elsewhere there is nothing to test
 * but that the URL is refused, which test_url.c does. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "free_port.h"
#include "server.h"

enum { SOON_MS = 5000 };

static char folder[] = "/tmp/test-tls-XXXXXX";

/* A self-signed certificate for `name`: folder/name.crt and folder/name.key. */
static void make_certificate(const char *name)
{
    char crt[96], key[96], subject[96], alternative[96];
    (void)snprintf(crt, sizeof crt, "%s/%s.crt", folder, name);
    (void)snprintf(key, sizeof key, "%s/%s.key", folder, name);
    (void)snprintf(subject, sizeof subject, "/CN=%s", name);
    (void)snprintf(alternative, sizeof alternative, "subjectAltName=DNS:%s", name);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", subject, "-addext",
               alternative, "-keyout", key, "-out", crt, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int begin(void **state)
{
    char trusted[96];
    if (!redis_url_has_tls())
        return rig_begin(state);
    if (!mkdtemp(folder))
        return -1;
    make_certificate("localhost");
    make_certificate("stranger");
    (void)snprintf(trusted, sizeof trusted, "%s/localhost.crt", folder);
    if (setenv("SSL_CERT_FILE", trusted, 1) != 0)
        return -1;
    return rig_begin(state);
}

static int end(void **state)
{
    static const char *const files[] = {"localhost.crt", "localhost.key", "stranger.crt",
                                        "stranger.key"};
    char path[96];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return 0;
}

struct bench {
    struct loop *loop;
    struct server *server;
    struct redis_client *client;
};

static struct bench bench_open(const char *certificate, const char *host)
{
    struct bench b = {loop_new(), NULL, NULL};
    char config[512], text[64];
    int port = free_port();
    (void)snprintf(config, sizeof config,
                   "tls-port %d\ntls-auth-clients no\ntls-cert-file %s/%s.crt\n"
                   "tls-key-file %s/%s.key\ntls-ca-cert-file %s/%s.crt\n",
                   port, folder, certificate, folder, certificate, folder, certificate);
    b.server = server_start(config);
    (void)snprintf(text, sizeof text, "rediss://%s:%d", host, port);
    struct redis_url u = rig_url(text);
    struct redis_options o = rig_options();
    o.connect_timeout_ms = 2000;
    b.client = redis_client_new(b.loop, &u, &o);
    redis_url_wipe(&u);
    return b;
}

static void bench_close(struct bench *b)
{
    redis_client_free(b->client);
    loop_free(b->loop);
    server_free(b->server);
}

static void megabytes_go_there_and_back_over_tls(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    if (!redis_url_has_tls())
        skip();
    struct bench b = bench_open("localhost", "localhost");
    struct ending set = {0}, get = {0}, again = {0};
    char *big = xcalloc(1, SIZE);
    memset(big, 'x', SIZE);
    redis_command(b.client, REDIS_WAIT, SOON_MS,
                  REDIS_ARGV(SLICE_LIT("SET"), SLICE_LIT("k"), ((struct slice){big, SIZE})),
                  rig_ended, &set);
    redis_command(b.client, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("GET"), SLICE_LIT("k")),
                  rig_ended, &get);
    RUN_UNTIL(b.loop, SOON_MS, get.calls > 0);
    assert_string_equal(set.text, "OK");
    assert_int_equal(strlen(get.text), sizeof get.text - 1);
    server_restart(b.server);
    redis_command(b.client, REDIS_WAIT, SOON_MS, REDIS_ARGV(SLICE_LIT("PING")), rig_ended, &again);
    RUN_UNTIL(b.loop, SOON_MS, again.calls > 0);
    free(big);
    bench_close(&b);
}

static void expect_trouble(const char *certificate, const char *host, const char *trouble)
{
    struct bench b = bench_open(certificate, host);
    RUN_UNTIL(b.loop, SOON_MS, strstr(redis_client_trouble(b.client), trouble) != NULL);
    assert_false(redis_client_ready(b.client));
    bench_close(&b);
}

static void a_certificate_for_another_name_is_refused(void **state)
{
    (void)state;
    if (!redis_url_has_tls())
        skip();
    expect_trouble("localhost", "127.0.0.1", "mismatch");
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
    (void)state;
    if (!redis_url_has_tls())
        skip();
    expect_trouble("stranger", "localhost", "self-signed");
}

static void a_server_without_tls_is_an_error_like_any_other(void **state)
{
    (void)state;
    if (!redis_url_has_tls())
        skip();
    struct loop *l = loop_new();
    struct server *plain = server_start(NULL);
    char text[64];
    (void)snprintf(text, sizeof text, "rediss://localhost:%d", server_port(plain));
    struct redis_url u = rig_url(text);
    struct redis_options o = rig_options();
    struct redis_client *c = redis_client_new(l, &u, &o);
    RUN_UNTIL(l, SOON_MS, strcmp(redis_client_trouble(c), "not connected yet") != 0);
    assert_false(redis_client_ready(c));
    redis_client_free(c);
    redis_url_wipe(&u);
    server_free(plain);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(megabytes_go_there_and_back_over_tls),
        cmocka_unit_test(a_certificate_for_another_name_is_refused),
        cmocka_unit_test(a_certificate_that_nobody_vouches_for_is_refused),
        cmocka_unit_test(a_server_without_tls_is_an_error_like_any_other),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
