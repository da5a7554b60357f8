/* The Hessian of Rosenbrock's valley, f = 100 (y - x²)² + (1 - x)², and Newton's method on it: a derivative is a node,
 * so is its derivative, and a step of Newton's is a run of the tape. */
#include <tapegrad.h>

#include <math.h>

/* p - H⁻¹ gradient, by Cramer's rule */
static void newton(double p[2], const double gradient[2], const double H[4]) {
    const double det = H[0] * H[3] - H[1] * H[2];
    p[0] -= (H[3] * gradient[0] - H[1] * gradient[1]) / det;
    p[1] -= (H[0] * gradient[1] - H[2] * gradient[0]) / det;
}

int main(void) {
    tg_graph *g = tg_graph_new();
    const tg_node hundred = tg_scalar(g, TG_F64, 100), one = tg_scalar(g, TG_F64, 1);
    const double head[] = {1, 0}, tail[] = {0, 1};

    TG_LET(p, tg_param(g, TG_F64, tg_shape1(2)));
    TG_LET(x, tg_sum(tg_mul(p, tg_const(g, TG_F64, tg_shape1(2), head)), tg_axes_all()));
    TG_LET(y, tg_sum(tg_mul(p, tg_const(g, TG_F64, tg_shape1(2), tail)), tg_axes_all()));
    TG_LET(valley, tg_sub(y, tg_square(x)));
    tg_node along = tg_square(tg_sub(one, x));
    TG_LET(f, tg_add(tg_mul(hundred, tg_square(valley)), along));
    TG_LET(slope, tg_vjp(f, p, tg_nil(g)));
    TG_LET(H, tg_jacobian(slope, p)); /* tg_hessian(f, p) is both */

    double at[2] = {-1.2, 1};
    printf("step         x         y             f                  gradient        Hessian\n");
    for (int step = 0; step <= 6; step++) {
        if (tg_set(p, at) || tg_run(g)) {
            puts(tg_message(g));
            return 1;
        }
        const double *gradient = tg_value(slope), *second = tg_value(H);
        printf("%4d %9.5f %9.5f %13.6g   [%9.3f, %9.3f]   [[%.2f, %.2f], [%.2f, %.2f]]\n", step, at[0], at[1],
               tg_item(f, 0), gradient[0], gradient[1], second[0], second[1], second[2], second[3]);
        newton(at, gradient, second);
    }

    /* How curved the valley is: the ratio of the Hessian's eigenvalues, of the largest and the smallest. */
    const double *h = tg_value(H), mean = (h[0] + h[3]) / 2, off = sqrt(pow((h[0] - h[3]) / 2, 2) + h[1] * h[2]);
    printf("at the bottom the Hessian's eigenvalues are %.4g and %.4g: steep %.0f times as much as flat\n", mean + off,
           mean - off, (mean + off) / (mean - off));

    /* Along one direction the whole Hessian is not needed. */
    TG_LET(v, tg_const(g, TG_F64, tg_shape1(2), tail));
    TG_LET(Hv, tg_hvp(f, p, v));
    if (tg_run(g)) puts(tg_message(g));
    printf("its second column, from two sweeps: [%.1f, %.1f]\n", tg_item(Hv, 0), tg_item(Hv, 1));
    tg_graph_free(g);
    return 0;
}
