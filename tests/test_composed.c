/* Composites, each as if it were one operator: value, first and second derivative, both dtypes. */
#include "operator_check.h"

TestSuite(composed, .timeout = 120);

static tg_node b_mean(const tg_node *x) { return tg_mean(x[0], tg_keep(tg_axes2(0, -1))); }
static double s_mean(const double *const *x, size_t j) {
    double sum = 0;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 4; k++) sum += x[0][i * 12 + j * 4 + k] / 8;
    return sum;
}
static tg_node b_var(const tg_node *x) { return tg_var(x[0], tg_axis(-1), 1); }
static double s_var(const double *const *x, size_t i) { /* half of the mean square of all differences */
    double sum = 0;
    for (size_t k = 0; k < 4; k++)
        for (size_t l = 0; l < k; l++) sum += pow(x[0][4 * i + k] - x[0][4 * i + l], 2);
    return sum / 12;
}
static tg_node b_std(const tg_node *x) { return tg_std(x[0], tg_keep(tg_axis(2)), 0); }
static double s_std(const double *const *x, size_t i) { return sqrt(s_var(x, i) * 3 / 4); }
static tg_node b_logsumexp(const tg_node *x) { return tg_logsumexp(x[0], tg_axis(1)); }
static double s_logsumexp(const double *const *x, size_t i) {
    return log(exp(x[0][3 * i]) + exp(x[0][3 * i + 1]) + exp(x[0][3 * i + 2]));
}
static tg_node b_softmax(const tg_node *x) { return tg_softmax(x[0], -1, "s"); }
static double s_softmax(const double *const *x, size_t at) { return exp(x[0][at] - s_logsumexp(x, at / 3)); }
static tg_node b_log_softmax(const tg_node *x) { return tg_log_softmax(x[0], 1, NULL); }
static double s_log_softmax(const double *const *x, size_t at) { return x[0][at] - s_logsumexp(x, at / 3); }
static tg_node b_layernorm(const tg_node *x) { return tg_layernorm(x[0], x[1], x[2], 2, 0.5, NULL); }
static double s_layernorm(const double *const *x,
                          size_t at) { /* the last two axes of [2, 2, 3], scale [2, 3], shift [3] */
    const double *row = x[0] + at / 6 * 6;
    double mean = 0, var = 0;
    for (size_t k = 0; k < 6; k++) mean += row[k] / 6;
    for (size_t k = 0; k < 6; k++) var += row[k] * row[k] / 6;
    return x[1][at % 6] * (row[at % 6] - mean) / sqrt(var - mean * mean + 0.5) + x[2][at % 3];
}
static tg_node b_mse(const tg_node *x) { return tg_mse_loss(x[0], x[1], TG_MEAN, "mse"); }
static double s_mse(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 12; i++) sum += x[0][i] * x[0][i] - 2 * x[0][i] * x[1][i] + x[1][i] * x[1][i];
    return sum / 12;
}
static tg_node b_prod(const tg_node *x) { return tg_prod(x[0], tg_axis(1)); }
static double s_prod(const double *const *x, size_t i) { return x[0][3 * i] * x[0][3 * i + 1] * x[0][3 * i + 2]; }
static tg_node b_prod_keep(const tg_node *x) { return tg_prod(x[0], tg_keep(tg_axes2(-1, 0))); }
static double s_prod_keep(const double *const *x, size_t j) {
    double product = 1;
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 3; k++) product *= x[0][i * 6 + j * 3 + k];
    return product;
}
static tg_node b_norm1(const tg_node *x) { return tg_norm(x[0], 1, tg_axis(1)); }
static double s_norm1(const double *const *x, size_t i) {
    return fabs(x[0][3 * i]) + fabs(x[0][3 * i + 1]) + fabs(x[0][3 * i + 2]);
}
static tg_node b_norm2(const tg_node *x) { return tg_norm(x[0], 2, tg_keep(tg_axis(-1))); }
static double s_norm2(const double *const *x, size_t i) {
    return hypot(hypot(x[0][3 * i], x[0][3 * i + 1]), x[0][3 * i + 2]);
}
static tg_node b_norm_max(const tg_node *x) { return tg_norm(x[0], (double)INFINITY, tg_axis(1)); }
static double s_norm_max(const double *const *x, size_t i) {
    return fmax(fmax(fabs(x[0][3 * i]), fabs(x[0][3 * i + 1])), fabs(x[0][3 * i + 2]));
}
static tg_node b_l1(const tg_node *x) { return tg_l1_loss(x[0], x[1], TG_MEAN, "l1"); }
static double s_l1(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 12; i++) sum += fmax(x[0][i], x[1][i]) - fmin(x[0][i], x[1][i]);
    return sum / 12;
}
static tg_node b_huber(const tg_node *x) { return tg_huber_loss(x[0], x[1], 0.75, TG_NONE, "huber"); }
static double s_huber(const double *const *x, size_t at) { /* the near part's height and the rest at its slope */
    const double off = fabs(x[0][at] - x[1][at]), near = fmin(off, 0.75);
    return near * near / 2 + 0.75 * (off - near);
}
static tg_node b_bce(const tg_node *x) { return tg_bce_with_logits(x[0], x[1], x[2], TG_SUM, NULL); }
static double s_bce(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 12; i++) {
        const double p = 1 / (1 + exp(-x[0][i]));
        sum -= x[2][i % 3] * x[1][i] * log(p) + (1 - x[1][i]) * log(1 - p);
    }
    return sum;
}
static tg_node b_nll(const tg_node *x) { return tg_nll_loss(x[0], labels(x[0]), x[1], TG_MEAN, NULL); }
static double s_nll(const double *const *x, size_t at) {
    double sum = 0, weight = 0;
    for (size_t i = at; i < 4; i++) {
        sum -= x[1][label_of[i]] * x[0][3 * i + label_of[i]];
        weight += x[1][label_of[i]];
    }
    return sum / weight;
}
static tg_node b_entropy(const tg_node *x) {
    return tg_cross_entropy(x[0], labels(x[0]), tg_nil(x[0].graph), TG_MEAN, "ce");
}
static double s_entropy(const double *const *x, size_t at) {
    double sum = 0;
    for (size_t i = at; i < 4; i++) sum -= s_log_softmax(x, 3 * i + label_of[i]);
    return sum / 4;
}
static tg_node b_entropies(const tg_node *x) { return tg_cross_entropy(x[0], labels(x[0]), x[1], TG_NONE, NULL); }
static double s_entropies(const double *const *x, size_t i) {
    return -x[1][label_of[i]] * s_log_softmax(x, 3 * i + label_of[i]);
}
static tg_node
b_mlp(const tg_node *x) { /* all biases are x[2]'s sum; the second layer's weights are the first's turned */
    tg_node b = tg_sum(x[2], tg_axes_all()), w[] = {x[1], tg_transpose(x[1], tg_axes_all())};
    return tg_mlp(x[0], w, (tg_node[]){b, b}, 2, "net");
}
static double s_mlp(const double *const *x, size_t at) { /* [4, 3] through [3, 2] and back */
    const double b = x[2][0] + x[2][1];
    double sum = b;
    for (size_t h = 0; h < 2; h++) {
        double hidden = b;
        for (size_t k = 0; k < 3; k++) hidden += x[0][at / 3 * 3 + k] * x[1][k * 2 + h];
        sum += fmax(hidden, 0) * x[1][at % 3 * 2 + h];
    }
    return sum;
}

