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
    av_frame_free(&p->mem);
    av_free(p);
}

// plane_len is how many bytes from d on may be read: whole rows where the
// buffer holds them, less where cropping moved the start of the last one.
static int plane_len(const AVFrame *f, const uint8_t *d, int stride, int rows)
{
    int64_t want = (int64_t)stride * rows;

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

static void fill_properties(st_pic *p, const AVFrame *f)
{
    p->key = is_key(f);
    p->full = f->format == AV_PIX_FMT_YUVJ420P || f->color_range == AVCOL_RANGE_JPEG;
    p->matrix = matrix_of(f->colorspace);
    p->pts = f->pts;
}

// fill_planes shows what of f lies at left, top and beyond. 4:2:0 cannot crop
// by one sample, so both are even.
static int fill_planes(st_pic *p, const AVFrame *f, int left, int top)
{
    int planes = f->format == AV_PIX_FMT_NV12 ? 2 : 3;

    p->format = planes == 2 ? ST_PIC_NV12 : ST_PIC_I420;
    p->width = f->width - left;
    p->height = f->height - top;
    for (int i = 0; i < planes; i++) {
        int rows = i ? (p->height + 1) / 2 : p->height;
        int x = i && planes == 3 ? left / 2 : left;
        int y = i ? top / 2 : top;

        if (f->linesize[i] <= 0)
            return AVERROR(ENOSYS);
        p->data[i] = f->data[i] + (ptrdiff_t)y * f->linesize[i] + x;
        p->stride[i] = f->linesize[i];
        p->len[i] = plane_len(f, p->data[i], f->linesize[i], rows);
    }
    return 0;
}

int st_pic_fill(st_pic *p)
{
    const AVFrame *f = p->f;

    if (f->format != AV_PIX_FMT_YUV420P && f->format != AV_PIX_FMT_YUVJ420P)
        return AVERROR(ENOSYS);
    fill_properties(p, f);
    return fill_planes(p, f, 0, 0);
}

// Hardware decoders run with apply_cropping off: the frame is as coded, and
// where the visible part lies is told.
static int visible(const AVFrame *f, int *width, int *height)
{
    int64_t w = (int64_t)f->width - (int64_t)f->crop_left - (int64_t)f->crop_right;
    int64_t h = (int64_t)f->height - (int64_t)f->crop_top - (int64_t)f->crop_bottom;

    if (w < 1 || h < 1)
        return AVERROR_INVALIDDATA;
    *width = (int)w;
    *height = (int)h;
    return 0;
}

int st_pic_fill_surface(st_pic *p)
{
    const AVFrame *f = p->f;
    int rc = visible(f, &p->width, &p->height);

    if (rc < 0)
        return rc;
    fill_properties(p, f);
    p->format = ST_PIC_SURFACE;
    p->crop_x = (int)f->crop_left;
    p->crop_y = (int)f->crop_top;
    p->surface = (VASurfaceID)(uintptr_t)f->data[3];
    return 0;
}

// reserve makes p->mem a picture of this size, which it mostly is already.
static int reserve(st_pic *p, enum AVPixelFormat format, int width, int height)
{
    if (p->mem && p->mem->format == format && p->mem->width == width && p->mem->height == height)
        return 0;
    av_frame_free(&p->mem);
    if (!(p->mem = av_frame_alloc()))
        return AVERROR(ENOMEM);
    p->mem->format = format;
    p->mem->width = width;
    p->mem->height = height;
    return av_frame_get_buffer(p->mem, 0);
}

// st_pic_download copies a surface into p's own memory. Rows and columns cut
// off at the end are not copied.
int st_pic_download(st_pic *p, const AVFrame *hw)
{
    const AVHWFramesContext *pool = (const AVHWFramesContext *)hw->hw_frames_ctx->data;
    int width, height, rc;

    if (pool->sw_format != AV_PIX_FMT_NV12 && pool->sw_format != AV_PIX_FMT_YUV420P)
        return AVERROR(ENOSYS);
    if ((rc = visible(hw, &width, &height)) < 0)
        return rc;
    width += (int)hw->crop_left;
    height += (int)hw->crop_top;
    if ((rc = reserve(p, pool->sw_format, width, height)) < 0)
        return rc;
    if ((rc = av_hwframe_transfer_data(p->mem, hw, 0)) < 0)
        return rc;
    fill_properties(p, hw);
    return fill_planes(p, p->mem, (int)hw->crop_left & ~1, (int)hw->crop_top & ~1);
}

const char *st_pic_format(const st_pic *p)
{
    const char *name = av_get_pix_fmt_name(p->f->format);

    return name ? name : "an unknown format";
}
