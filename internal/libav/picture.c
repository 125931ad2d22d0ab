//go:build linux && cgo && !nonative

#include "av.h"

st_pic *st_pic_new(void)
{
    st_pic *p = av_mallocz(sizeof(*p));

    if (p && !(p->f = av_frame_alloc()))
        av_freep(&p);
    return p;
}

void st_pic_clear(st_pic *p)
{
    av_frame_unref(p->f);
}

void st_pic_free(st_pic *p)
{
    if (!p)
        return;
    av_frame_free(&p->f);
    av_free(p);
}

// plane_len is how many bytes of plane i may be read: whole rows where the
// buffer holds them, less where cropping moved the start of the last one.
static int plane_len(const AVFrame *f, int i, int rows)
{
    const uint8_t *d = f->data[i];
    int64_t want = (int64_t)f->linesize[i] * rows;

    for (int b = 0; b < AV_NUM_DATA_POINTERS && f->buf[b]; b++) {
        const uint8_t *lo = f->buf[b]->data, *hi = lo + f->buf[b]->size;
        if (d >= lo && d < hi)
            return (int)FFMIN(want, hi - d);
    }
    return 0;
}

static int matrix_of(enum AVColorSpace s)
{
    switch (s) {
    case AVCOL_SPC_BT709:
        return ST_MATRIX_709;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
        return ST_MATRIX_601;
    default:
        return ST_MATRIX_NONE;
    }
}

static int is_key(const AVFrame *f)
{
#ifdef AV_FRAME_FLAG_KEY
    return !!(f->flags & AV_FRAME_FLAG_KEY);
#else
    return f->key_frame;
#endif
}

int st_pic_fill(st_pic *p)
{
    const AVFrame *f = p->f;

    if (f->format != AV_PIX_FMT_YUV420P && f->format != AV_PIX_FMT_YUVJ420P)
        return AVERROR(ENOSYS);
    for (int i = 0; i < 3; i++) {
        int rows = i ? (f->height + 1) / 2 : f->height;
        if (f->linesize[i] <= 0)
            return AVERROR(ENOSYS);
        p->data[i] = f->data[i];
        p->stride[i] = f->linesize[i];
        p->len[i] = plane_len(f, i, rows);
    }
    p->width = f->width;
    p->height = f->height;
    p->key = is_key(f);
    p->full = f->format == AV_PIX_FMT_YUVJ420P || f->color_range == AVCOL_RANGE_JPEG;
    p->matrix = matrix_of(f->colorspace);
    p->pts = f->pts;
    return 0;
}

const char *st_pic_format(const st_pic *p)
{
    const char *name = av_get_pix_fmt_name(p->f->format);

    return name ? name : "an unknown format";
}
