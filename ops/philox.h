/* Philox 4x64-10 (Salmon, Moraes, Dror and Shaw 2011), the generator that counts: block number b of a stream is a
 * function of key and counter alone. */
#ifndef TG_PHILOX_H
#define TG_PHILOX_H

#include <stdint.h>

enum { TG__PHILOX_WORDS = 4, TG__PHILOX_ROUNDS = 10 };

/* The high half of a product of 128 bits; the low half is a * b. */
static inline uint64_t tg__high_product(uint64_t a, uint64_t b) {
    const uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    const uint64_t low = al * bl, one = ah * bl + (low >> 32), other = al * bh + (uint32_t)one;
    return ah * bh + (one >> 32) + (other >> 32);
}

static inline void tg__philox(const uint64_t counter[4], uint64_t key0, uint64_t key1, uint64_t word[4]) {
    uint64_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < TG__PHILOX_ROUNDS; round++) {
        const uint64_t m0 = UINT64_C(0xD2E7470EE14C6C93), m1 = UINT64_C(0xCA5A826395121157);
        const uint64_t h0 = tg__high_product(m0, c0), l0 = m0 * c0, h1 = tg__high_product(m1, c2), l1 = m1 * c2;
        c0 = h1 ^ c1 ^ key0;
        c1 = l1;
        c2 = h0 ^ c3 ^ key1;
        c3 = l0;
        key0 += UINT64_C(0x9E3779B97F4A7C15);
        key1 += UINT64_C(0xBB67AE8584CAA73B);
    }
    word[0] = c0;
    word[1] = c1;
    word[2] = c2;
    word[3] = c3;
}

#endif
