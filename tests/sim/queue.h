/* queue.h - what will happen in a world: a heap of items, by time and then by age. */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum what {
    AT_NODE,     /* a node's deadline */
    AT_REDIS,    /* a request reaches Redis */
    AT_WECHAT,   /* a request reaches WeChat */
    AT_ANSWER,   /* an answer reaches its node */
    AT_NEWS,     /* another node's refresh is published */
    AT_RELEASE,  /* another node gave the lease back */
    AT_READY,    /* a node's connection to Redis is up again */
    AT_RESTART,  /* a node starts again */
    AT_FAULT,    /* time for another fault */
    AT_EMPTY,    /* Redis restarts empty once more */
    AT_REPORTS,  /* a leader's turn to read the reports */
    AT_CONSUMER, /* a consumer reads */
};

struct message; /* an operation on its way, or its answer */

struct item {
    int64_t at;
    uint64_t seq;
    enum what what;
    int node, incarnation;
    struct message *message; /* owned; NULL for most */
};

struct queue {
    struct item *heap;
    int n, size;
    uint64_t next_seq; /* also the number of items so far */
};

void queue_add(struct queue *q, struct item item); /* its seq is set here */
bool queue_take(struct queue *q, struct item *out);
void queue_deinit(struct queue *q); /* with the messages that are left */

#endif
