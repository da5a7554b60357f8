/* Tables of numbers: what is read, to the last bit, and what is refused, with line and column. */
#include "support.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "\xef\xbb\xbf" /* byte order mark */

static tg_graph *g;
static void setup(void) { g = tg_graph_new(); }
static void teardown(void) { tg_graph_free(g); }
TestSuite(csv, .init = setup, .fini = teardown, .timeout = 60);

static tg_status read_bytes(const char *bytes, size_t count, tg_table *t) {
    char path[] = "test_csv.XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, count), (ssize_t)count);
    cr_assert_eq(close(fd), 0);
    tg_status status = tg_read_csv(g, path, t);
    cr_assert_eq(unlink(path), 0);
    if (status == TG_FILE) cr_assert_eq(strncmp(tg_message(g), path, strlen(path)), 0, "%s", tg_message(g));
    return status;
}

static tg_table read_ok(const char *text, size_t rows, size_t columns) {
    tg_table t;
    cr_assert_eq(read_bytes(text, strlen(text), &t), TG_OK, "%s", tg_message(g));
    cr_assert_eq(tg_error(g), TG_OK);
    cr_assert_eq(t.rows, rows, "%zu rows in %s", t.rows, text);
    cr_assert_eq(t.columns, columns, "%zu columns in %s", t.columns, text);
    cr_assert_not_null(t.data);
    return t;
}

static void bytes_refused(const char *bytes, size_t count, const char *says) {
    tg_table t = {.rows = 7};
    cr_assert_eq(read_bytes(bytes, count, &t), TG_FILE, "%s: read", bytes);
    cr_assert_not_null(strstr(tg_message(g), says), "'%s' is not in: %s", says, tg_message(g));
    cr_assert_eq(t.rows, 0);
    cr_assert_null(t.data);
    cr_assert_null(t.names);
}

static void refused(const char *text, const char *says) { bytes_refused(text, strlen(text), says); }

/* ----------------------------------------------------------------------------------------------------- accepted */

Test(csv, line_ends_marks_and_blanks) {
    static const char *const same[] = {
        "1,2\n3,4\n",    "1,2\n3,4",           "1,2\r\n3,4\r\n",   "1,2\r\n3,4\r", "1,2\n3,4\n\n\r\n \t\n",
        MARK "1,2\n3,4", " 1 ,\t2\n3\t, 4 \n", "1.0,2e0\n+3,4.\n", "1,2\r3,4\r",   MARK "1,2\r3,4",
        "1,2\n\"3\", \"4\" \n",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        tg_table t = read_ok(same[i], 2, 2);
        cr_assert_null(t.names);
        for (int k = 0; k < 4; k++) cr_assert_eq(t.data[k], k + 1);
    }
}

Test(csv, headers) {
    tg_table t = read_ok("x, y ,z\n1,2,3\n", 1, 3);
    cr_assert_str_eq(t.names[0], "x");
    cr_assert_str_eq(t.names[1], "y");
    cr_assert_str_eq(t.names[2], "z");
    cr_assert_eq(t.data[2], 3);
    t = read_ok(MARK "\"a, \"\"b\"\"\" , \" c \",,7,caf\xc3\xa9,\"\"\r\n1,2,3,4,5,6\r\n", 1, 6);
    cr_assert_str_eq(t.names[0], "a, \"b\"");
    cr_assert_str_eq(t.names[1], " c ");
    cr_assert_str_eq(t.names[2], "column3");
    cr_assert_str_eq(t.names[3], "7");
    cr_assert_str_eq(t.names[4], "caf\xc3\xa9");
    cr_assert_str_eq(t.names[5], "column6");
    t = read_ok("same,same", 0, 2);
    cr_assert_str_eq(t.names[0], t.names[1]);
    t = read_ok("\"1\"\n2\n", 1, 1); /* whoever quotes in the first line names columns, as pandas takes it */
    cr_assert_str_eq(t.names[0], "1");
    t = read_ok("\"a\",\"b\"\n\"1\",\"-2.5e3\"\n", 1, 2); /* as R writes row names */
    cr_assert_str_eq(t.names[1], "b");
    cr_assert(t.data[0] == 1 && t.data[1] == -2500);
    t = read_ok("\"a\",b\r\"1\",2\r", 1, 2);
    cr_assert(t.data[0] == 1 && t.data[1] == 2);
}

