/* The command line. */
#include "flagship.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: batchnorm [--x FILE.npy|FILE.csv|FILE.csv.gz] [--label-column NAME|INDEX] [--labels FILE.npy]\n"
    "                 [--gamma FILE.npy] [--beta FILE.npy] [--dout FILE.npy] [--eps E] [--dtype f32|f64] [--dump DIR]\n"
    "                 [--against DIR] [--html FILE] [--export DIR] [--quiet]\n"
    "\n"
    "Batch normalization out of seven primitives, its backward written by the engine, step by step; compared with a\n"
    "handwritten fused kernel and checked against finite differences. Without options: the wine data, a linear layer\n"
    "to 3 classes and the softmax loss.\n"
    "\n"
    "  --x             the data, one row an example\n"
    "  --label-column  the column of a .csv that holds the class, 0 1 2 …: adds the layer and the loss. Its name, or\n"
    "                  where none has that name its index, counted from 0\n"
    "  --labels        the classes as a .npy of integers, one for each row\n"
    "  --gamma --beta  scale and shift of each column (default: random, so that no mistake hides behind 1 and 0)\n"
    "  --dout          the cotangent of out instead of a loss (default without labels: random)\n"
    "  --eps           added to the variance (default 1e-5)\n"
    "  --dtype         of the computation (default f64)\n"
    "  --dump          writes every step as DIR/NAME.npy, and the leaves as DIR/replay.npz\n"
    "  --against       compares with the arrays DIR/NAME.npy and names the first step that parts\n"
    "  --html          writes the explorer, a page to open in a browser\n"
    "  --export        writes the circuit as .svg and .dot, the tape as .json, and batchnorm as NumPy, C and LaTeX\n"
    "  --quiet         only the verdict\n"
    "\n"
    "Exit code: 0 nothing disagrees, 1 something parts or is not finite, 2 bad input.\n";

/* Also U+0080 to U+009F, which some terminals obey, and U+202A to U+202E, which turn a line around. */
char *harmless(char *text) {
    for (unsigned char *s = (unsigned char *)text; *s; s++) {
        const bool turns = s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae;
        if (*s < 0x20 || *s == 0x7f || turns || (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0)) *s = '?';
    }
    return text;
}

bool complain(const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "batchnorm: %s\n", harmless(text));
    return false;
}

static bool read_eps(const char *text, double *eps) {
    char *end;
    *eps = strtod(text, &end);
    return (*text && !*end && *eps > 0 && isfinite(*eps)) ||
           complain("--eps %s: a positive, finite number is needed", text);
}

static bool read_dtype(const char *text, tg_dtype *dtype) {
    *dtype = strcmp(text, "f32") == 0 ? TG_F32 : TG_F64;
    return *dtype == TG_F32 || strcmp(text, "f64") == 0 || complain("--dtype %s: f32 and f64 are known", text);
}

static bool consistent(const struct options *o) {
    if (o->label_column && o->labels) return complain("--label-column and --labels exclude each other");
    if (o->dout && (o->labels || o->label_column))
        return complain("--dout gives the cotangent, labels a loss that makes one: give one of them");
    if (o->html && strcmp(o->html, "-") == 0) return complain("--html -: a file is needed; the report goes to stdout");
    return true;
}

int read_options(int argc, char **argv, struct options *o) {
    *o = (struct options){.eps = 1e-5, .dtype = TG_F64};
    const struct {
        const char *name, **to;
    } texts[] = {{"--x", &o->x},          {"--labels", &o->labels},   {"--label-column", &o->label_column},
                 {"--gamma", &o->gamma},  {"--beta", &o->beta},       {"--dout", &o->dout},
                 {"--dump", &o->dump},    {"--against", &o->against}, {"--html", &o->html},
                 {"--export", &o->export}};
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--help") == 0) {
            fputs(usage, stdout);
            return 1;
        }
        if (strcmp(name, "--quiet") == 0) {
            o->quiet = true;
            continue;
        }
        size_t k = 0;
        while (k < sizeof texts / sizeof *texts && strcmp(name, texts[k].name) != 0) k++;
        bool text = k < sizeof texts / sizeof *texts, eps = strcmp(name, "--eps") == 0;
        if (!text && !eps && strcmp(name, "--dtype") != 0) return complain("unknown option %s (see --help)", name), 2;
        if (!value) return complain("%s needs a value (see --help)", name), 2;
        if (text)
            *texts[k].to = value;
        else if (!(eps ? read_eps(value, &o->eps) : read_dtype(value, &o->dtype)))
            return 2;
        i++;
    }
    return consistent(o) ? 0 : 2;
}
