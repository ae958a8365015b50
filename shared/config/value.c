#include "config/value.h"

#include <stdlib.h>
#include <string.h>

#include "config/units.h"

/* The bounds of a kind, where the item sets none. */
static const int64_t widest[][2] = {
    [CONFIG_KIND_STRING] = {0, 4096},
    [CONFIG_KIND_SECRET] = {0, 65536},
    [CONFIG_KIND_BOOL] = {0, 1},
    [CONFIG_KIND_INT] = {INT32_MIN, INT32_MAX},
    [CONFIG_KIND_DURATION] = {0, INT64_C(315360000000)}, /* ten years */
    [CONFIG_KIND_SIZE] = {0, INT64_C(1) << 40},
    [CONFIG_KIND_RATE] = {1, 1000000000},
    [CONFIG_KIND_ADDRESS] = {2, 262},
    [CONFIG_KIND_LIST] = {0, 1000},
    [CONFIG_KIND_ENUM] = {0, 0},
    [CONFIG_KIND_SET] = {0, 0},
};

static int64_t lowest_of(const struct config_item *item)
{
    bool own = item->rule.min || item->rule.max;
    return own ? item->rule.min : widest[item->kind][0];
}

static int64_t highest_of(const struct config_item *item)
{
    bool own = item->rule.min || item->rule.max;
    return own ? item->rule.max : widest[item->kind][1];
}

static bool in_bounds(const struct config_item *item, int64_t n)
{
    return n >= lowest_of(item) && n <= highest_of(item);
}

bool value_is_secret(const struct config_item *item)
{
    return item->kind == CONFIG_KIND_SECRET || (item->flags & CONFIG_MASKED);
}

/* ---- numbers ---- */

static bool is_zero_word(const struct config_item *item, struct slice s)
{
    const char *word = item->rule.zero_word;
    return word && (slice_is(s, word) || slice_is(s, "0"));
}

static bool read_int(struct slice s, int64_t *n)
{
    return slice_to_int(s, INT64_MIN, INT64_MAX, n);
}

static bool parse_number(const struct config_item *item, struct slice s, void *field,
                         bool (*read)(struct slice s, int64_t *n))
{
    int64_t n = 0;
    if (!is_zero_word(item, s) && (!read(s, &n) || !in_bounds(item, n)))
        return false;
    if (field)
        *(int64_t *)field = n;
    return true;
}

static bool parse_int(const struct config_item *item, struct slice s, void *field)
{
    return parse_number(item, s, field, read_int);
}

static bool parse_duration(const struct config_item *item, struct slice s, void *field)
{
    return parse_number(item, s, field, units_parse_duration);
}

static bool parse_size(const struct config_item *item, struct slice s, void *field)
{
    return parse_number(item, s, field, units_parse_size);
}

static bool parse_rate(const struct config_item *item, struct slice s, void *field)
{
    struct config_rate r = {0, 0};
    if (!is_zero_word(item, s)) {
        struct slice per = s, count = slice_cut(&per, '/');
        if (!read_int(count, &r.count) || !in_bounds(item, r.count) ||
            !units_parse_duration(per, &r.per_ms) || r.per_ms <= 0)
            return false;
    }
    if (field)
        *(struct config_rate *)field = r;
    return true;
}

/* ---- words ---- */

static bool parse_bool(const struct config_item *item, struct slice s, void *field)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    (void)item;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_is(s, words[i])) {
            if (field)
                *(bool *)field = i % 2 == 1;
            return true;
        }
    }
    return false;
}

/* The place of the word among the item's choices, or -1. */
static int find_choice(const struct config_item *item, struct slice word)
{
    for (int i = 0; item->rule.choices[i]; i++) {
        if (slice_is(word, item->rule.choices[i]))
            return i;
    }
    return -1;
}

static bool parse_enum(const struct config_item *item, struct slice s, void *field)
{
    int i = find_choice(item, s);
    if (i < 0)
        return false;
    if (field)
        memcpy(field, &i, sizeof i); /* an enum of few small values: the size of an int */
    return true;
}

static bool is_between_words(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

static bool parse_set(const struct config_item *item, struct slice s, void *field)
{
    unsigned set = 0;
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (i < s.n && !is_between_words(s.p[i]))
            i++;
        int bit = i > from ? find_choice(item, (struct slice){s.p + from, i - from}) : -1;
        if (i > from && bit < 0)
            return false;
        if (bit >= 0)
            set |= 1u << bit;
        i++;
    }
    if (field)
        *(unsigned *)field = set;
    return true;
}

/* ---- texts ---- */

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

/* Nothing, or as long as the item allows. */
static bool length_ok(const struct config_item *item, struct slice s)
{
    return s.n == 0 || in_bounds(item, (int64_t)s.n);
}

static bool parse_string(const struct config_item *item, struct slice s, void *field)
{
    if (!length_ok(item, s) || !is_printable(s))
        return false;
    if (field)
        *(char **)field = s.n ? slice_dup(s) : NULL;
    return true;
}

static bool parse_secret(const struct config_item *item, struct slice s, void *field)
{
    if (!length_ok(item, s) || (s.n && memchr(s.p, '\0', s.n)))
        return false;
    if (field && s.n)
        secret_set(field, s);
    return true;
}

static bool address_ok(struct slice s)
{
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    struct slice host = {s.p, colon - 1}, port = {s.p + colon, s.n - colon};
    int64_t n;
    if (!slice_to_int(port, 0, 65535, &n) || port.p[0] == '-')
        return false;
    bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    return bracketed || host.n == 0 || !memchr(host.p, ':', host.n);
}