Test(csv, numbers_to_the_last_bit) {
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0.1", 0.1},
        {"-0", -0.0},
        {".5", 0.5},
        {"5.", 5},
        {"1E+2", 100},
        {"1e23", 1e23},
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000001", 9007199254740994.0},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"4.9406564584124654e-324", 4.9406564584124654e-324},
        {"1e-400", 0},
        {"1e400", INFINITY},
        {"inf", INFINITY},
        {"-Infinity", -INFINITY},
        {"+INF", INFINITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_table t = read_ok(cases[i].text, 1, 1);
        cr_assert_eq(memcmp(t.data, &cases[i].value, sizeof(double)), 0, "%s: %a", cases[i].text, t.data[0]);
    }
    cr_assert(isnan(read_ok("NaN", 1, 1).data[0]));
    cr_assert(isnan(read_ok("-nan", 1, 1).data[0]));
}

Test(csv, any_double_survives) {
    enum { ROWS = 500, COLUMNS = 3 };
    static char text[ROWS * COLUMNS * 26];
    static double data[ROWS * COLUMNS];
    size_t used = 0;
    uint64_t random = 1;
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        do {
            for (int k = 0; k < 3; k++) random = (random ^ random << 13 ^ random >> 7) * 0x9e3779b97f4a7c15U >> k;
            memcpy(&data[i], &random, sizeof random);
        } while (!isfinite(data[i]));
        used += (size_t)snprintf(text + used, sizeof text - used, "%.17g%c", data[i], (i + 1) % COLUMNS ? ',' : '\n');
    }
    tg_table t = read_ok(text, ROWS, COLUMNS);
    cr_assert_eq(memcmp(t.data, data, sizeof data), 0);
}

Test(csv, the_locale_does_not_matter) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8"};
    size_t i = 0;
    while (i < sizeof names / sizeof *names && setlocale(LC_ALL, names[i]) == NULL) i++;
    if (i == sizeof names / sizeof *names) cr_skip_test("no locale with a decimal comma is installed");
    cr_assert_eq(strtod("1,5", NULL), 1.5);
    tg_table t = read_ok("1.5,2.5\n", 1, 2);
    cr_assert_eq(t.data[0], 1.5);
    cr_assert_eq(t.data[1], 2.5);
    cr_assert_eq(strtod("1,5", NULL), 1.5);
}

/* ------------------------------------------------------------------------------------------------------ refused */

