//go:build linux && cgo && !nonative

#include "av.h"

#include <poll.h>
#include <unistd.h>

enum {
    IO_BUFFER = 64 * 1024,
    MAX_PACKET = 32 * 1024 * 1024,
};

// read_pipe waits for bytes and takes as many as there are: libavformat then
// has a picture as soon as it is written.
static int read_pipe(void *opaque, uint8_t *buf, int size)
{
    st_packets *p = opaque;
    struct pollfd fds[2] = {{p->fd, POLLIN, 0}, {p->wake, POLLIN, 0}};

    for (;;) {
        ssize_t n;

        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return AVERROR(errno);
        }
        if (fds[1].revents)
            return AVERROR_EXIT;
        n = read(p->fd, buf, size);
        if (n > 0)
            return n;
        if (n == 0)
            return AVERROR_EOF;
        if (errno != EINTR && errno != EAGAIN)
            return AVERROR(errno);
    }
}

static int open_pipe(st_packets *p)
{
    uint8_t *buf = av_malloc(IO_BUFFER);

    if (!buf)
        return AVERROR(ENOMEM);
    if (!(p->io = avio_alloc_context(buf, IO_BUFFER, 0, p, read_pipe, NULL, NULL))) {
        av_free(buf);
        return AVERROR(ENOMEM);
    }
    p->fmt->pb = p->io;
    return 0;
}

static int open_input(st_packets *p, const char *path)
{
    AVDictionary *options = NULL;
    int rc;

    if (!(p->fmt = avformat_alloc_context()) || !(p->pkt = av_packet_alloc()))
        return AVERROR(ENOMEM);
    if (p->fd >= 0 && (rc = open_pipe(p)) < 0)
        return rc;
    p->fmt->flags |= AVFMT_FLAG_NOBUFFER;
    // Playlists and the like would open other files.
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    rc = avformat_open_input(&p->fmt, path, NULL, &options); // frees fmt if it fails
    av_dict_free(&options);
    return rc;
}

int st_packets_open(st_packets **out, const char *path, int fd, int wake)
{
    st_packets *p = av_mallocz(sizeof(*p));
    int rc;

    if (!p)
        return AVERROR(ENOMEM);
    p->fd = fd;
    p->wake = wake;
    p->stream = -1;
    if ((rc = open_input(p, path)) < 0) {
        st_packets_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void st_packets_free(st_packets *p)
{
    if (!p)
        return;
    av_bsf_free(&p->bsf);
    avformat_close_input(&p->fmt);
    if (p->io)
        av_freep(&p->io->buffer);
    avio_context_free(&p->io);
    av_packet_free(&p->pkt);
    av_free(p);
}

static const char *filter_of(enum AVCodecID id)
{
    switch (id) {
    case AV_CODEC_ID_H264:
        return "h264_mp4toannexb";
    case AV_CODEC_ID_HEVC:
        return "hevc_mp4toannexb";
    default:
        return NULL;
    }
}

// annexb says whether parameter sets of a container are a byte stream already.
static bool annexb(const uint8_t *d, size_t n)
{
    return n >= 4 && !d[0] && !d[1] && (d[2] == 1 || (!d[2] && d[3] == 1));
}

// open_filter makes the filter for the stream, whose parameter sets may be new.
static int open_filter(st_packets *p)
{
    AVStream *s = p->fmt->streams[p->stream];
    const AVBitStreamFilter *f = av_bsf_get_by_name(filter_of(s->codecpar->codec_id));
    int rc;

    av_bsf_free(&p->bsf);
    if (!f)
        return AVERROR_BSF_NOT_FOUND;
    if ((rc = av_bsf_alloc(f, &p->bsf)) < 0)
        return rc;
    if ((rc = avcodec_parameters_copy(p->bsf->par_in, s->codecpar)) < 0)
        return rc;
    p->bsf->time_base_in = s->time_base;
    return av_bsf_init(p->bsf);
}

// follow_sets takes over parameter sets that came with a packet.
static int follow_sets(st_packets *p)
{
    AVCodecParameters *par = p->fmt->streams[p->stream]->codecpar;
    size_t n = 0;
    const uint8_t *d = av_packet_get_side_data(p->pkt, AV_PKT_DATA_NEW_EXTRADATA, &n);
    uint8_t *copy;

    if (!d || !n || annexb(d, n) || (par->extradata_size == (int)n && !memcmp(par->extradata, d, n)))
        return 0;
    if (!(copy = av_mallocz(n + AV_INPUT_BUFFER_PADDING_SIZE)))
        return AVERROR(ENOMEM);
    memcpy(copy, d, n);
    av_freep(&par->extradata);
    par->extradata = copy;
    par->extradata_size = n;
    return open_filter(p);
}

// choose takes the stream of the packet if it is the first one with pictures.
static int choose(st_packets *p)
{
    const AVCodecParameters *par = p->fmt->streams[p->pkt->stream_index]->codecpar;

    if (p->stream >= 0 || par->codec_type != AVMEDIA_TYPE_VIDEO)
        return 0;
    if (!filter_of(par->codec_id)) {
        st_log_keep(avcodec_get_name(par->codec_id));
        return AVERROR_DECODER_NOT_FOUND;
    }
    p->stream = p->pkt->stream_index;
    return open_filter(p);
}

// feed gives the filter the next packet of the stream.
static int feed(st_packets *p)
{
    int rc;

    for (;;) {
        av_packet_unref(p->pkt);
        if ((rc = av_read_frame(p->fmt, p->pkt)) < 0)
            return rc;
        if ((rc = choose(p)) < 0)
            return rc;
        if (p->pkt->stream_index == p->stream && p->pkt->size > 0)
            break;
    }
    if (p->pkt->size > MAX_PACKET)
        return AVERROR_INVALIDDATA;
    if ((rc = follow_sets(p)) < 0)
        return rc;
    return av_bsf_send_packet(p->bsf, p->pkt);
}

// stamp sets pts_us, counted from the first packet. What has no time of its
// own comes a packet's duration after the one before.
static void stamp(st_packets *p)
{
    static const AVRational us = {1, 1000000};
    const AVStream *s = p->fmt->streams[p->stream];
    int64_t t = p->pkt->pts != AV_NOPTS_VALUE ? p->pkt->pts : p->pkt->dts;
    int64_t step = av_rescale_q(p->pkt->duration, s->time_base, us);

    if (t == AV_NOPTS_VALUE) {
        p->pts_us = p->next_us;
    } else {
        t = av_rescale_q(t, s->time_base, us);
        if (!p->timed)
            p->first_us = t;
        p->timed = true;
        p->pts_us = t - p->first_us;
    }
    p->next_us = p->pts_us + (step > 0 ? step : 40000);
}

int st_packets_next(st_packets *p)
{
    for (;;) {
        int rc = p->bsf ? av_bsf_receive_packet(p->bsf, p->pkt) : AVERROR(EAGAIN);

        if (rc >= 0) {
            stamp(p);
            return 0;
        }
        // A damaged packet does not end a stream.
        if (rc != AVERROR(EAGAIN) && rc != AVERROR_INVALIDDATA)
            return rc;
        if (rc == AVERROR_INVALIDDATA)
            p->damaged++;
        if ((rc = feed(p)) == AVERROR_INVALIDDATA)
            p->damaged++;
        else if (rc < 0)
            return rc;
        if (p->damaged > 1000)
            return AVERROR_INVALIDDATA;
    }
}

int st_packets_codec(const st_packets *p)
{
    return p->stream < 0 ? AV_CODEC_ID_NONE : p->fmt->streams[p->stream]->codecpar->codec_id;
}
