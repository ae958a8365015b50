#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/dotenv.h"

struct seen {
    char lines[1024];
    struct text t;
};

static void note(void *arg, struct slice name, struct slice value, int line)
{
    struct seen *s = arg;
    text_fmt(&s->t, "%d %.*s", line, (int)name.n, name.p);
    if (value.p)
        text_fmt(&s->t, "=[%.*s]\n", (int)value.n, value.p);
    else
        text_str(&s->t, " unfinished\n");
}

static void assert_read(const char *file, const char *pairs)
{
    struct seen s;
    s.t = text_init(s.lines, sizeof s.lines);
    dotenv_read(slice_of(file), note, &s);
    assert_string_equal(s.lines, pairs);
}

static void plain_values_are_trimmed_and_end_at_a_comment(void **state)
{
    (void)state;
    assert_read("A=1\nB = two words \r\nexport C=3\n  D=4# no comment\nE=5 # comment\nF=\nG= # c\n"
                "H=a;b c=d\n",
                "1 A=[1]\n2 B=[two words]\n3 C=[3]\n4 D=[4# no comment]\n5 E=[5]\n6 F=[]\n"
                "7 G=[]\n8 H=[a;b c=d]\n");
}

static void quoted_values_keep_what_stands_in_them(void **state)
{
    (void)state;
    assert_read(
        "A=\" a # b \"\nB='it\\n \"x\"'\nC=\"line\\nnext \\\"q\\\" \\\\ \\t.\"\nD=\"\" # e\n"
        "E=''\n",
        "1 A=[ a # b ]\n2 B=[it\\n \"x\"]\n3 C=[line\nnext \"q\" \\ \t.]\n4 D=[]\n5 E=[]\n");
}

static void quoted_values_may_go_on_over_lines_and_line_numbers_stay_right(void **state)
{
    (void)state;
    assert_read("A=\"one\ntwo\nB=no\n\"\nC=3\n", "1 A=[one\ntwo\nB=no\n]\n5 C=[3]\n");
}

static void quotes_that_do_not_end_are_told_and_the_rest_is_read(void **state)
{
    (void)state;
    assert_read("A='never\nB=2\n", "1 A unfinished\n2 B=[2]\n");
    assert_read("A=\"ends in a backslash\\", "1 A unfinished\n");
}

static void other_lines_are_skipped(void **state)
{
    (void)state;
    assert_read("\xef\xbb\xbf"
                "# A=0\n\n   \nwords\n=1\na-b=2\n1 2=3\nexport\nexport X\nA\tB=1\nOK=1",
                "11 OK=[1]\n");
    assert_read("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values_are_trimmed_and_end_at_a_comment),
        cmocka_unit_test(quoted_values_keep_what_stands_in_them),
        cmocka_unit_test(quoted_values_may_go_on_over_lines_and_line_numbers_stay_right),
        cmocka_unit_test(quotes_that_do_not_end_are_told_and_the_rest_is_read),
        cmocka_unit_test(other_lines_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
