#include "loginsvc/dialects/dialects.h"

#include <stdlib.h>

#include "loginsvc/dialects/bearer.h"
#include "loginsvc/dialects/doc000.h"
#include "loginsvc/dialects/doc001.h"
#include "loginsvc/dialects/doc002.h"
#include "loginsvc/dialects/doc003.h"
#include "loginsvc/dialects/doc004.h"
#include "loginsvc/dialects/native.h"

struct dialects {
    struct doc000 doc000;
    struct doc001 doc001;
    struct doc002 doc002;
    struct doc003 doc003;
    struct doc004 doc004;
    struct native *native;
};

struct dialects *dialects_new(const struct dialect_parts *parts)
{
    struct dialects *d = xcalloc(1, sizeof *d);
    desk_metrics_register(parts->metrics);
    bearer_metrics_register(parts->metrics);
    doc000_open(&d->doc000, parts);
    doc001_open(&d->doc001, parts);
    doc002_open(&d->doc002, parts);
    doc003_open(&d->doc003, parts);
    doc004_open(&d->doc004, parts);
    d->native = native_new(parts);
    return d;
}

void dialects_free(struct dialects *d)
{
    if (!d)
        return;
    doc000_close(&d->doc000);
    doc001_close(&d->doc001);
    doc002_close(&d->doc002);
    doc003_close(&d->doc003);
    doc004_close(&d->doc004);
    native_free(d->native);
    free(d);
}
