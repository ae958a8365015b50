#include "sim/queue.h"

#include <stdlib.h>

#include "base/check.h"
#include "sim/message.h"

static bool before(const struct item *a, const struct item *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void swap(struct item *a, struct item *b)
{
    struct item t = *a;
    *a = *b;
    *b = t;
}

void queue_add(struct queue *q, struct item item)
{
    if (q->n == q->size) {
        q->size = q->size ? 2 * q->size : 64;
        q->heap = xrealloc(q->heap, (size_t)q->size * sizeof *q->heap);
    }
    int i = q->n++;
    item.seq = q->next_seq++;
    q->heap[i] = item;
    for (; i > 0 && before(&q->heap[i], &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&q->heap[i], &q->heap[(i - 1) / 2]);
}

bool queue_take(struct queue *q, struct item *out)
{
    if (q->n == 0)
        return false;
    *out = q->heap[0];
    q->heap[0] = q->heap[--q->n];
    for (int i = 0;;) {
        int child = 2 * i + 1;
        if (child + 1 < q->n && before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (child >= q->n || !before(&q->heap[child], &q->heap[i]))
            return true;
        swap(&q->heap[i], &q->heap[child]);
        i = child;
    }
}

void queue_deinit(struct queue *q)
{
    for (int i = 0; i < q->n; i++)
        message_free(q->heap[i].message);
    free(q->heap);
    q->heap = NULL;
    q->n = q->size = 0;
}
