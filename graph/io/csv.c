/* A rectangular table of numbers, comma-separated. The first line is a header if any cell in it is quoted or no number.
 * Messages say what to do to the file, for most files come from elsewhere. */
#include "zip.h"

#include <stdlib.h>

enum { LONGEST = sizeof "column18446744073709551615" }; /* name that is made here */

struct csv {
    tg_graph *graph;
    const char *path;
    char *at, *stop, *end; /* the next cell, the end of its line, the end of the text, which has a 0 */
    size_t line, column;   /* counted from 1; of the cell that was read last */
};

struct cell {
    char *text;
    size_t length;
    bool quoted; /* text is what stands between the quotes, with "" for a quote */
};

static bool refuse(const struct csv *c, const char *what) {
    return tg__fail_file(c->graph, c->path, "line %zu, column %zu: %s", c->line, c->column, what) == TG_OK;
}

/* ------------------------------------------------------------------------------------------------------- cells */

static bool next_line(struct csv *c) {
    if (c->at >= c->end) return false;
    char *stop = memchr(c->at, '\n', (size_t)(c->end - c->at));
    c->stop = stop != NULL ? stop : c->end;
    c->line++;
    c->column = 0;
    return true;
}

static bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\r'; }

static bool quoted_cell(struct csv *c, char *at, struct cell *cell) {
    char *close = at;
    for (; close < c->stop; close++) {
        if (*close != '"') continue;
        if (close + 1 == c->stop || close[1] != '"') break;
        close++;
    }
    if (close >= c->stop) return refuse(c, "a quote is not closed in this line");
    *cell = (struct cell){.text = at, .length = (size_t)(close - at), .quoted = true};
    for (at = close + 1; at < c->stop && is_blank(*at);) at++;
    if (at < c->stop && *at != ',') return refuse(c, "text behind the closing quote");
    c->at = at + 1;
    return true;
}

/* Passes the comma behind the cell too, or the end of the line. */
static bool next_cell(struct csv *c, struct cell *cell) {
    char *at = c->at;
    c->column++;
    while (at < c->stop && is_blank(*at)) at++;
    if (at < c->stop && *at == '"') return quoted_cell(c, at + 1, cell);
    char *stop = memchr(at, ',', (size_t)(c->stop - at));
    if (stop == NULL) stop = c->stop;
    c->at = stop + 1;
    while (stop > at && is_blank(stop[-1])) stop--;
    *cell = (struct cell){.text = at, .length = (size_t)(stop - at)};
    return true;
}

static bool more_cells(const struct csv *c) { return c->at <= c->stop; }

/* strtod would also take blanks in front, hexadecimal numbers and nan(...). Quotes do not make text of a number. */
static bool is_number(const struct cell *cell, double *value) {
    if (cell->length == 0) return false;
    if (strspn(cell->text, "0123456789+-.eEnNaAiIfFtTyY") < cell->length) return false;
    char *stop;
    *value = strtod(cell->text, &stop);
    return stop == cell->text + cell->length;
}

/* ------------------------------------------------------------------------------------------------------ header */

/* Counts the columns by the first line, tells whether it is a header, and stays in front of it. */
static bool look_at_first_line(struct csv *c, size_t *columns, bool *header) {
    struct csv ahead = *c;
    struct cell cell;
    double value;
    *header = false;
    next_line(&ahead);
    while (more_cells(&ahead)) {
        if (!next_cell(&ahead, &cell)) return false;
        if (cell.quoted || (cell.length > 0 && !is_number(&cell, &value))) *header = true;
    }
    *columns = ahead.column;
    return true;
}

static char *copy_name(char *to, const struct cell *cell, size_t column) {
    if (cell->length == 0) return to + snprintf(to, LONGEST, "column%zu", column) + 1;
    for (size_t i = 0; i < cell->length; i++) {
        *to++ = cell->text[i];
        if (cell->quoted && cell->text[i] == '"') i++;
    }
    *to = '\0';
    return to + 1;
}

