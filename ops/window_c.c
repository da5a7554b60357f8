/* Windows and convolutions as C: helpers that are given whole arrays, and the sizes. Padding is multiplied like any
 * other element, and the sums have the order of the kernels, so the bits are theirs. */
#include "product.h"
#include "window.h"

/* The arguments of all of them: pictures, channels, filters, and for both axes size, taps, positions, stride, padding,
 * dilation. */
#define SIZES                                                                                                          \
    "ptrdiff_t N, ptrdiff_t C, ptrdiff_t F, ptrdiff_t H, ptrdiff_t W, ptrdiff_t h, ptrdiff_t w,\n"                     \
    "    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t down, ptrdiff_t across, ptrdiff_t top, ptrdiff_t left,\n"        \
    "    ptrdiff_t fall, ptrdiff_t skip"

#define ELEMENT "const ptrdiff_t y = r * down + i * fall - top, x = s * across + j * skip - left;\n"

#define INSIDE "y >= 0 && y < H && x >= 0 && x < W"

static const char windows_text[] =
    "/* What tap (i, j) of the window at position (r, s) sees, for every one of the N*C pictures. */\n"
    "static void windows$(T *z, const T *a, " SIZES ", ptrdiff_t fill) {\n"
    "    for (ptrdiff_t p = 0; p < N * C; p++, a += H * W)\n"
    "        for (ptrdiff_t i = 0; i < h; i++)\n"
    "            for (ptrdiff_t j = 0; j < w; j++)\n"
    "                for (ptrdiff_t r = 0; r < rows; r++)\n"
    "                    for (ptrdiff_t s = 0; s < columns; s++) {\n"
    "                        " ELEMENT "                        *z++ = " INSIDE
    " ? a[y * W + x] : fill ? (T)(fill > 0 ? INFINITY : -INFINITY) : 0;\n"
    "                    }\n"
    "    (void)F;\n"
    "}\n";

static const char fold_text[] =
    "/* The way back: each element of a picture is the sum over the taps that saw it. */\n"
    "static void fold$(T *z, const T *a, " SIZES ") {\n"
    "    for (ptrdiff_t p = 0; p < N * C; p++, z += H * W) {\n"
    "        for (ptrdiff_t k = 0; k < H * W; k++) z[k] = 0;\n"
    "        for (ptrdiff_t i = 0; i < h; i++)\n"
    "            for (ptrdiff_t j = 0; j < w; j++)\n"
    "                for (ptrdiff_t r = 0; r < rows; r++)\n"
    "                    for (ptrdiff_t s = 0; s < columns; s++, a++) {\n"
    "                        " ELEMENT "                        if (" INSIDE ") z[y * W + x] += *a;\n"
    "                    }\n"
    "    }\n"
    "    (void)F;\n"
    "}\n";

static const char conv2d_text[] =
    "/* Filter f at position (r, s) of picture n: the sum over channels c and taps (i, j); what lies outside is 0. */\n"
    "static void conv2d$(T *z, const T *a, const T *b, " SIZES ") {\n"
    "    for (ptrdiff_t n = 0; n < N; n++)\n"
    "        for (ptrdiff_t f = 0; f < F; f++)\n"
    "            for (ptrdiff_t r = 0; r < rows; r++)\n"
    "                for (ptrdiff_t s = 0; s < columns; s++) {\n"
    "                    T sum = 0;\n"
    "                    for (ptrdiff_t c = 0; c < C; c++)\n"
    "                        for (ptrdiff_t i = 0; i < h; i++)\n"
    "                            for (ptrdiff_t j = 0; j < w; j++) {\n"
    "                                " ELEMENT "                                const T seen = " INSIDE
    " ? a[((n * C + c) * H + y) * W + x] : 0;\n"
    "                                sum += b[((f * C + c) * h + i) * w + j] * seen;\n"
    "                            }\n"
    "                    *z++ = sum;\n"
    "                }\n"
    "}\n";

