//go:build linux && cgo && !nonative

#include "av.h"

#include <libavutil/imgutils.h>
#include <string.h>

static int open_vaapi(st_enc *e, const char *device)
{
    AVBufferRef *ref;
    AVHWFramesContext *h;
    int rc = av_hwdevice_ctx_create(&e->device, AV_HWDEVICE_TYPE_VAAPI, device, NULL, 0);

    if (rc < 0)
        return rc;
    if (!(ref = av_hwframe_ctx_alloc(e->device)))
        return AVERROR(ENOMEM);
    h = (AVHWFramesContext *)ref->data;
    h->format = AV_PIX_FMT_VAAPI;
    h->sw_format = AV_PIX_FMT_NV12;
    h->width = e->c->width;
    h->height = e->c->height;
    h->initial_pool_size = 8;
    if ((rc = av_hwframe_ctx_init(ref)) < 0) {
        av_buffer_unref(&ref);
        return rc;
    }
    e->c->pix_fmt = AV_PIX_FMT_VAAPI;
    e->c->hw_frames_ctx = ref;
    if (!(e->hw = av_frame_alloc()))
        return AVERROR(ENOMEM);
    return 0;
}

static int alloc_input(st_enc *e, enum AVPixelFormat fmt)
{
    e->in->format = fmt;
    e->in->width = e->c->width;
    e->in->height = e->c->height;
    return e->borrow ? 0 : av_frame_get_buffer(e->in, 0);
}

static int open_codec(st_enc *e, const AVCodec *codec, const char *options)
{
    AVDictionary *d = NULL;
    int rc = av_dict_parse_string(&d, options, "=", "\n", 0);

    if (rc >= 0)
        rc = avcodec_open2(e->c, codec, &d);
    av_dict_free(&d);
    return rc;
}

static int setup(st_enc *e, const char *name, const char *device, const char *options)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    int vaapi = strstr(name, "_vaapi") != NULL;
    int rc;

    e->borrow = !strcmp(name, "libx264") || !strcmp(name, "libx265");
    e->c->pix_fmt = AV_PIX_FMT_YUV420P;
    if (vaapi && (rc = open_vaapi(e, device)) < 0)
        return rc;
    if ((rc = open_codec(e, codec, options)) < 0)
        return rc;
    if (!(e->in = av_frame_alloc()) || !(e->pkt = av_packet_alloc()))
        return AVERROR(ENOMEM);
    return alloc_input(e, vaapi ? AV_PIX_FMT_NV12 : AV_PIX_FMT_YUV420P);
}

// st_enc_makes is false for an encoder of another codec; one that is missing
// is st_enc_open's to report.
bool st_enc_makes(const char *name, enum AVCodecID id)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);

    return !codec || codec->id == id;
}

int st_enc_open(st_enc **out, const char *name, const char *device, int width, int height, int fps, const char *options)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    st_enc *e;
    int rc;

    if (!codec)
        return AVERROR_ENCODER_NOT_FOUND;
    if (!(e = av_mallocz(sizeof(*e))) || !(e->c = avcodec_alloc_context3(codec))) {
        av_free(e);
        return AVERROR(ENOMEM);
    }
    e->c->width = width;
    e->c->height = height;
    e->c->time_base = (AVRational){1, fps};
    e->c->framerate = (AVRational){fps, 1};
    e->c->sample_aspect_ratio = (AVRational){1, 1};
    if ((rc = setup(e, name, device[0] ? device : NULL, options)) < 0) {
        st_enc_free(e);
        return rc;
    }
    *out = e;
    return 0;
}

void st_enc_free(st_enc *e)
{
    if (!e)
        return;
    av_packet_free(&e->pkt);
    av_frame_free(&e->in);
    av_frame_free(&e->hw);
    avcodec_free_context(&e->c);
    av_buffer_unref(&e->device);
    av_free(e);
}

void st_enc_bitrate(st_enc *e, int64_t bps, int buffer)
{
    e->c->bit_rate = bps;
    e->c->rc_max_rate = bps;
    e->c->rc_buffer_size = buffer;
}

static void give_back(void *opaque, uint8_t *data)
{
    (void)data;
    ((st_enc *)opaque)->held--;
}

// borrow lends the caller's planes to libavcodec without a copy: libx264 and
// libx265 take their own copy inside avcodec_send_frame.
static int borrow(st_enc *e, const st_planes *s)
{
    size_t n = (size_t)s->stride[0] * e->c->height;

    e->in->buf[0] = av_buffer_create((uint8_t *)s->data[0], n, give_back, e, AV_BUFFER_FLAG_READONLY);
    if (!e->in->buf[0])
        return AVERROR(ENOMEM);
    e->held++;
    for (int i = 0; i < 3; i++) {
        e->in->data[i] = (uint8_t *)s->data[i];
        e->in->linesize[i] = s->stride[i];
    }
    return 0;
}

static void interleave(AVFrame *f, const st_planes *s)
{
    for (int y = 0; y < (f->height + 1) / 2; y++) {
        const uint8_t *u = s->data[1] + (ptrdiff_t)y * s->stride[1];
        const uint8_t *v = s->data[2] + (ptrdiff_t)y * s->stride[2];
        uint8_t *d = f->data[1] + (ptrdiff_t)y * f->linesize[1];
        for (int x = 0; x < (f->width + 1) / 2; x++) {
            d[2 * x] = u[x];
            d[2 * x + 1] = v[x];
        }
    }
}

static int copy_in(st_enc *e, const st_planes *s)
{
    AVFrame *f = e->in;
    int rc = av_frame_make_writable(f);

    if (rc < 0)
        return rc;
    av_image_copy_plane(f->data[0], f->linesize[0], s->data[0], s->stride[0], f->width, f->height);
    if (f->format == AV_PIX_FMT_NV12) {
        interleave(f, s);
        return 0;
    }
    for (int i = 1; i < 3; i++)
        av_image_copy_plane(f->data[i], f->linesize[i], s->data[i], s->stride[i],
                            (f->width + 1) / 2, (f->height + 1) / 2);
    return 0;
}

static int upload(st_enc *e)
{
    int rc;

    av_frame_unref(e->hw);
    if ((rc = av_hwframe_get_buffer(e->c->hw_frames_ctx, e->hw, 0)) < 0)
        return rc;
    return av_hwframe_transfer_data(e->hw, e->in, 0);
}

static int send(st_enc *e, int keyframe)
{
    AVFrame *f = e->hw ? e->hw : e->in;
    int rc;

    if (e->hw && (rc = upload(e)) < 0)
        return rc;
    f->pts = e->pts++;
    f->pict_type = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    f->colorspace = AVCOL_SPC_BT709;
    f->color_primaries = AVCOL_PRI_BT709;
    f->color_trc = AVCOL_TRC_BT709;
    f->color_range = AVCOL_RANGE_MPEG;
    return avcodec_send_frame(e->c, f);
}

// Leaves the coded picture in e->pkt, until the next call.
int st_enc_encode(st_enc *e, const uint8_t *y, const uint8_t *u, const uint8_t *v, int sy, int su, int sv, int keyframe)
{
    st_planes s = {{y, u, v}, {sy, su, sv}};
    int rc = e->borrow ? borrow(e, &s) : copy_in(e, &s);

    av_packet_unref(e->pkt);
    if (rc >= 0)
        rc = send(e, keyframe);
    if (rc >= 0)
        rc = avcodec_receive_packet(e->c, e->pkt);
    if (e->borrow) {
        av_buffer_unref(&e->in->buf[0]);
        if (e->held != 0)
            return AVERROR_BUG;
    }
    return rc;
}