static bool read_names(struct csv *c, tg_table *table) {
    next_line(c);
    const char **names =
        tg__keep(c->graph, &c->graph->kept, table->columns * (sizeof *names + LONGEST) + (size_t)(c->stop - c->at));
    if (names == NULL) return false;
    char *text = (char *)(names + table->columns);
    for (size_t i = 0; i < table->columns; i++) {
        struct cell cell;
        if (!next_cell(c, &cell)) return false;
        names[i] = text;
        text = copy_name(text, &cell, c->column);
    }
    table->names = names;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- rows */

static bool is_missing(const struct cell *cell) {
    static const char *const words[] = {"NA", "N/A", "na", "n/a", "NULL", "null", "None", "?"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == cell->length && memcmp(words[i], cell->text, cell->length) == 0) return true;
    return false;
}

/* 1;2 and the like: digits on both sides of what separates columns elsewhere. */
static bool is_separated(const struct cell *cell) {
    for (size_t i = 1; i + 1 < cell->length; i++)
        if (strchr("; \t|", cell->text[i]) && strchr("0123456789.", cell->text[i - 1])) return true;
    return false;
}

static bool refuse_cell(struct csv *c, const struct cell *cell, const tg_table *table) {
    char text[40], name[40] = "", column[64] = "";
    const char *advice = is_missing(cell)     ? "write nan where a number is missing"
                         : is_separated(cell) ? "separate the columns by commas"
                                              : "put a number there, or leave the column out";
    if (cell->length == 0) return refuse(c, "the cell is empty: write nan where a number is missing");
    if (table->names != NULL)
        snprintf(column, sizeof column, " ('%s')", tg__clean(table->names[c->column - 1], name, sizeof name));
    return tg__fail_file(c->graph, c->path, "line %zu, column %zu%s: '%s' is not a number: %s", c->line, c->column,
                         column, tg__excerpt(cell->text, cell->length, text, sizeof text), advice) == TG_OK;
}

static bool refuse_width(struct csv *c, const tg_table *table, bool more) {
    return tg__fail_file(c->graph, c->path,
                         "line %zu, column %zu: %s, but the first line has %zu: remove the first line if it is not one "
                         "of the table, or complete this one",
                         c->line, c->column, more ? "a further cell" : "the line ends", table->columns) == TG_OK;
}

static bool read_row(struct csv *c, double *row, const tg_table *table) {
    struct cell cell;
    for (size_t i = 0; more_cells(c); i++) {
        if (!next_cell(c, &cell)) return false;
        if (i == table->columns) return refuse_width(c, table, true);
        if (!is_number(&cell, &row[i])) return refuse_cell(c, &cell, table);
    }
    if (c->column < table->columns) return refuse_width(c, table, false);
    return true;
}

static bool read_rows(struct csv *c, tg_table *table) {
    size_t cells = c->at < c->end;
    for (char *p = c->at; p < c->end; p++) cells += *p == ',' || *p == '\n';
    double *data = tg__keep(c->graph, &c->graph->kept, cells * sizeof *data);
    if (data == NULL) return false;
    while (next_line(c)) {
        if (!read_row(c, data + table->rows * table->columns, table)) return false;
        table->rows++;
    }
    table->data = data;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- file */

/* A file without a line feed, from a Macintosh before 2001, ends its lines by carriage returns. */
static void translate(struct csv *c) {
    if (memchr(c->at, '\n', (size_t)(c->end - c->at))) return;
    for (char *p = c->at; p < c->end; p++)
        if (*p == '\r') *p = '\n';
}

/* Skips a byte order mark, drops blank lines at the end, refuses bytes that do not belong in a text. */
static bool trim(struct csv *c) {
    translate(c);
    for (const char *p = c->at; p < c->end; p++)
        if (*p == '\0' || (*p == '\r' && p + 1 < c->end && p[1] != '\n'))
            return tg__fail_file(c->graph, c->path, "byte %zu: %s", (size_t)(p - c->at),
                                 *p ? "a carriage return within a line: save the file with one kind of line ends"
                                    : "a zero byte in a text: save the file as UTF-8") == TG_OK;
    if (c->end - c->at >= 3 && memcmp(c->at, "\xef\xbb\xbf", 3) == 0) c->at += 3;
    while (c->end > c->at && (is_blank(c->end[-1]) || c->end[-1] == '\n')) c->end--;
    *c->end = '\0';
    if (c->at == c->end) return tg__fail_file(c->graph, c->path, "there is no table in it") == TG_OK;
    return true;
}

static bool read_text(struct csv *c, tg_table *table) {
    bool header;
    return trim(c) && look_at_first_line(c, &table->columns, &header) && (!header || read_names(c, table)) &&
           read_rows(c, table);
}

/* strtod reads the decimal point of the thread's locale. */
static bool read_in_c_locale(struct csv *c, tg_table *table) {
    const struct tg__point point = tg__point_open();
    if (point.plain == (locale_t)0)
        return tg__fail_file(c->graph, c->path, "the locale \"C\" is not available") == TG_OK;
    bool ok = read_text(c, table);
    tg__point_close(point);
    return ok;
}

static bool read_table(struct tg__reader *r, tg_table *table) {
    if (r->size > SIZE_MAX / 64) /* so that no size made of the file's can wrap */
        return tg__fail_file(r->graph, r->path, "is too large") == TG_OK;
    size_t size = r->size;
    char *text = tg__alloc(r->graph, size + 1);
    if (text == NULL) return false;
    struct csv c = {.graph = r->graph, .path = r->path, .at = text, .end = text + size};
    bool ok = tg__read(r, text, size) && read_in_c_locale(&c, table);
    tg__release(r->graph, text, size + 1);
    return ok;
}

static bool read_packed(struct tg__reader *file, tg_table *table) {
    struct tg__unzip u;
    if (!tg__gzip_open(&u, file)) return false;
    const bool ok = read_table(&u.plain, table) && tg__unzip_finish(&u);
    tg__unzip_close(&u);
    return ok;
}

tg_status tg_read_csv(tg_graph *g, const char *path, tg_table *table) {
    if (table == NULL) return tg__fail_null(g, "read_csv", "table");
    *table = (tg_table){0};
    if (g == NULL) return TG_HANDLE;
    tg__clear_run(g);
    g->busy = true; /* out of memory here is cured by a second try, not by a rewind */
    struct tg__reader r;
    tg_table whole = {0};
    bool packed, ok = tg__read_open(&r, g, path) && tg__is_gzip(&r, &packed);
    ok = ok && (packed ? read_packed : read_table)(&r, &whole);
    tg__read_close(&r);
    g->busy = false;
    if (ok) *table = whole;
    return ok ? TG_OK : tg_error(g);
}
