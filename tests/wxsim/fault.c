#include "wxsim/fault.h"

#include <stdlib.h>
#include <string.h>

struct fault_rules {
    struct fault rules[FAULTS_MAX]; /* in the order of their coming */
    size_t n;
};

static const struct {
    const char *name;
    enum fault_effect effect;
} kinds[FAULT_KINDS_END] = {[FAULT_NONE] = {"none", EFFECT_DONE},
#define X(name, effect, help) [FAULT_##name] = {#name, EFFECT_##effect},
                            FAULT_KINDS(X)
#undef X
};

struct fault_rules *fault_rules_new(void)
{
    return xcalloc(1, sizeof(struct fault_rules));
}

void fault_rules_free(struct fault_rules *f)
{
    free(f);
}

bool fault_rules_add(struct fault_rules *f, const struct fault *fault)
{
    ASSERT(fault->kind > FAULT_NONE && fault->kind < FAULT_KINDS_END);
    if (fault->times == 0)
        return true;
    if (f->n == FAULTS_MAX)
        return false;
    f->rules[f->n++] = *fault;
    return true;
}

void fault_rules_clear(struct fault_rules *f)
{
    f->n = 0;
}

size_t fault_rules_count(const struct fault_rules *f)
{
    return f->n;
}

static void remove_rule(struct fault_rules *f, size_t i)
{
    memmove(&f->rules[i], &f->rules[i + 1], (f->n - i - 1) * sizeof f->rules[0]);
    f->n--;
}

struct fault fault_rules_take(struct fault_rules *f, struct slice path)
{
    for (size_t i = 0; i < f->n; i++) {
        struct fault *rule = &f->rules[i];
        if (strcmp(rule->path, "*") != 0 && !slice_starts(path, rule->path))
            continue;
        struct fault taken = *rule;
        if (rule->times != FAULT_FOREVER && --rule->times == 0)
            remove_rule(f, i);
        return taken;
    }
    return (struct fault){.kind = FAULT_NONE};
}

enum fault_kind fault_kind_of(struct slice name)
{
    for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS_END; kind++)
        if (slice_is(name, kinds[kind].name))
            return (enum fault_kind)kind;
    return FAULT_NONE;
}

const char *fault_name(enum fault_kind kind)
{
    return kinds[kind].name;
}

enum fault_effect fault_effect_of(enum fault_kind kind)
{
    return kinds[kind].effect;
}