Test(csv, nothing_in_it) {
    static const char *const texts[] = {"", "\n", " \r\n\n", MARK, MARK "\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) refused(texts[i], "there is no table in it");
}

Test(csv, cells_that_are_no_numbers) {
    static const char *const cells[] = {
        "abc", "0x10", "0x1p3",  "1e",      "1e+",      "e5",  ".",   "+",     "-",   "--1",      "1 2", "1_0", "1.2.3",
        "1d5", "nan(", "nan(1)", "infinit", "infinite", "\v1", "1\f", "\"1 \"", "1;2", "\xd9\xa1", "na",  "#1",  "1%"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char text[64];
        snprintf(text, sizeof text, "x,y\n0,0\n0,%s\n", cells[i]);
        refused(text, ": line 3, column 2 ('y'): '");
        cr_assert_not_null(strstr(tg_message(g), "is not a number"));
    }
}

Test(csv, places_and_texts_are_named) {
    refused("1,2\n3,abc\n", ": line 2, column 2: 'abc' is not a number: put a number there, or leave the column out");
    refused("1,2\n3,NA\n", ": line 2, column 2: 'NA' is not a number: write nan where a number is missing");
    refused("a;b\n3.5;1\n", ": line 2, column 1 ('a;b'): '3.5;1' is not a number: separate the columns by commas");
    refused("a b\n3 1\n", "separate the columns by commas");
    refused("a\tb\n3\t1\n", "separate the columns by commas");
    refused("1,2\n3,\"\"\n", ": line 2, column 2: the cell is empty: write nan where a number is missing");
    refused("1,2\r\n3,\r\n", ": line 2, column 2: the cell is empty");
    refused("1,,3\n", ": line 1, column 2: the cell is empty");
    refused(",\n", ": line 1, column 1: the cell is empty");
    refused("x\n1\n\n2\n", ": line 3, column 1: the cell is empty");
    refused("\n1\n", ": line 1, column 1: the cell is empty");
    refused("1,2,3\n4,5\n", ": line 2, column 2: the line ends, but the first line has 3: ");
    refused("x,y\n1,2\n4,5,6\n", ": line 3, column 3: a further cell, but the first line has 2: ");
    refused("178,3,a\n1,2,3,0\n",
            ": line 2, column 4: a further cell, but the first line has 3: remove the first line if it is not one of");
    refused("x,\"y\n1,2\n", ": line 1, column 2: a quote is not closed");
    refused("\"x\"y,z\n1,2\n", ": line 1, column 1: text behind the closing quote");
    refused("x\n\"\"\"\n", ": line 2, column 1: a quote is not closed");
    refused("x,y\n1,\"2\"3\n", ": line 2, column 2: text behind the closing quote");
    refused("1,2\r3,4\n", ": byte 3: a carriage return within a line: save the file with one kind of line ends");
    bytes_refused("1,2\n3\0,4\n", 9, ": byte 5: a zero byte");
}

Test(csv, what_is_quoted_back_is_clean_and_short) {
    refused("x\n\x1b[31mred\x07\n", "'?[31mred?'");
    char text[5000] = "x\n";
    memset(text + 2, 'y', sizeof text - 3);
    refused(text, "yyyy...' is not a number");
    cr_assert_lt(strlen(tg_message(g)), 240);
    refused("\x1b[2J\n1\nz\n", "('?[2J')");
}

Test(csv, only_regular_files) {
    tg_table t;
    char folder[] = "test_csv.XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(tg_read_csv(g, folder, &t), TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "not a regular file"), "%s", tg_message(g));
    cr_assert_eq(rmdir(folder), 0);
    cr_assert_eq(mkfifo(folder, 0600), 0);
    cr_assert_eq(tg_read_csv(g, folder, &t), TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "not a regular file"), "%s", tg_message(g));
    cr_assert_eq(unlink(folder), 0);
    cr_assert_eq(tg_read_csv(g, folder, &t), TG_FILE);
    cr_assert_not_null(strstr(tg_message(g), "cannot be opened"), "%s", tg_message(g));
    cr_assert_eq(tg_read_csv(g, NULL, &t), TG_FILE);
    cr_assert_eq(tg_read_csv(NULL, folder, &t), TG_HANDLE);
}

Test(csv, any_cut_of_a_table_is_read_or_refused) {
    static const char text[] = MARK "\"a\"\"\",b , c\r\n1.5, -2e3,nan\r\n inf,0,.25\r\n\r\n";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        tg_table t;
        if (read_bytes(text, cut, &t) == TG_OK) cr_assert_leq(t.rows * t.columns, 6);
    }
}

/* ------------------------------------------------------------------------------------------------------- memory */

static int lowest_free_fd(void) {
    int fd = dup(0);
    close(fd);
    return fd;
}

Test(csv, every_allocation_may_fail) {
    static const char text[] = "x,y\n1,2\n3,4\n";
    tg_graph *before = g;
    int fd = lowest_free_fd();
    bool done = false;
    for (size_t n = 1; !done; n++) {
        struct heap heap = {0};
        tg_table t;
        g = tg_graph_new_with(heap_allocator(&heap));
        heap.fail_at = heap.calls + n;
        tg_status status = read_bytes(text, strlen(text), &t);
        done = heap.calls < heap.fail_at;
        cr_assert_eq(status, done ? TG_OK : TG_MEMORY, "allocation %zu: %s", n, tg_message(g));
        heap.fail_at = 0;
        read_ok(text, 2, 2); /* a second try */
        tg_graph_free(g);
        cr_assert_eq(heap.live, 0);
        cr_assert_eq(heap.blocks, 0);
        cr_assert_eq(heap.wrong, 0);
        cr_assert_eq(lowest_free_fd(), fd);
    }
    g = before;
}
