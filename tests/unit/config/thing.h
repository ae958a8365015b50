/* thing.h - a program that has a setting of every kind, for the tests. */
#ifndef THING_H
#define THING_H

#include "config/config.h"

enum thing_colour { THING_RED, THING_GREEN, THING_BLUE };
enum thing_right { THING_READ = 1, THING_WRITE = 2, THING_ADMIN = 4 };

extern const char *const thing_colours[];
extern const char *const thing_rights[];

#define THING_SETTINGS(X, S)                                                                       \
    X(S, STRING, name, THING_NAME, "thing", CONFIG_RANGE(2, 16), CONFIG_RELOADABLE, "its name")    \
    X(S, STRING, note, THING_NOTE, NULL, CONFIG_ANY, 0, "a note | with a bar")                     \
    X(S, SECRET, key, THING_KEY, NULL, CONFIG_RANGE(4, 64), CONFIG_RELOADABLE, "its key")          \
    X(S, SECRET, url, THING_URL, "thing://localhost/0", CONFIG_ANY, 0, "may hold a password")      \
    X(S, BOOL, loud, THING_LOUD, "no", CONFIG_ANY, CONFIG_RELOADABLE, "whether it is loud")        \
    X(S, INT, count, THING_COUNT, "3", CONFIG_RANGE(-5, 9), CONFIG_RELOADABLE, "how many")         \
    X(S, INT, workers, THING_WORKERS, "1", CONFIG_RANGE_OR("auto", 1, 8), 0, "how many work")      \
    X(S, DURATION, wait_ms, THING_WAIT, "2s", CONFIG_RANGE(500, 3600000), CONFIG_RELOADABLE,       \
      "how long")                                                                                  \
    X(S, DURATION, probe_ms, THING_PROBE, "10m", CONFIG_RANGE_OR("off", 100, 86400000), 0,         \
      "how often")                                                                                 \
    X(S, SIZE, room, THING_ROOM, "64k", CONFIG_RANGE(512, 1048576), 0, "how much")                 \
    X(S, RATE, limit, THING_LIMIT, "5/1m", CONFIG_RANGE_OR("off", 1, 100), 0, "how many per time") \
    X(S, ADDRESS, listen, THING_LISTEN, "127.0.0.1:80", CONFIG_ANY, 0, "where")                    \
    X(S, LIST, tags, THING_TAGS, NULL, CONFIG_RANGE(0, 3), CONFIG_RELOADABLE, "its tags")          \
    X(S, LIST, pairs, THING_PAIRS, NULL, CONFIG_ANY, CONFIG_MASKED, "names with secrets")          \
    X(S, CHOICE(enum thing_colour), colour, THING_COLOUR, "green", CONFIG_ONE_OF(thing_colours),   \
      CONFIG_RELOADABLE, "its colour")                                                             \
    X(S, SET, rights, THING_RIGHTS, "read", CONFIG_ONE_OF(thing_rights), 0, "its rights")

#define THING_PART_SETTINGS(X, S)                                                                  \
    X(S, INT, weight, WEIGHT, "1", CONFIG_RANGE(1, 10), CONFIG_RELOADABLE, "its weight")           \
    X(S, SECRET, secret, SECRET, NULL, CONFIG_RANGE(4, 64), CONFIG_RELOADABLE, "its secret")       \
    X(S, DURATION, wait_ms, WAIT, "$THING_WAIT", CONFIG_RANGE(500, 3600000), CONFIG_RELOADABLE,    \
      "as THING_WAIT")                                                                             \
    X(S, STRING, gap, GAP, "$THING_HAS_NO_SUCH", CONFIG_ANY, CONFIG_RELOADABLE, "nothing")

struct thing_part {
    char *id;
    THING_PART_SETTINGS(CONFIG_FIELD, )
};

struct thing_settings {
    THING_SETTINGS(CONFIG_FIELD, )
    struct thing_part *parts;
    size_t n_parts;
    char *made; /* by finish, freed by release */
};

/* finish refuses a count that is not below the length of the name, and one part named "bad". */
extern const struct config_program thing_program;

/* The same with every setting as an option, with two arguments, and TOOL_ in the environment. */
extern const struct config_program thing_tool;

#endif
