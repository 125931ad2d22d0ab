//go:build linux && cgo && !nonative

#include "av.h"

#include <libavdevice/avdevice.h>

int st_pulse_open(AVFormatContext **out, const char *source, const char *fragment_bytes)
{
    AVDictionary *d = NULL;
    const AVInputFormat *in;
    int rc;

    avdevice_register_all();
    if (!(in = av_find_input_format("pulse")))
        return AVERROR_DEMUXER_NOT_FOUND;
    if (!(*out = avformat_alloc_context()))
        return AVERROR(ENOMEM);
    (*out)->flags |= AVFMT_FLAG_NONBLOCK;
    av_dict_set(&d, "sample_rate", "48000", 0);
    av_dict_set(&d, "channels", "2", 0);
    av_dict_set(&d, "fragment_size", fragment_bytes, 0);
    av_dict_set(&d, "wallclock", "0", 0);
    rc = avformat_open_input(out, source, in, &d);
    av_dict_free(&d);
    return rc;
}
