/* Constants as the optimizer counts with them (graph/compile/number.c). */
#include "form.h"
#include "support.h"

#include <criterion/criterion.h>

/* Fractions whose parts do not fit into 64 bits, or not into a double's digits, go on as plain numbers. */
Test(number, fractions) {
    static const int64_t part[] = {1, -3, INT64_C(1) << 31, (INT64_C(1) << 52) + 1, -((INT64_C(1) << 53) - 1)};
    enum { N = sizeof part / sizeof *part, ALL = N * N };
    struct tg__number number[ALL];
    for (int i = 0; i < ALL; i++) {
        const int64_t up = part[i / N], down = llabs(part[i % N]);
        number[i] = (struct tg__number){(double)up / (double)down, up, down};
    }
    for (int i = 0; i < ALL; i++)
        for (int k = 0; k < ALL; k++) {
            const struct tg__number x = number[i], y = number[k];
            const struct tg__number z[] = {tg__number_plus(x, y), tg__number_times(x, y), tg__number_over(x, y)};
            const double want[] = {x.value + y.value, x.value * y.value, x.value / y.value};
            for (int n = 0; n < 3; n++) {
                const double scale = n ? fabs(want[n]) : fabs(x.value) + fabs(y.value);
                /* The operands, the result and what is wanted are rounded once each: four halves of 2^-52. */
                cr_assert(fabs(z[n].value - want[n]) <= 0x1p-51 * scale, "%d of %d and %d: %g", n, i, k, z[n].value);
                if (z[n].down) cr_assert_eq(z[n].value, (double)z[n].up / (double)z[n].down);
            }
        }
}
