/* Sheets: where text goes. A writer puts its text on a sheet and does not care whether that is a file, a stream, or
 * another sheet behind an escape. */
#ifndef TG_SHEET_H
#define TG_SHEET_H

#include "io.h"

/* ----------------------------------------------------------------------------------------------------- sheet.c */

struct tg__sheet {
    void (*put)(struct tg__sheet *s, const char *text, size_t length);
    void *to;
};

struct tg__sheet tg__sheet_file(FILE *file);
struct tg__sheet tg__sheet_writer(struct tg__writer *w);
struct tg__sheet tg__sheet_html(struct tg__sheet *inner); /* & < > " ' become entities on their way to inner */

void tg__put(struct tg__sheet *s, const char *text);
void tg__put_n(struct tg__sheet *s, const char *text, size_t length);
void tg__putf(struct tg__sheet *s, const char *format, ...) TG_FORMAT_(2, 3); /* numbers and short words: 512 bytes */

/* What every tg_write_… does: opens the file, lets `write` fill it, commits. A false from `write` (which has recorded
 * why) or a full disk leaves no file. Clears an earlier run error. */
tg_status tg__write_sheet(tg_graph *g, const char *path, bool (*write)(struct tg__sheet *s, void *user), void *user);

/* ---------------------------------------------------------------------------------------------------- escape.c
 * A name on its way into a language: first what tg__clean does (well-formed, printable, cut to `most` bytes, 0: whole),
 * then that language's own. Quotes around it are the caller's. */

void tg__put_html(struct tg__sheet *s, const char *text, size_t most);
void tg__put_json(struct tg__sheet *s, const char *text); /* also safe inside <script>; whole, and not cleaned: every
                                                             byte comes back, ill-formed UTF-8 as U+FFFD */
void tg__put_comment(struct tg__sheet *s, const char *text, size_t most); /* C or Python: no line break, no comment end,
                                                                             no trigraph, no backslash at the end */
void tg__put_json_number(struct tg__sheet *s, double v); /* shortest that comes back the same; "nan" "inf" "-inf" quoted */

#endif
