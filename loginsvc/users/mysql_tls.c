#include "loginsvc/users/mysql_tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "sys/file.h"

enum { CA_FILE_MAX = 4 << 20 };

static bool holds_certificates(const char *path)
{
    X509_STORE *store = X509_STORE_new();
    ASSERT(store != NULL);
    bool holds = X509_STORE_load_locations(store, path, NULL) == 1;
    X509_STORE_free(store);
    ERR_clear_error(); /* the library tells the oldest one */
    return holds;
}

static bool use_file(struct mysql_tls *t, const char *path, struct err *e)
{
    char *content = NULL;
    size_t n;
    if (!file_read(path, CA_FILE_MAX, &content, &n, e)) /* which says why */
        return false;
    free(content);
    if (!holds_certificates(path))
        return err_set(e, "%.200s holds no certificate in PEM", path);
    return slice_copy(slice_of(path), t->ca_file, sizeof t->ca_file) ||
           err_set(e, "the path is too long");
}

static const char *place(const char *variable, const char *otherwise)
{
    const char *place = getenv(variable);
    return place && place[0] ? place : otherwise;
}

/* The places where OpenSSL itself looks. It does not mind either when the file is not there. */
static bool use_system(struct mysql_tls *t, struct err *e)
{
    const char *file = place(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    const char *folder = place(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    if (file_exists(file) && !use_file(t, file, e))
        return false;
    return slice_copy(slice_of(folder), t->ca_folder, sizeof t->ca_folder) ||
           err_set(e, "the path of the system's CAs is too long");
}

bool mysql_tls_init(struct mysql_tls *t, const char *ca, struct err *e)
{
    *t = (struct mysql_tls){.on = true};
    return ca ? use_file(t, ca, e) : use_system(t, e);
}

void mysql_tls_set(const struct mysql_tls *t, MYSQL *raw)
{
    const my_bool on = t->on; /* 3.4 would verify by default */
    mysql_options(raw, MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_options(raw, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
    if (!t->on)
        return;
    mysql_options(raw, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    if (t->ca_file[0])
        mysql_options(raw, MYSQL_OPT_SSL_CA, t->ca_file);
    if (t->ca_folder[0])
        mysql_options(raw, MYSQL_OPT_SSL_CAPATH, t->ca_folder);
}

bool mysql_tls_verifies(const char *host)
{
    return strcmp(host, "127.0.0.1") != 0 && strcmp(host, "::1") != 0;
}
