//go:build linux && cgo && !nonative

#include "av.h"

static const AVRational us = {1, 1000000};

static int open_stream(st_file *f, enum AVMediaType type, int *index, AVCodecContext **out)
{
    const AVCodec *codec;
    AVCodecContext *c;
    int rc, i = av_find_best_stream(f->fmt, type, -1, -1, &codec, 0);

    *index = i < 0 ? -1 : i;
    if (i < 0)
        return i;
    if (!(c = *out = avcodec_alloc_context3(codec)))
        return AVERROR(ENOMEM);
    if ((rc = avcodec_parameters_to_context(c, f->fmt->streams[i]->codecpar)) < 0)
        return rc;
    c->pkt_timebase = f->fmt->streams[i]->time_base;
    c->thread_count = 1;
    c->max_pixels = 8192LL * 8192;
    return avcodec_open2(c, codec, NULL);
}

// fit_swr makes f->swr convert what s is. Streams change their layout on the
// way, and a converter for another one would read planes that are not there.
static int fit_swr(st_file *f, const AVFrame *s)
{
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
    int rc;

    if (f->swr && f->swr_fmt == s->format && f->swr_rate == s->sample_rate &&
        !av_channel_layout_compare(&f->swr_layout, &s->ch_layout))
        return 0;
    swr_free(&f->swr);
    if ((rc = av_channel_layout_copy(&f->swr_layout, &s->ch_layout)) < 0)
        return rc;
    f->swr_fmt = s->format;
    f->swr_rate = s->sample_rate;
    rc = swr_alloc_set_opts2(&f->swr, &stereo, AV_SAMPLE_FMT_S16, 48000,
                             &f->swr_layout, s->format, s->sample_rate, 0, NULL);
    if (rc >= 0)
        rc = swr_init(f->swr);
    if (rc < 0)
        swr_free(&f->swr);
    return rc;
}

static int open_all(st_file *f, const char *path, int want_audio)
{
    int rc;

    if ((rc = avformat_open_input(&f->fmt, path, NULL, NULL)) < 0)
        return rc;
    if ((rc = avformat_find_stream_info(f->fmt, NULL)) < 0)
        return rc;
    if (!(f->pkt = av_packet_alloc()) || !(f->frame = av_frame_alloc()))
        return AVERROR(ENOMEM);
    rc = open_stream(f, AVMEDIA_TYPE_VIDEO, &f->vstream, &f->video);
    if (rc < 0 && rc != AVERROR_STREAM_NOT_FOUND)
        return rc;
    f->astream = -1;
    if (want_audio) {
        rc = open_stream(f, AVMEDIA_TYPE_AUDIO, &f->astream, &f->audio);
        if (rc < 0 && rc != AVERROR_STREAM_NOT_FOUND)
            return rc;
    }
    return f->video || f->audio ? 0 : AVERROR_STREAM_NOT_FOUND;
}

