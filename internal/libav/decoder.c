//go:build linux && cgo && !nonative

#include "av.h"

#include <stdio.h>

#ifdef AV_PROFILE_H264_HIGH // since 6.1, and alone since 8
enum { BASELINE = AV_PROFILE_H264_BASELINE, CONSTRAINED = AV_PROFILE_H264_CONSTRAINED_BASELINE,
       MAIN = AV_PROFILE_H264_MAIN, HIGH = AV_PROFILE_H264_HIGH, HEVC_MAIN = AV_PROFILE_HEVC_MAIN };
#else
enum { BASELINE = FF_PROFILE_H264_BASELINE, CONSTRAINED = FF_PROFILE_H264_CONSTRAINED_BASELINE,
       MAIN = FF_PROFILE_H264_MAIN, HIGH = FF_PROFILE_H264_HIGH, HEVC_MAIN = FF_PROFILE_HEVC_MAIN };
#endif

// profiles_for is the set of the device's profiles of which each one contains
// the stream's (H.264, A.2). Baseline goes with Constrained Baseline, though it
// has FMO and ASO beyond it: libavcodec's parser, which runs in front of the
// hardware, refuses FMO, and encoders that say 66 use neither.
static int profiles_for(const AVCodecContext *c)
{
    if (c->codec_id == AV_CODEC_ID_HEVC)
        return c->profile == HEVC_MAIN ? ST_CAN_MAIN : 0;
    switch (c->profile) {
    case BASELINE:
    case CONSTRAINED:
        return ST_CAN_BASELINE | ST_CAN_MAIN | ST_CAN_HIGH;
    case MAIN:
        return ST_CAN_MAIN | ST_CAN_HIGH;
    case HIGH:
        return ST_CAN_HIGH;
    }
    return 0;
}

static bool too_large(const st_dec_cfg *cfg, const AVCodecContext *c)
{
    return (cfg->max_width && c->coded_width > cfg->max_width) ||
           (cfg->max_height && c->coded_height > cfg->max_height);
}

static bool is_420(const AVCodecContext *c)
{
    return c->sw_pix_fmt == AV_PIX_FMT_YUV420P || c->sw_pix_fmt == AV_PIX_FMT_YUVJ420P;
}

static bool decodable(const st_dec *d, const AVCodecContext *c)
{
    return is_420(c) && (d->cfg.can & profiles_for(c)) && !too_large(&d->cfg, c);
}

static enum AVPixelFormat refuse_stream(st_dec *d, const AVCodecContext *c)
{
    const char *format = av_get_pix_fmt_name(c->sw_pix_fmt);

    d->refused = ST_WHY_PROFILE;
    snprintf(d->reason, sizeof(d->reason), "%s profile %d, %dx%d, %s", avcodec_get_name(c->codec_id), c->profile,
             c->coded_width, c->coded_height, format ? format : "unknown samples");
    st_log_keep(d->reason);
    return AV_PIX_FMT_NONE;
}

static enum AVPixelFormat refuse_start(st_dec *d)
{
    d->refused = d->tried ? ST_WHY_DRIVER : ST_WHY_PROFILE;
    snprintf(d->reason, sizeof(d->reason), "%s",
             d->tried ? st_log_first() : "this build of FFmpeg has no VA-API for such streams");
    st_log_keep(d->reason);
    return AV_PIX_FMT_NONE;
}

// choose_format takes VA-API or nothing, never software in silence. libavcodec
// offers VA-API whatever the driver can do, and asks a second time without it
// when starting it failed.
static enum AVPixelFormat choose_format(AVCodecContext *c, const enum AVPixelFormat *list)
{
    st_dec *d = c->opaque;

    if (!decodable(d, c))
        return refuse_stream(d, c);
    for (; *list != AV_PIX_FMT_NONE; list++) {
        if (*list != AV_PIX_FMT_VAAPI)
            continue;
        // libavcodec wants the very profile; the set above is wiser.
        c->hwaccel_flags |= AV_HWACCEL_FLAG_ALLOW_PROFILE_MISMATCH;
        d->tried = true;
        d->refused = 0;
        return AV_PIX_FMT_VAAPI;
    }
    return refuse_start(d);
}

// get_buffer stops decoders that go on in software after a refused format, as
// HEVC's does.
static int get_buffer(AVCodecContext *c, AVFrame *f, int flags)
{
    st_dec *d = c->opaque;

    if (f->format == AV_PIX_FMT_VAAPI)
        return avcodec_default_get_buffer2(c, f, flags);
    if (!d->refused)
        refuse_stream(d, c);
    st_log_keep(d->reason);
    return AVERROR(ENOSYS);
}

// get_within keeps software within its budget.
static int get_within(AVCodecContext *c, AVFrame *f, int flags)
{
    st_dec *d = c->opaque;
    int rc = st_budget_get(d->budget, c, f, flags);

    d->over = d->over || rc == AVERROR(ENOMEM);
    return rc;
}

static int set_software(st_dec *d)
{
    if (!(d->budget = st_budget_new(d->cfg.budget)))
        return AVERROR(ENOMEM);
    d->c->opaque = d;
    d->c->get_buffer2 = get_within;
    return 0;
}

static bool has_vaapi(const AVCodec *codec)
{
    const AVCodecHWConfig *hw;

    for (int i = 0; (hw = avcodec_get_hw_config(codec, i)); i++)
        if (hw->device_type == AV_HWDEVICE_TYPE_VAAPI && (hw->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX))
            return true;
    return false;
}

