#include "tokend/ctl/ctl.h"

#include <stdio.h>

#include "tokend/ctl/plain.h"

void ctl_say(const char *line)
{
    fputs("tokenctl: ", stderr);
    plain_write(slice_of(line), stderr);
    fputc('\n', stderr);
}

enum ctl_exit ctl_fail(const char *line)
{
    ctl_say(line);
    return CTL_FAILED;
}
