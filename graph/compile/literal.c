/* Numbers as C, exact: the shortest that comes back the same. */
#include "emit.h"

#include <math.h>
#include <stdlib.h>

const char *tg__c_type(tg_dtype dtype) {
    static const char *const type[] = {[TG_F32] = "float", [TG_F64] = "double", [TG_I32] = "int32_t"};
    return type[dtype];
}

static bool integer(double v, char *text) {
    if (v == INT32_MIN)
        strcpy(text, "-2147483647 - 1"); /* C has no negative literals, and 2147483648 is no int */
    else
        snprintf(text, TG__LITERAL, "%.0f", v);
    return v >= 0;
}

/* 1.0 / 178 where that is the very number, and no short decimal is. */
static bool fraction(bool f32, double v, char *text) {
    const double n = round(1 / v);
    if (!(n > 1 && n < (f32 ? 0x1p24 : 1e9)) || strlen(text) < 9) return false;
    const float single = 1.0f / (float)n;
    if ((f32 ? (double)single : 1 / n) != v) return false;
    snprintf(text, TG__LITERAL, f32 ? "1.0f / %.0f" : "1.0 / %.0f", n);
    return true;
}

bool tg__literal(tg_dtype dtype, double v, char text[TG__LITERAL]) {
    const bool f32 = dtype == TG_F32;
    if (dtype == TG_I32) return integer(v, text);
    if (!isfinite(v)) {
        strcpy(text, isnan(v) ? "NAN" : v > 0 ? "INFINITY" : "-INFINITY");
        return !(v < 0);
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, TG__LITERAL, "%.*g", digits, v);
        if ((f32 ? (double)strtof(text, NULL) : strtod(text, NULL)) == v) break;
    }
    if (fraction(f32, v, text)) return false;
    if (!strpbrk(text, ".e")) strcat(text, ".0");
    if (f32) strcat(text, "f");
    return !signbit(v);
}
