/* list.h - intrusive doubly linked list, circular with a head.
 *
 * The node lives in the element; the list never allocates or frees. A node is in one list at most;
 * list_remove leaves it unlinked, so removing twice is harmless. One thread. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct list {
    struct list *next, *prev; /* both NULL in a node that is in no list */
};

void list_init(struct list *head);
bool list_empty(const struct list *head);
bool list_linked(const struct list *node);
void list_push_back(struct list *head, struct list *node);
void list_push_front(struct list *head, struct list *node);
void list_remove(struct list *node);
struct list *list_pop_front(struct list *head); /* NULL when empty */
void list_take_all(struct list *from,
                   struct list *to); /* moves all, in order, behind what `to` has */

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

/* The body may remove `it`, but nothing else. */
#define LIST_FOR_EACH(it, head)                                                                    \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

#endif
