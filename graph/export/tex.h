/* TeX for formulas and names, in the small subset that mathml_reader.c reads. */
#ifndef TG_TEX_H
#define TG_TEX_H

#include "lines.h"

/* ------------------------------------------------------------------------------------------------------- tex.c
 * user: the lines of a part, whose names are then ASCII for pdflatex; NULL: no part, and UTF-8. */
extern const struct tg__dialect tg__tex;

void tg__put_tex_number(struct tg__sheet *s, tg_dtype dtype, double v, int tight);
void tg__put_tex_axes(struct tg__sheet *s, int rank, const struct tg__attr *fates);
void tg__put_tex_operand(struct tg__sheet *s, const struct tg__wording *w, uint32_t id); /* by name or as a number */
void tg__put_tex_dims(struct tg__sheet *s, const tg_shape *dims);

/* -------------------------------------------------------------------------------------------------- tex_name.c */

/* The command of a Greek letter, by its name or in UTF-8: "\\gamma" for gamma and γ; NULL: it is none. */
const char *tg__greek(const char *word, size_t length);
/* row 0: t_{12} */
void tg__put_tex_name(struct tg__sheet *s, const struct tg__wording *w, uint32_t node, uint32_t row);
void tg__put_tex_text(struct tg__sheet *s, const char *text, size_t length, bool ascii); /* inside \mathrm{} */

/* --------------------------------------------------------------------------------------------- mathml_reader.c */

void tg__put_mathml(struct tg__sheet *s, const char *tex, size_t length);

#endif
