#include "draw.h"
tg_status tg_write_dot(tg_graph *g, tg_grads d, const char *path, const tg_draw_options *options) { (void)d,(void)path,(void)options; return tg_error(g); }
