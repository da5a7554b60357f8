/* What 14_ahead has written, in a program of its own: C99, and nothing but the two files. */
#include "batchnorm.h"

#include <stdio.h>

enum { N = 8, D = 3 };

static void fill(double *v, int count, int from) {
    for (int i = 0; i < count; i++) v[i] = (from + i) * 37 % 101 / 50. - 1;
}

static void print(const char *name, const double *v) {
    printf("  %-6s  %9.6f  %9.6f  %9.6f\n", name, v[0], v[1], v[2]);
}

int main(void) {
    static double x[N * D], gamma[D], beta[D], dout[N * D], out[N * D], dx[N * D], dgamma[D], dbeta[D];
    static double workspace[BATCHNORM_WORKSPACE / sizeof(double) + 1];
    const struct batchnorm_inputs inputs = {.x = x, .gamma = gamma, .beta = beta, .dout = dout};
    const struct batchnorm_outputs outputs = {.out = out, .dx = dx, .dgamma = dgamma, .dbeta = dbeta};
    fill(x, N * D, 0);
    fill(gamma, D, 30);
    fill(beta, D, 40);
    fill(dout, N * D, 50);
    if (batchnorm(&inputs, &outputs, workspace) != 0) return 1;
    puts("Without the library they are\n");
    print("out", out);
    print("dx", dx);
    print("dgamma", dgamma);
    print("dbeta", dbeta);
    return 0;
}
