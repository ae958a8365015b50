/* mailbox.h - messages from other threads to the loop thread.
 *
 * mailbox_post is the one function of the loop that any thread may call. The messages arrive on the
 * loop thread, in the order in which they were posted, several in one wake-up. Unbounded: the one
 * who posts bounds what is under way (workers.h does). */
#ifndef LOOP_MAILBOX_H
#define LOOP_MAILBOX_H

#include "base/list.h"
#include "loop/loop.h"

struct mailbox; /* opaque */

/* on_mail(node, arg) runs on the loop thread for each message; the node is then the receiver's. */
struct mailbox *mailbox_new(struct loop *l, void (*on_mail)(struct list *node, void *arg),
                            void *arg) MUST_CHECK;

/* Loop thread, when no other thread can post any more. Messages not yet delivered are delivered. */
void mailbox_free(struct mailbox *m);

/* Any thread. `node` is embedded in the message and belongs to the mailbox until delivered. */
void mailbox_post(struct mailbox *m, struct list *node);

#endif
