/* Random numbers that are the same everywhere: splitmix64 (Steele, Lea and Flood 2014). Any state is a good seed. */
#ifndef TG_RANDOM_H
#define TG_RANDOM_H

#include <stdint.h>

static inline uint64_t tg__random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* low <= result < high, up to rounding, in steps of (high - low) / 2^53. */
static inline double tg__random_uniform(uint64_t *state, double low, double high) {
    return low + (high - low) * ((double)(tg__random_bits(state) >> 11) * 0x1p-53);
}

#endif
