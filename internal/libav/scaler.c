//go:build linux && cgo && !nonative

#include "av.h"

static const int *table(int matrix)
{
    return sws_getCoefficients(matrix == ST_MATRIX_709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
}

struct SwsContext *st_sws_open(int sw, int sh, int sfmt, int smatrix, int sfull,
                               int dw, int dh, int dfmt, int dmatrix, int dfull, int flags)
{
    struct SwsContext *c = sws_getContext(sw, sh, sfmt, dw, dh, dfmt, flags, NULL, NULL, NULL);

    if (c)
        sws_setColorspaceDetails(c, table(smatrix), sfull, table(dmatrix), dfull, 0, 1 << 16, 1 << 16);
    return c;
}

int st_sws_run(struct SwsContext *c, int height,
               const uint8_t *s0, const uint8_t *s1, const uint8_t *s2, int ss0, int ss1, int ss2,
               uint8_t *d0, uint8_t *d1, uint8_t *d2, int ds0, int ds1, int ds2)
{
    const uint8_t *src[4] = {s0, s1, s2, NULL};
    uint8_t *dst[4] = {d0, d1, d2, NULL};
    int ss[4] = {ss0, ss1, ss2, 0}, ds[4] = {ds0, ds1, ds2, 0};

    return sws_scale(c, src, ss, 0, height, dst, ds);
}
