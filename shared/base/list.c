#include "base/list.h"

void list_init(struct list *head)
{
    head->next = head->prev = head;
}

bool list_empty(const struct list *head)
{
    return head->next == head;
}

bool list_linked(const struct list *node)
{
    return node->next != NULL;
}

static void link_between(struct list *node, struct list *prev, struct list *next)
{
    ASSERT(!list_linked(node));
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

void list_push_back(struct list *head, struct list *node)
{
    link_between(node, head->prev, head);
}

void list_push_front(struct list *head, struct list *node)
{
    link_between(node, head, head->next);
}

void list_remove(struct list *node)
{
    if (!list_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

struct list *list_pop_front(struct list *head)
{
    if (list_empty(head))
        return NULL;
    struct list *node = head->next;
    list_remove(node);
    return node;
}

void list_take_all(struct list *from, struct list *to)
{
    struct list *node;
    while ((node = list_pop_front(from)) != NULL)
        list_push_back(to, node);
}