static const struct structured composites[] = {
    {"mean", {3}, {{2, 3, 4}}, b_mean, s_mean},
    {"var", {3}, {{2, 3, 4}}, b_var, s_var},
    {"std", {3}, {{2, 3, 4}}, b_std, s_std},
    {"logsumexp", {2}, {{4, 3}}, b_logsumexp, s_logsumexp},
    {"softmax", {2}, {{4, 3}}, b_softmax, s_softmax},
    {"log_softmax", {2}, {{4, 3}}, b_log_softmax, s_log_softmax},
    {"layernorm", {3, 2, 1}, {{2, 2, 3}, {2, 3}, {3}}, b_layernorm, s_layernorm},
    {"mse_loss", {2, 2}, {{4, 3}, {4, 3}}, b_mse, s_mse},
    {"prod", {2}, {{4, 3}}, b_prod, s_prod},
    {"prod", {3}, {{2, 2, 3}}, b_prod_keep, s_prod_keep},
    {"norm", {2}, {{4, 3}}, b_norm1, s_norm1},
    {"norm", {2}, {{4, 3}}, b_norm2, s_norm2},
    {"norm", {2}, {{4, 3}}, b_norm_max, s_norm_max},
    {"l1_loss", {2, 2}, {{4, 3}, {4, 3}}, b_l1, s_l1},
    {"huber_loss", {2, 2}, {{4, 3}, {4, 3}}, b_huber, s_huber},
    {"bce_with_logits", {2, 2, 1}, {{4, 3}, {4, 3}, {3}}, b_bce, s_bce},
    {"nll_loss", {2, 1}, {{4, 3}, {3}}, b_nll, s_nll},
    {"cross_entropy", {2}, {{4, 3}}, b_entropy, s_entropy},
    {"cross_entropy", {2, 1}, {{4, 3}, {3}}, b_entropies, s_entropies},
    {"mlp", {2, 2, 1}, {{4, 3}, {3, 2}, {2}}, b_mlp, s_mlp},
};

Test(composed, every_composite) {
    uint64_t state = 20240608;
    tg_graph *g = tg_graph_new();
    const struct tg_op *const *row = g->calculus.operators, *as;
    while (strcmp((*row)->name, "sum") != 0) row++;
    as = *row; /* differentiable, from -2 to 2 */
    tg_graph_free(g);
    for (size_t i = 0; i < sizeof composites / sizeof *composites; i++) {
        struct tg_op op = *as;
        op.name = composites[i].op;
        check_one(&op, &composites[i], &state);
    }
}
