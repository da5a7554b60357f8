/* A pad in NumPy: np.pad puts fill around an array. Where the elements are further apart than one step, or go
 * backwards, it is turned round and spread first. */
#include "numpy.h"

static int64_t gap(const struct tg__attr *attr, int axis) {
    return (attr->step[axis] < 0 ? -attr->step[axis] : attr->step[axis]) - 1;
}

static void put_fill(struct tg__sheet *s, const struct tg__node *n) {
    tg__put(s, tg__numpy_number((tg_dtype)n->dtype, n->attr->value).text);
}

/* What comes before and behind, where what lies between the elements is there already. */
static void put_widths(struct tg__sheet *s, const struct tg__node *n, const tg_shape *x) {
    tg__put(s, x->rank ? "(" : "0");
    for (int i = 0; i < x->rank; i++) {
        const int64_t first = n->attr->first[i], last = first + (x->dim[i] - 1) * n->attr->step[i];
        const int64_t low = x->dim[i] == 0 || first < last ? first : last, high = first > last ? first : last;
        const int64_t behind = n->shape->dims.dim[i] - (x->dim[i] == 0 ? 0 : high + 1);
        tg__putf(s, i ? ", (%lld, %lld)" : "(%lld, %lld)", (long long)low, (long long)behind);
    }
    tg__put(s, x->rank == 1 ? ",)" : x->rank ? ")" : "");
}

static void open(struct tg__sheet *s, const struct tg__node *n, int rank) {
    bool turned = false;
    for (int i = 0; i < rank; i++) {
        if (gap(n->attr, i)) tg__put(s, "np.insert(");
        turned |= n->attr->step[i] < 0;
    }
    if (turned) tg__put(s, "np.flip(");
}

static void close(struct tg__sheet *s, const struct tg__node *n, const tg_shape *x) {
    int turned = 0;
    for (int i = 0; i < x->rank; i++)
        if (n->attr->step[i] < 0) tg__putf(s, turned++ ? ", %d" : ", axis=(%d", i);
    if (turned) tg__put(s, turned == 1 ? ",))" : "))");
    for (int i = 0; i < x->rank; i++) {
        if (!gap(n->attr, i)) continue;
        tg__putf(s, ", np.repeat(np.arange(1, %lld), %lld), ", (long long)x->dim[i], (long long)gap(n->attr, i));
        put_fill(s, n);
        tg__putf(s, ", axis=%d)", i);
    }
}

bool tg__put_numpy_pad(struct tg__sheet *s, const tg_graph *g, const struct tg__node *n, const char *at,
                       size_t length) {
    const tg_shape *x = &tg__node_of(g, n->in[0])->shape->dims;
    if (tg__is_word("fill", at, length))
        put_fill(s, n);
    else if (tg__is_word("widths", at, length))
        put_widths(s, n, x);
    else if (tg__is_word("spread", at, length))
        open(s, n, x->rank);
    else if (tg__is_word("apart", at, length))
        close(s, n, x);
    else
        return false;
    return true;
}
