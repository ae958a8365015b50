#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/inifile.h"

struct seen {
    char lines[4096];
    struct text t;
    size_t longest_value;
};

static void note_section(void *arg, struct slice kind, struct slice id, int line)
{
    struct seen *s = arg;
    text_fmt(&s->t, "%d [%.*s|%.*s]\n", line, (int)kind.n, kind.n ? kind.p : "", (int)id.n,
             id.n ? id.p : "");
}

static void note_pair(void *arg, struct slice name, struct slice value, int line)
{
    struct seen *s = arg;
    text_fmt(&s->t, "%d %.*s=[%.*s]\n", line, (int)name.n, name.p, (int)value.n, value.p);
    if (value.n > s->longest_value)
        s->longest_value = value.n;
}

static void note_fault(void *arg, int line, const char *what)
{
    struct seen *s = arg;
    text_fmt(&s->t, "%d! %.24s\n", line, what);
}

static struct seen read_file(struct slice bytes)
{
    static const struct inifile_reader reader = {note_section, note_pair, note_fault};
    struct seen s = {.longest_value = 0};
    s.t = text_init(s.lines, sizeof s.lines);
    inifile_read(bytes, &reader, &s);
    s.t.p = s.lines;
    return s;
}

static void assert_read(const char *file, const char *lines)
{
    struct seen s = read_file(slice_of(file));
    assert_string_equal(s.lines, lines);
}

static void pairs_comments_and_sections_are_told_with_their_lines(void **state)
{
    (void)state;
    assert_read("# comment\n; comment = 1\n\na = 1\nb=two words \r\nc : x\n[app wx1]\nd=\n"
                "e = k=v:w\n[ client   a b ]\n[app]\n",
                "4 a=[1]\n5 b=[two words]\n6 c=[x]\n7 [app|wx1]\n8 d=[]\n9 e=[k=v:w]\n"
                "10 [client|a b]\n11 [app|]\n");
}

static void a_section_without_settings_is_told_too(void **state)
{
    (void)state;
    assert_read("[app a]\n[app b]\n[app c]", "1 [app|a]\n2 [app|b]\n3 [app|c]\n");
}

static void a_long_section_name_is_not_cut(void **state)
{
    (void)state;
    const char *id = "0123456789012345678901234567890123456789012345678901234567890123";
    char file[128], want[128];
    snprintf(file, sizeof file, "[app %s]\na=1", id);
    snprintf(want, sizeof want, "1 [app|%s]\n2 a=[1]\n", id);
    assert_read(file, want);
}

static void an_indented_line_is_a_pair_of_its_own(void **state)
{
    (void)state;
    assert_read("a = 1\n   b = 2\n\tc = 3\n  [app x]\n   words\n",
                "1 a=[1]\n2 b=[2]\n3 c=[3]\n4 [app|x]\n5! expected name = value\n");
}

static void a_semicolon_behind_a_blank_is_refused_and_cuts_nothing(void **state)
{
    (void)state;
    assert_read("a = x;y\nb = x ;y\nc = x\t;y\nd = ;\ne = ;z\n",
                "1 a=[x;y]\n2! \" ;\" would begin a comme\n3! \" ;\" would begin a comme\n"
                "4! \" ;\" would begin a comme\n5! \" ;\" would begin a comme\n");
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    assert_read("\xef\xbb\xbf[app x]\na=1\n", "1 [app|x]\n2 a=[1]\n");
    assert_read("\xef\xbb\xbf"
                "a=1\n",
                "1 a=[1]\n");
}

static void every_line_that_is_nothing_is_told_and_the_rest_is_read(void **state)
{
    (void)state;
    assert_read("a=1\nnonsense\n[app x\nmore nonsense\nb=2\n=3\n",
                "1 a=[1]\n2! expected name = value\n3 [|]\n3! expected ] at the end of\n"
                "4! expected name = value\n5 b=[2]\n6 =[3]\n");
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const char file[] = "a=1\nb=2\0c\n\0d=3\ne=4";
    struct seen s = read_file((struct slice){file, sizeof file - 1});
    assert_string_equal(s.lines, "1 a=[1]\n2! holds a NUL byte\n3! holds a NUL byte\n4 e=[4]\n");
}

static char *line_of(size_t value_length)
{
    size_t size = value_length + 16;
    char *file = xcalloc(size, 1);
    struct text t = text_init(file, size);
    text_str(&t, "a=");
    memset(file + 2, 'x', value_length);
    memcpy(file + 2 + value_length, "\nb=2\n", 6);
    return file;
}

static void a_line_is_read_whole_or_refused_never_cut(void **state)
{
    (void)state;
    bool refused_before = false;
    for (size_t n = 1; n < 20000; n = n < 300 || (n > 8100 && n < 8300) ? n + 1 : n + 97) {
        char *file = line_of(n);
        struct seen s = read_file(slice_of(file));
        bool refused = strstr(s.lines, "1! the line is too long") != NULL;
        assert_true(refused ? s.longest_value == 1 : s.longest_value == n);
        assert_true(refused || !refused_before);
        refused_before = refused;
        free(file);
    }
    assert_true(refused_before);
}

#ifdef INIH_IS_CONFIGURABLE
static void lines_of_eight_thousand_bytes_are_read(void **state)
{
    (void)state;
    char *file = line_of(8000);
    assert_int_equal(read_file(slice_of(file)).longest_value, 8000);
    free(file);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_comments_and_sections_are_told_with_their_lines),
        cmocka_unit_test(a_section_without_settings_is_told_too),
        cmocka_unit_test(a_long_section_name_is_not_cut),
        cmocka_unit_test(an_indented_line_is_a_pair_of_its_own),
        cmocka_unit_test(a_semicolon_behind_a_blank_is_refused_and_cuts_nothing),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(every_line_that_is_nothing_is_told_and_the_rest_is_read),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(a_line_is_read_whole_or_refused_never_cut),
#ifdef INIH_IS_CONFIGURABLE
        cmocka_unit_test(lines_of_eight_thousand_bytes_are_read),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
