#include "config/inifile.h"

#include <ini.h>
#include <string.h>

enum { LONGEST_LINE = 8192 }; /* where inih can be told to take more than its 197 bytes */

struct file {
    struct slice rest;
    int line;
    const struct inifile_reader *reader;
    void *arg;
};

static void report(struct file *f, const char *what)
{
    f->reader->fault(f->arg, f->line, what);
}

static void read_section(struct file *f, struct slice line)
{
    if (line.p[line.n - 1] != ']') {
        const struct slice unknown = {NULL, 0};
        f->reader->section(f->arg, unknown, unknown, f->line);
        report(f, "expected ] at the end of a section's name");
        return;
    }
    struct slice id = slice_trim((struct slice){line.p + 1, line.n - 2});
    struct slice kind = slice_cut(&id, ' ');
    f->reader->section(f->arg, kind, slice_trim(id), f->line);
}

/* inih takes a semicolon behind a blank for the start of a comment. */
static bool has_inline_comment(struct slice line)
{
    for (size_t i = 1; i < line.n; i++) {
        if (line.p[i] == ';' && (line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
            return true;
    }
    return false;
}

/* What is wrong with a line that is neither comment nor section, NULL if nothing. */
static const char *find_fault(struct slice line, size_t room)
{
    if (memchr(line.p, '\0', line.n))
        return "holds a NUL byte";
    if (!memchr(line.p, '=', line.n) && !memchr(line.p, ':', line.n))
        return "expected name = value";
    if (line.n > room)
        return "the line is too long; put a long secret into a file and name it as name_file";
    if (has_inline_comment(line))
        return "\" ;\" would begin a comment here; a comment needs a line of its own, and a secret "
               "that holds it a file, named as name_file";
    return NULL;
}

/* The next line for inih, the reader of which this is: empty when it is none of its business. */
static char *next_line(char *out, int size, void *arg)
{
    struct file *f = arg;
    if (!f->rest.p)
        return NULL;
    struct slice line = slice_trim(slice_cut(&f->rest, '\n'));
    size_t room = (size_t)size - 2; /* for the newline and the NUL */
    f->line++;
    char first = line.n > 0 ? line.p[0] : '#';
    bool pair = first != '#' && first != ';' && first != '[';
    if (first == '[')
        read_section(f, line);
    const char *fault = pair ? find_fault(line, room) : NULL;
    if (fault)
        report(f, fault);
    if (!pair || fault)
        line.n = 0;
    memcpy(out, line.n ? line.p : "", line.n);
    out[line.n] = '\n';
    out[line.n + 1] = '\0';
    return out;
}

static int take_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct file *f = arg;
    (void)section;
    f->reader->pair(f->arg, slice_of(name), slice_of(value), f->line);
    return 1;
}

void inifile_read(struct slice bytes, const struct inifile_reader *reader, void *arg)
{
    struct file f = {slice_without_bom(bytes), 0, reader, arg};
#ifdef INIH_IS_CONFIGURABLE
    ini_use_stack = false;
    ini_max_line = ini_initial_alloc = LONGEST_LINE;
#endif
    if (ini_parse_stream(next_line, &f, take_pair, &f) != 0)
        report(&f, "cannot be read as name = value");
}
