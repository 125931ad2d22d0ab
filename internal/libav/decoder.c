//go:build linux && cgo && !nonative

#include "av.h"

int st_dec_open(AVCodecContext **out, enum AVCodecID id, int threads)
{
    const AVCodec *codec = avcodec_find_decoder(id);
    AVCodecContext *c;
    int rc;

    if (!codec)
        return AVERROR_DECODER_NOT_FOUND;
    if (!(c = avcodec_alloc_context3(codec)))
        return AVERROR(ENOMEM);
    // Without UNALIGNED a left crop is rounded to the SIMD width.
    c->flags |= AV_CODEC_FLAG_LOW_DELAY | AV_CODEC_FLAG_UNALIGNED;
    c->thread_type = FF_THREAD_SLICE;
    c->thread_count = threads;
    c->pkt_timebase = (AVRational){1, 1000000};
    c->max_pixels = 8192LL * 8192; // a damaged SPS must not ask for gigabytes
    if ((rc = avcodec_open2(c, codec, NULL)) < 0) {
        avcodec_free_context(&c);
        return rc;
    }
    *out = c;
    return 0;
}

// The packet has no AVBufferRef, so libavcodec copies it, with padding, before
// this returns: the caller's memory is not kept.
int st_dec_send(AVCodecContext *c, AVPacket *pkt, const uint8_t *data, int len, int64_t pts)
{
    int rc;

    pkt->data = (uint8_t *)data;
    pkt->size = len;
    pkt->pts = pkt->dts = pts;
    rc = avcodec_send_packet(c, pkt);
    pkt->data = NULL;
    pkt->size = 0;
    return rc;
}

int st_dec_receive(AVCodecContext *c, st_pic *p)
{
    int rc = avcodec_receive_frame(c, p->f);

    if (rc < 0)
        return rc;
    if ((rc = st_pic_fill(p)) < 0)
        return rc; // p->f still names its format
    return 0;
}
