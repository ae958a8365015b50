/* follow.h - events as they happen: printed, over every end of a connection, until a signal.
 *
 * One thread; runs the loop of the remote. */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include "tokend/ctl/ctl.h"

/* Returns on SIGINT or SIGTERM (CTL_OK), on a refusal that trying again does not change, and when
 * stdout takes no more. */
enum ctl_exit follow_run(const struct ctl *c);

#endif
