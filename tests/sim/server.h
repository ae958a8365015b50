/* server.h - the far ends: a request arrives at Redis or at WeChat, is carried out by its model,
 * and the answer goes back. Both take the message over. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "sim/node.h"

void server_redis(struct world *w, struct node *n, struct message *m);
void server_wechat(struct world *w, struct node *n, struct message *m);

#endif