static const char data_text[] = "/* conv2d's gradient with respect to its pictures. */\n"
                                "static void conv2d_data$(T *z, const T *a, const T *b, " SIZES ") {\n"
                                "    for (ptrdiff_t k = 0; k < N * C * H * W; k++) z[k] = 0;\n"
                                "    for (ptrdiff_t n = 0; n < N; n++)\n"
                                "        for (ptrdiff_t c = 0; c < C; c++)\n"
                                "            for (ptrdiff_t i = 0; i < h; i++)\n"
                                "                for (ptrdiff_t j = 0; j < w; j++)\n"
                                "                    for (ptrdiff_t r = 0; r < rows; r++)\n"
                                "                        for (ptrdiff_t s = 0; s < columns; s++) {\n"
                                "                            " ELEMENT "                            T sum = 0;\n"
                                "                            for (ptrdiff_t f = 0; f < F; f++)\n"
                                "                                sum += b[((f * C + c) * h + i) * w + j] * a[((n * F + "
                                "f) * rows + r) * columns + s];\n"
                                "                            if (" INSIDE ") z[((n * C + c) * H + y) * W + x] += sum;\n"
                                "                        }\n"
                                "}\n";

static const char weight_text[] =
    "/* conv2d's gradient with respect to its windows: pictures are added up in groups, and the groups then. */\n"
    "static void conv2d_weight$(T *z, const T *a, const T *b, " SIZES ", ptrdiff_t group) {\n"
    "    for (ptrdiff_t f = 0; f < F; f++)\n"
    "        for (ptrdiff_t c = 0; c < C; c++)\n"
    "            for (ptrdiff_t i = 0; i < h; i++)\n"
    "                for (ptrdiff_t j = 0; j < w; j++) {\n"
    "                    T total = 0, sum = 0;\n"
    "                    for (ptrdiff_t n = 0; n < N; n++) {\n"
    "                        for (ptrdiff_t r = 0; r < rows; r++)\n"
    "                            for (ptrdiff_t s = 0; s < columns; s++) {\n"
    "                                " ELEMENT "                                const T seen = " INSIDE
    " ? a[((n * C + c) * H + y) * W + x] : 0;\n"
    "                                sum += b[((n * F + f) * rows + r) * columns + s] * seen;\n"
    "                            }\n"
    "                        if ((n + 1) % group && n + 1 < N) continue;\n"
    "                        total = n < group ? sum : total + sum;\n"
    "                        sum = 0;\n"
    "                    }\n"
    "                    *z++ = total;\n"
    "                }\n"
    "}\n";

enum { SIZES_GIVEN = 15 };

static const struct tg__helper windows = {"windows", windows_text}, folded = {"fold", fold_text},
                               conv2d = {"conv2d", conv2d_text}, data = {"conv2d_data", data_text},
                               weight = {"conv2d_weight", weight_text};

/* x: pictures; y: windows [F, C, height, width], NULL where there are none. One more argument may follow. */
static void call(struct tg__emit *e, const struct tg__helper *helper, const tg_shape *x, const tg_shape *y, int more,
                 int64_t last) {
    struct tg__window w;
    if (tg__window(e->node->attr, &w)) return;
    const int64_t sizes[SIZES_GIVEN + 1] = {x->dim[0],    x->dim[1],     y ? y->dim[0] : 0, w.size[0],
                                            w.size[1],    w.taps[0],     w.taps[1],         w.count[0],
                                            w.count[1],   w.stride[0],   w.stride[1],       w.padding[0],
                                            w.padding[1], w.dilation[0], w.dilation[1],     last};
    tg__emit_call(e, helper, SIZES_GIVEN + more, sizes);
    e->rounds = y && tg__is_large((double)y->dim[0], (double)(y->dim[1] * y->dim[2]) * (double)y->dim[3],
                                  (double)w.count[0] * (double)w.count[1]);
}

void tg__emit_windows(struct tg__emit *e) {
    e->math = true; /* the helper names INFINITY, whatever it fills with */
    call(e, &windows, &e->in[0]->shape->dims, NULL, 1, e->node->attr->number);
}

void tg__emit_fold(struct tg__emit *e) { call(e, &folded, &e->node->shape->dims, NULL, 0, 0); }

void tg__emit_conv2d(struct tg__emit *e) { call(e, &conv2d, &e->in[0]->shape->dims, &e->in[1]->shape->dims, 0, 0); }

void tg__emit_conv2d_data(struct tg__emit *e) { call(e, &data, &e->node->shape->dims, &e->in[1]->shape->dims, 0, 0); }

void tg__emit_conv2d_weight(struct tg__emit *e) {
    const int64_t pictures = e->in[0]->shape->dims.dim[0];
    call(e, &weight, &e->in[0]->shape->dims, &e->node->shape->dims, 1, pictures ? tg__group(pictures) : 1);
}
