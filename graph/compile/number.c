/* Constants of products. One that is the correctly rounded 1/n counts as that fraction, so that n/n is 1. */
#include "form.h"

#include <math.h>

static const double MOST_COUNT = 2147483648.0; /* 2^31 */

/* The n that v is 1/n of, as far as its dtype can tell; 0: of none. */
static double count_of(double v, tg_dtype dtype) {
    const double n = rint(1 / v);
    if (!(fabs(n) > 1 && fabs(n) <= MOST_COUNT)) return 0;
    return v == 1 / n || (dtype == TG_F32 && v == (double)(float)(1 / n)) ? n : 0;
}

struct tg__number tg__number_of(double v, tg_dtype dtype) {
    if (v == rint(v) && fabs(v) <= MOST_COUNT) return (struct tg__number){v, (int64_t)v, 1};
    const double n = count_of(v, dtype);
    if (n == 0) return (struct tg__number){v, 0, 0};
    return (struct tg__number){1 / n, n < 0 ? -1 : 1, (int64_t)fabs(n)};
}

static int64_t divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* Reduced; and only fractions that a double's own digits can tell. down is positive. */
static struct tg__number fraction(int64_t up, int64_t down) {
    const int64_t d = divisor(up, down);
    up /= d;
    down /= d;
    const double value = (double)up / (double)down;
    const bool small = up > -(INT64_C(1) << 53) && up < INT64_C(1) << 53 && down < INT64_C(1) << 53;
    return small ? (struct tg__number){value, up, down} : (struct tg__number){value, 0, 0};
}

struct tg__number tg__number_times(struct tg__number a, struct tg__number b) {
    int64_t up, down;
    if (a.value * b.value == 0 && a.down && b.down) return (struct tg__number){a.value * b.value, 0, 1}; /* or -0 */
    const bool fits =
        a.down && b.down && !__builtin_mul_overflow(a.up, b.up, &up) && !__builtin_mul_overflow(a.down, b.down, &down);
    return fits ? fraction(up, down) : (struct tg__number){a.value * b.value, 0, 0};
}

struct tg__number tg__number_plus(struct tg__number a, struct tg__number b) {
    int64_t x, y, up, down;
    const bool fits = a.down && b.down && !__builtin_mul_overflow(a.up, b.down, &x) &&
                      !__builtin_mul_overflow(b.up, a.down, &y) && !__builtin_add_overflow(x, y, &up) &&
                      !__builtin_mul_overflow(a.down, b.down, &down);
    return fits ? fraction(up, down) : (struct tg__number){a.value + b.value, 0, 0};
}

struct tg__number tg__number_over(struct tg__number a, struct tg__number b) {
    const struct tg__number inverse = {1 / b.value, b.up < 0 ? -b.down : b.down, b.up < 0 ? -b.up : b.up};
    if (a.down && b.down && b.up) return tg__number_times(a, inverse);
    return (struct tg__number){a.value / b.value, 0, 0}; /* one rounding: x/x is 1 */
}

struct tg__number tg__number_power(struct tg__number a, int power) {
    struct tg__number z = {1, 1, 1};
    for (int i = 0; i < power; i++) z = tg__number_times(z, a);
    return z;
}