static bool parse_address(const struct config_item *item, struct slice s, void *field)
{
    return address_ok(s) && parse_string(item, s, field);
}

static void clear_list(void *field)
{
    struct config_list *l = field;
    for (size_t i = 0; i < l->n; i++) {
        bytes_wipe(l->items[i], strlen(l->items[i]));
        free(l->items[i]);
    }
    free(l->items);
    *l = (struct config_list){NULL, 0};
}

static bool parse_list(const struct config_item *item, struct slice s, void *field)
{
    struct config_list l = {NULL, 0};
    bool ok = is_printable(s);
    while (ok && s.p) {
        struct slice part = slice_trim(slice_cut(&s, ','));
        if (part.n == 0)
            continue;
        l.items = xrealloc(l.items, (l.n + 1) * sizeof *l.items);
        l.items[l.n++] = slice_dup(part);
        ok = (int64_t)l.n <= highest_of(item);
    }
    ok = ok && (int64_t)l.n >= lowest_of(item);
    if (ok && field)
        *(struct config_list *)field = l;
    else
        clear_list(&l);
    return ok;
}

/* ---- what is legal ---- */

static void add_int(struct text *t, int64_t n)
{
    text_fmt(t, "%lld", (long long)n);
}

static void add_range(const struct config_item *item, struct text *t,
                      void (*print)(struct text *t, int64_t n))
{
    text_str(t, "from ");
    print(t, lowest_of(item));
    text_str(t, " to ");
    print(t, highest_of(item));
}

static void legal_bytes(const struct config_item *item, struct text *t)
{
    text_str(t, "text of ");
    if (lowest_of(item) == 0)
        text_str(t, "up to ");
    else if (lowest_of(item) < highest_of(item))
        text_fmt(t, "%lld to ", (long long)lowest_of(item));
    text_fmt(t, "%lld bytes", (long long)highest_of(item));
}

static void legal_bool(const struct config_item *item, struct text *t)
{
    (void)item;
    text_str(t, "true or false");
}

static void legal_int(const struct config_item *item, struct text *t)
{
    text_str(t, "a whole number ");
    add_range(item, t, add_int);
}

static void legal_duration(const struct config_item *item, struct text *t)
{
    text_str(t, "a duration ");
    add_range(item, t, units_print_duration);
}

static void legal_size(const struct config_item *item, struct text *t)
{
    text_str(t, "a size ");
    add_range(item, t, units_print_size);
}

static void legal_rate(const struct config_item *item, struct text *t)
{
    text_str(t, "a rate, its count ");
    add_range(item, t, add_int);
}

static void legal_address(const struct config_item *item, struct text *t)
{
    (void)item;
    text_str(t, "an address host:port");
}

static void legal_list(const struct config_item *item, struct text *t)
{
    text_fmt(t, "up to %lld texts, separated by commas", (long long)highest_of(item));
}

static void add_choices(const struct config_item *item, struct text *t)
{
    for (int i = 0; item->rule.choices[i]; i++) {
        text_str(t, i ? ", " : "");
        text_str(t, item->rule.choices[i]);
    }
}

static void legal_enum(const struct config_item *item, struct text *t)
{
    text_str(t, "one of ");
    add_choices(item, t);
}

static void legal_set(const struct config_item *item, struct text *t)
{
    text_str(t, "any of ");
    add_choices(item, t);
}

/* ---- kinds ---- */

static void clear_string(void *field)
{
    char **s = field;
    free(*s);
    *s = NULL;
}

static void clear_secret(void *field)
{
    secret_wipe(field);
}

struct kind {
    bool (*parse)(const struct config_item *item, struct slice s, void *field);
    void (*legal)(const struct config_item *item, struct text *t);
    const char *example;        /* or NULL */
    void (*clear)(void *field); /* NULL: owns nothing */
};

static const struct kind kinds[] = {
    [CONFIG_KIND_STRING] = {parse_string, legal_bytes, NULL, clear_string},
    [CONFIG_KIND_SECRET] = {parse_secret, legal_bytes, NULL, clear_secret},
    [CONFIG_KIND_BOOL] = {parse_bool, legal_bool, NULL, NULL},
    [CONFIG_KIND_INT] = {parse_int, legal_int, NULL, NULL},
    [CONFIG_KIND_DURATION] = {parse_duration, legal_duration, "500ms 2s 5m 2h 30d", NULL},
    [CONFIG_KIND_SIZE] = {parse_size, legal_size, "512 64k 1m", NULL},
    [CONFIG_KIND_RATE] = {parse_rate, legal_rate, "5/1m", NULL},
    [CONFIG_KIND_ADDRESS] = {parse_address, legal_address, "127.0.0.1:8081 [::1]:8081 :8081",
                             clear_string},
    [CONFIG_KIND_LIST] = {parse_list, legal_list, NULL, clear_list},
    [CONFIG_KIND_ENUM] = {parse_enum, legal_enum, NULL, NULL},
    [CONFIG_KIND_SET] = {parse_set, legal_set, NULL, NULL},
};

bool value_parse(const struct config_item *item, struct slice text, void *field)
{
    return kinds[item->kind].parse(item, text, field);
}

void value_clear(const struct config_item *item, void *field)
{
    if (kinds[item->kind].clear)
        kinds[item->kind].clear(field);
}

void value_legal(const struct config_item *item, struct text *t)
{
    kinds[item->kind].legal(item, t);
    if (item->rule.zero_word)
        text_fmt(t, ", or %s", item->rule.zero_word);
}

void value_expected(const struct config_item *item, struct text *t)
{
    value_legal(item, t);
    if (kinds[item->kind].example)
        text_fmt(t, ", like %s", kinds[item->kind].example);
}