static int set_hardware(st_dec *d, const AVCodec *codec)
{
    if (!has_vaapi(codec))
        return AVERROR_DECODER_NOT_FOUND;
    if (!(d->hw = av_frame_alloc()) || !(d->c->hw_device_ctx = av_buffer_ref(d->cfg.device)))
        return AVERROR(ENOMEM);
    d->c->opaque = d;
    d->c->get_format = choose_format;
    d->c->get_buffer2 = get_buffer;
    d->c->extra_hw_frames = d->cfg.frames;
    d->c->apply_cropping = 0; // hardware frames are cropped by half only
    d->c->thread_count = 1;
    return 0;
}

static int open_codec(st_dec *d)
{
    const AVCodec *codec = avcodec_find_decoder(d->cfg.id);
    AVCodecContext *c;
    int rc;

    if (!codec)
        return AVERROR_DECODER_NOT_FOUND;
    if (!(d->pkt = av_packet_alloc()) || !(d->c = c = avcodec_alloc_context3(codec)))
        return AVERROR(ENOMEM);
    // Without UNALIGNED a left crop is rounded to the SIMD width.
    c->flags |= AV_CODEC_FLAG_LOW_DELAY | AV_CODEC_FLAG_UNALIGNED;
    c->thread_type = FF_THREAD_SLICE;
    c->thread_count = d->cfg.threads;
    c->pkt_timebase = (AVRational){1, 1000000};
    c->max_pixels = 8192LL * 8192; // a damaged SPS must not ask for gigabytes
    rc = d->cfg.mode == ST_SOFTWARE ? set_software(d) : set_hardware(d, codec);
    if (rc < 0)
        return rc;
    return avcodec_open2(c, codec, NULL);
}

// st_dec_open takes its own reference to the device.
int st_dec_open(st_dec **out, const st_dec_cfg *cfg)
{
    st_dec *d = av_mallocz(sizeof(*d));
    int rc;

    if (!d)
        return AVERROR(ENOMEM);
    d->cfg = *cfg;
    if ((rc = open_codec(d)) < 0) {
        st_dec_free(d);
        return rc;
    }
    d->cfg.device = NULL; // the caller's reference was lent
    *out = d;
    return 0;
}

void st_dec_free(st_dec *d)
{
    if (!d)
        return;
    avcodec_free_context(&d->c);
    av_packet_free(&d->pkt);
    av_frame_free(&d->hw);
    st_budget_free(d->budget);
    av_free(d);
}

static int keep_said(st_dec *d, int rc)
{
    if (rc < 0 && rc != AVERROR(EAGAIN))
        snprintf(d->said, sizeof(d->said), "%s", st_log_first());
    return rc;
}

// The packet has no AVBufferRef, so libavcodec copies it, with padding, before
// this returns: the caller's memory is not kept.
int st_dec_send(st_dec *d, const uint8_t *data, int len, int64_t pts)
{
    int rc;

    st_log_install();
    d->tried = d->over = false;
    d->pkt->data = (uint8_t *)data;
    d->pkt->size = len;
    d->pkt->pts = d->pkt->dts = pts;
    rc = avcodec_send_packet(d->c, d->pkt);
    d->pkt->data = NULL;
    d->pkt->size = 0;
    if (d->over && rc >= 0) // HEVC goes on without the pictures that it could not make
        rc = AVERROR(ENOMEM);
    return keep_said(d, rc);
}

// sync waits for the hardware, which tells of its failures only here.
static int sync(const AVFrame *f)
{
    VAStatus status = st_surface_sync(f->hw_frames_ctx, (VASurfaceID)(uintptr_t)f->data[3]);

    if (status == VA_STATUS_SUCCESS)
        return 0;
    st_log_keep(vaErrorStr(status));
    return AVERROR_EXTERNAL;
}

static int receive_hardware(st_dec *d, AVFrame *f)
{
    int rc = avcodec_receive_frame(d->c, f);

    if (rc < 0)
        return rc;
    if (f->format != AV_PIX_FMT_VAAPI || !f->hw_frames_ctx)
        return AVERROR_BUG;
    return sync(f);
}

static int receive_download(st_dec *d, st_pic *p)
{
    int rc = receive_hardware(d, d->hw);

    if (rc >= 0)
        rc = st_pic_download(p, d->hw);
    av_frame_unref(d->hw);
    return rc;
}

int st_dec_receive(st_dec *d, st_pic *p)
{
    int rc;

    if (d->cfg.mode == ST_SOFTWARE) {
        d->over = false;
        if ((rc = avcodec_receive_frame(d->c, p->f)) < 0)
            return rc;
        return st_pic_fill(p); // p->f still names its format
    }
    st_log_install();
    d->tried = false;
    if (d->cfg.mode == ST_DOWNLOAD)
        return keep_said(d, receive_download(d, p));
    if ((rc = receive_hardware(d, p->f)) >= 0)
        rc = st_pic_fill_surface(p);
    return keep_said(d, rc);
}

// st_dec_why says whose fault a failure of send or receive is. libavcodec's
// VA-API code has EIO for whatever the driver refuses, and ENOMEM for surfaces.
int st_dec_why(const st_dec *d, int rc)
{
    if (d->cfg.mode == ST_SOFTWARE)
        return d->over ? ST_WHY_MEMORY : ST_WHY_STREAM;
    if (d->refused)
        return d->refused;
    switch (rc) {
    case AVERROR(EIO):
    case AVERROR(ENOMEM):
    case AVERROR(ENOSYS):
    case AVERROR_EXTERNAL:
        return ST_WHY_DRIVER;
    }
    return ST_WHY_STREAM;
}
