/* `--compile` on the command line: the tape is run as a program. */
#ifndef TRAINING_COMPILED_H
#define TRAINING_COMPILED_H

#include "tapegrad.h"

void read_options(int *argc, char **argv); /* takes --compile and --compile=exact out, wherever they stand */
bool wants_program(void);

/* A program for these outputs; flags: of tg_compile. NULL: the reason is in g. Where it could not be compiled and is
 * interpreted, it says so on stderr. */
tg_program *make_program(tg_graph *g, const tg_node *outputs, size_t count, unsigned flags);
double item_of(const tg_program *p, tg_node a); /* of the program's last run; NULL: of the tape's. a: f64 */

#endif
