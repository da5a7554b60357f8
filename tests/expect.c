/* expect [--exit STATUS] PROGRAM EXPECTED [-- ARGUMENT...]
 *
 * Runs PROGRAM and passes if it exits with STATUS (0 unless given) and prints what the file EXPECTED holds. Lines are
 * compared one by one, any run of blanks as one. Numbers may differ by 1e-11 + 1e-5 of the larger, because the last
 * digits depend on the processor; all other characters must be equal. Exit status: 0 passed, 1 failed, 2 could not try.
 */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char blanks[] = " \t\r\v\f";

static void give_up(const char *what) {
    perror(what);
    exit(2);
}

static char *read_all(int fd, const char *what) {
    size_t room = 4096, length = 0;
    char *text = malloc(room);
    for (;;) {
        if (!text) give_up(what);
        ssize_t n = read(fd, text + length, room - length - 1);
        if (n < 0) give_up(what);
        if (n == 0) break;
        length += (size_t)n;
        if (room - length == 1) text = realloc(text, room *= 2);
    }
    text[length] = '\0';
    if (strlen(text) != length) {
        fprintf(stderr, "%s: a zero byte in the text\n", what);
        exit(2);
    }
    return text;
}

static char *read_file(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) give_up(path);
    char *text = read_all(fd, path);
    close(fd);
    return text;
}

/* What the program prints; *status as from waitpid. */
static char *run(char **argv, int *status) {
    int ends[2];
    if (pipe(ends) < 0) give_up("pipe");
    pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0) give_up("dup2");
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    close(ends[1]);
    char *text = read_all(ends[0], argv[0]);
    close(ends[0]);
    if (waitpid(child, status, 0) < 0) give_up("waitpid");
    return text;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool starts_number(const char *s) {
    if (*s == '-' || *s == '+') s++;
    if (*s == '.') s++;
    return is_digit(*s);
}

static bool near(double a, double b) { return a == b || fabs(a - b) <= 1e-11 + 1e-5 * fmax(fabs(a), fabs(b)); }

static bool same_line(const char *a, const char *b) {
    a += strspn(a, blanks);
    b += strspn(b, blanks);
    for (;;) {
        size_t gap_a = strspn(a, blanks), gap_b = strspn(b, blanks);
        a += gap_a;
        b += gap_b;
        if (!*a || !*b) return *a == *b;
        if ((gap_a > 0) != (gap_b > 0)) return false;
        if (starts_number(a) && starts_number(b)) {
            char *end_a, *end_b;
            if (!near(strtod(a, &end_a), strtod(b, &end_b))) return false;
            a = end_a;
            b = end_b;
        } else if (*a++ != *b++) {
            return false;
        }
    }
}

/* Cuts the next line off the text; NULL at its end. */
static const char *next_line(char **text) {
    char *line = *text;
    if (!*line) return NULL;
    size_t length = strcspn(line, "\n");
    *text += length + (line[length] == '\n');
    line[length] = '\0';
    return line;
}

static bool same_text(char *expected, char *printed) {
    for (int number = 1;; number++) {
        const char *a = next_line(&expected), *b = next_line(&printed);
        if (!a && !b) return true;
        if (!a || !b || !same_line(a, b)) {
            fprintf(stderr, "expect: line %d differs\n  expected: %s\n  printed:  %s\n", number, a ? a : "(the end)",
                    b ? b : "(the end)");
            return false;
        }
    }
}

static bool exited_with(int wanted, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == wanted) return true;
    if (WIFSIGNALED(status))
        fprintf(stderr, "expect: ended by signal %d\n", WTERMSIG(status));
    else
        fprintf(stderr, "expect: exit status %d, expected %d\n", WEXITSTATUS(status), wanted);
    return false;
}

int main(int argc, char **argv) {
    int wanted = 0, at = 1;
    if (argc > 2 && strcmp(argv[1], "--exit") == 0) {
        wanted = atoi(argv[2]);
        at = 3;
    }
    if (argc < at + 2 || (argc > at + 2 && strcmp(argv[at + 2], "--") != 0)) {
        fputs("usage: expect [--exit STATUS] PROGRAM EXPECTED [-- ARGUMENT...]\n", stderr);
        return 2;
    }
    char *expected = read_file(argv[at + 1]);

    /* The program's own argv: its path in place of "--", or in place of EXPECTED where nothing follows. */
    char **program = argc > at + 2 ? &argv[at + 2] : &argv[at + 1];
    program[0] = argv[at];

    int status;
    char *printed = run(program, &status);
    bool same = same_text(expected, printed);
    bool passed = exited_with(wanted, status) && same;
    free(printed);
    free(expected);
    return passed ? 0 : 1;
}