int st_file_open(st_file **out, const char *path, int want_audio)
{
    st_file *f = av_mallocz(sizeof(*f));
    int rc;

    if (!f)
        return AVERROR(ENOMEM);
    if ((rc = open_all(f, path, want_audio)) < 0) {
        st_file_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void st_file_free(st_file *f)
{
    if (!f)
        return;
    avcodec_free_context(&f->video);
    avcodec_free_context(&f->audio);
    avformat_close_input(&f->fmt);
    av_packet_free(&f->pkt);
    av_frame_free(&f->frame);
    sws_freeContext(f->sws);
    swr_free(&f->swr);
    av_channel_layout_uninit(&f->swr_layout);
    av_free(f->pcm);
    av_free(f);
}

double st_file_fps(const st_file *f)
{
    AVRational r;

    if (!f->video)
        return 0;
    r = av_guess_frame_rate(f->fmt, f->fmt->streams[f->vstream], NULL);
    return r.num > 0 && r.den > 0 ? av_q2d(r) : 25;
}

// stamp sets pts_us from the file's clock, or from next_us where it has none.
static void stamp(st_file *f, int stream, int64_t next_us)
{
    const AVStream *s = f->fmt->streams[stream];
    int64_t t = f->frame->best_effort_timestamp;
    int64_t start = f->fmt->start_time == AV_NOPTS_VALUE ? 0 : f->fmt->start_time;

    f->pts_us = t == AV_NOPTS_VALUE ? next_us : av_rescale_q(t, s->time_base, us) - start;
}

static int convert(st_file *f, AVFrame *dst)
{
    AVFrame *s = f->frame;
    int rgb = (av_pix_fmt_desc_get(s->format)->flags & AV_PIX_FMT_FLAG_RGB) != 0;
    int csp = s->colorspace == AVCOL_SPC_BT709 || (rgb && s->height >= 720) ? SWS_CS_ITU709 : SWS_CS_ITU601;
    const int *t = sws_getCoefficients(csp);
    int rc;

    f->sws = sws_getCachedContext(f->sws, s->width, s->height, s->format,
                                  s->width, s->height, AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!f->sws)
        return AVERROR(ENOSYS);
    sws_setColorspaceDetails(f->sws, t, s->color_range == AVCOL_RANGE_JPEG, t, 0, 0, 1 << 16, 1 << 16);
    av_frame_unref(dst);
    dst->format = AV_PIX_FMT_YUV420P;
    dst->width = s->width;
    dst->height = s->height;
    if ((rc = av_frame_get_buffer(dst, 64)) < 0 || (rc = av_frame_copy_props(dst, s)) < 0)
        return rc;
    dst->color_range = AVCOL_RANGE_MPEG;
    dst->colorspace = csp == SWS_CS_ITU709 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    return sws_scale(f->sws, (const uint8_t *const *)s->data, s->linesize, 0, s->height, dst->data, dst->linesize);
}

static int next_video(st_file *f, st_pic *p)
{
    int rc = avcodec_receive_frame(f->video, f->frame);

    if (rc < 0)
        return rc;
    stamp(f, f->vstream, (int64_t)(f->frames * 1e6 / st_file_fps(f)));
    f->frames++;
    if (f->frame->format == AV_PIX_FMT_YUV420P || f->frame->format == AV_PIX_FMT_YUVJ420P)
        av_frame_move_ref(p->f, f->frame);
    else
        rc = convert(f, p->f);
    return rc < 0 ? rc : st_pic_fill(p);
}

static int grow_pcm(st_file *f, int samples)
{
    if (samples <= f->pcm_cap)
        return 0;
    av_freep(&f->pcm);
    f->pcm_cap = 0;
    if (!(f->pcm = av_malloc_array(samples, 2 * sizeof(int16_t))))
        return AVERROR(ENOMEM);
    f->pcm_cap = samples;
    return 0;
}

static int next_audio(st_file *f)
{
    int rc = avcodec_receive_frame(f->audio, f->frame);
    uint8_t *out;

    if (rc < 0)
        return rc;
    stamp(f, f->astream, f->pts_us);
    if ((rc = fit_swr(f, f->frame)) < 0)
        return rc;
    if ((rc = grow_pcm(f, swr_get_out_samples(f->swr, f->frame->nb_samples))) < 0)
        return rc;
    out = (uint8_t *)f->pcm;
    rc = swr_convert(f->swr, &out, f->pcm_cap, (const uint8_t **)f->frame->extended_data, f->frame->nb_samples);
    f->pcm_len = rc;
    return rc;
}

// feed gives the next packet of the file to its decoder. What a decoder
// refuses is skipped: a damaged picture does not end a file.
static int feed(st_file *f)
{
    int rc = av_read_frame(f->fmt, f->pkt);

    if (rc < 0) {
        f->draining = 1;
        if (f->video)
            avcodec_send_packet(f->video, NULL);
        if (f->audio)
            avcodec_send_packet(f->audio, NULL);
        return rc == AVERROR_EOF ? 0 : rc;
    }
    if (f->video && f->pkt->stream_index == f->vstream)
        avcodec_send_packet(f->video, f->pkt);
    else if (f->audio && f->pkt->stream_index == f->astream)
        avcodec_send_packet(f->audio, f->pkt);
    av_packet_unref(f->pkt);
    return 0;
}

static int harmless(int rc)
{
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF || rc == AVERROR_INVALIDDATA;
}

int st_file_next(st_file *f, st_pic *p)
{
    for (;;) {
        int v = f->video ? next_video(f, p) : AVERROR_EOF;
        int a;

        if (v >= 0)
            return ST_FILE_VIDEO;
        if (!harmless(v))
            return v;
        a = f->audio ? next_audio(f) : AVERROR_EOF;
        if (a > 0)
            return ST_FILE_AUDIO;
        if (!harmless(a) && a != 0)
            return a;
        if (v == AVERROR_EOF && a == AVERROR_EOF)
            return AVERROR_EOF;
        if (!f->draining && (a = feed(f)) < 0)
            return a;
    }
}

int st_file_rewind(st_file *f)
{
    int64_t start = f->fmt->start_time == AV_NOPTS_VALUE ? 0 : f->fmt->start_time;
    int rc = avformat_seek_file(f->fmt, -1, INT64_MIN, start, start, 0);

    if (rc < 0) // raw streams have no index
        rc = av_seek_frame(f->fmt, -1, 0, AVSEEK_FLAG_BYTE);
    if (rc < 0)
        return rc;
    if (f->video)
        avcodec_flush_buffers(f->video);
    if (f->audio)
        avcodec_flush_buffers(f->audio);
    f->draining = 0;
    f->frames = 0;
    return 0;
}
