//go:build linux && cgo && !nonative

// Conversions between pictures of one size. libswscale's fast ones are up to
// three levels off, its exact ones take four times as long. These are loops
// of 16-bit arithmetic that compilers turn into SIMD on any machine.
#pragma GCC optimize("O3")

#include "av.h"

#include <string.h>

// Rows are inlined into the two functions that are compiled for each machine.
#define ST_ROW static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define ST_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define ST_CLONES
#endif

// The high half of a product: pmulhw and its like elsewhere.
ST_ROW int16_t mulhi(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b) >> 16);
}

ST_ROW int16_t clip(int16_t v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

// Two bytes of a picture, written as one little-endian number: interleaving
// pairs of 16 bits is one instruction, quadruples of 8 bits are many.
typedef uint16_t __attribute__((may_alias, aligned(1))) pair;

ST_ROW void double_row(uint8_t *restrict d, const uint8_t *restrict s, int n)
{
    for (int x = 0; x < n; x++)
        d[2 * x] = d[2 * x + 1] = s[x];
}

ST_ROW void split_row(uint8_t *restrict u, uint8_t *restrict v, const uint8_t *restrict s, int n)
{
    for (int x = 0; x < n; x++) {
        u[2 * x] = u[2 * x + 1] = s[2 * x];
        v[2 * x] = v[2 * x + 1] = s[2 * x + 1];
    }
}

// Samples are shifted up by 7, coefficients are Q13: sums have 4 fraction bits.
ST_ROW void rgb_row(uint8_t *restrict dst, const uint8_t *restrict y, const uint8_t *restrict u,
                    const uint8_t *restrict v, int n, const st_to_rgb *k)
{
    const int16_t off = k->offset, cy = k->y, rv = k->rv, gu = k->gu, gv = k->gv, bu = k->bu;
    pair *restrict d = (pair *)dst;

    for (int x = 0; x < n; x++) {
        int16_t l = mulhi((int16_t)((y[x] - off) * 128), cy) + 9;
        int16_t p = (int16_t)((u[x] - 128) * 128), q = (int16_t)((v[x] - 128) * 128);
        int16_t b = clip((int16_t)(l + mulhi(p, bu)) >> 4);
        int16_t g = clip((int16_t)(l + mulhi(p, gu) + mulhi(q, gv)) >> 4);
        int16_t r = clip((int16_t)(l + mulhi(q, rv)) >> 4);
        d[2 * x] = (pair)(b | g << 8);
        d[2 * x + 1] = (pair)r;
    }
}

ST_CLONES
void st_to_bgrx(uint8_t *d, int ds, const uint8_t *y, int ys, const uint8_t *u, int us,
                const uint8_t *v, int vs, int w, int h, const st_to_rgb *k)
{
    uint8_t ur[ST_MAX_WIDTH + 2], vr[ST_MAX_WIDTH + 2];
    int cw = (w + 1) / 2;

    for (int r = 0; r < h; r++) {
        if (r % 2 == 0 && v) {
            double_row(ur, u + (ptrdiff_t)r / 2 * us, cw);
            double_row(vr, v + (ptrdiff_t)r / 2 * vs, cw);
        } else if (r % 2 == 0) {
            split_row(ur, vr, u + (ptrdiff_t)r / 2 * us, cw);
        }
        rgb_row(d + (ptrdiff_t)r * ds, y + (ptrdiff_t)r * ys, ur, vr, w, k);
    }
}

typedef struct planar {
    uint8_t b[ST_MAX_WIDTH + 2], g[ST_MAX_WIDTH + 2], r[ST_MAX_WIDTH + 2];
} planar;

// load takes a row apart; an odd last pixel is doubled.
ST_ROW void load(planar *restrict p, const uint8_t *restrict s, int n)
{
    const pair *restrict in = (const pair *)s;

    for (int x = 0; x < n; x++) {
        p->b[x] = (uint8_t)in[2 * x];
        p->g[x] = (uint8_t)(in[2 * x] >> 8);
        p->r[x] = (uint8_t)in[2 * x + 1];
    }
    p->b[n] = p->b[n - 1];
    p->g[n] = p->g[n - 1];
    p->r[n] = p->r[n - 1];
}

// Samples are shifted up by 7, coefficients are Q15: sums have 6 fraction bits.
ST_ROW void luma_row(uint8_t *restrict d, const planar *restrict p, int n, const st_from_rgb *k)
{
    const int16_t r = k->yr, g = k->yg, b = k->yb, half = (int16_t)(k->offset * 64 + 33);

    for (int x = 0; x < n; x++)
        d[x] = (uint8_t)clip((int16_t)(mulhi((int16_t)(p->r[x] << 7), r) + mulhi((int16_t)(p->g[x] << 7), g) +
                              mulhi((int16_t)(p->b[x] << 7), b) + half) >> 6);
}

// sum4 adds up squares of 2x2 pixels, shifted up by 5: 7 with the two of the sum.
ST_ROW void sum4(int16_t *restrict d, const uint8_t *restrict p, const uint8_t *restrict q, int n)
{
    for (int x = 0; x < n; x++)
        d[x] = (int16_t)((p[2 * x] + p[2 * x + 1] + q[2 * x] + q[2 * x + 1]) << 5);
}

ST_ROW void chroma_row(uint8_t *restrict d, const int16_t *restrict r, const int16_t *restrict g,
                       const int16_t *restrict b, int n, const int16_t *c)
{
    const int16_t cr = c[0], cg = c[1], cb = c[2], half = 128 * 64 + 33;

    for (int x = 0; x < n; x++)
        d[x] = (uint8_t)clip((int16_t)(mulhi(r[x], cr) + mulhi(g[x], cg) + mulhi(b[x], cb) + half) >> 6);
}

ST_ROW void merge_row(uint8_t *restrict d, const uint8_t *restrict u, const uint8_t *restrict v, int n)
{
    for (int x = 0; x < n; x++) {
        d[2 * x] = u[x];
        d[2 * x + 1] = v[x];
    }
}

ST_ROW void chroma_rows(uint8_t *u, uint8_t *v, const planar *p, const planar *q, int n, const st_from_rgb *k)
{
    int16_t r[ST_MAX_WIDTH / 2 + 1], g[ST_MAX_WIDTH / 2 + 1], b[ST_MAX_WIDTH / 2 + 1];
    uint8_t ur[ST_MAX_WIDTH / 2 + 1], vr[ST_MAX_WIDTH / 2 + 1];

    sum4(r, p->r, q->r, n);
    sum4(g, p->g, q->g, n);
    sum4(b, p->b, q->b, n);
    chroma_row(v ? u : ur, r, g, b, n, k->u);
    chroma_row(v ? v : vr, r, g, b, n, k->v);
    if (!v)
        merge_row(u, ur, vr, n);
}

ST_CLONES
void st_from_bgrx(uint8_t *y, int ys, uint8_t *u, int us, uint8_t *v, int vs,
                  const uint8_t *s, int ss, int w, int h, const st_from_rgb *k)
{
    planar p, q;

    for (int r = 0; r < h; r += 2) {
        int two = r + 1 < h;
        load(&p, s + (ptrdiff_t)r * ss, w);
        luma_row(y + (ptrdiff_t)r * ys, &p, w, k);
        if (two) {
            load(&q, s + (ptrdiff_t)(r + 1) * ss, w);
            luma_row(y + (ptrdiff_t)(r + 1) * ys, &q, w, k);
        }
        chroma_rows(u + (ptrdiff_t)r / 2 * us, v ? v + (ptrdiff_t)r / 2 * vs : NULL, &p, two ? &q : &p, (w + 1) / 2, k);
    }
}

void st_copy_plane(uint8_t *d, int ds, const uint8_t *s, int ss, int bytes, int rows)
{
    for (int r = 0; r < rows; r++)
        memcpy(d + (ptrdiff_t)r * ds, s + (ptrdiff_t)r * ss, (size_t)bytes);
}
