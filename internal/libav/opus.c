//go:build linux && cgo && !nonative

#include "av.h"

OpusEncoder *st_opus_enc_new(int channels, int bps, int *err)
{
    OpusEncoder *e = opus_encoder_create(48000, channels, OPUS_APPLICATION_RESTRICTED_LOWDELAY, err);

    if (!e)
        return NULL;
    opus_encoder_ctl(e, OPUS_SET_BITRATE(bps));
    opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(5));
    opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(5));
    return e;
}

OpusEncoder *st_opus_voice_new(int bps, int *err)
{
    // Not restricted low delay: only SILK's frames carry copies of lost ones.
    OpusEncoder *e = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, err);

    if (!e)
        return NULL;
    opus_encoder_ctl(e, OPUS_SET_BITRATE(bps));
    opus_encoder_ctl(e, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(15));
    opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(5));
    return e;
}

OpusMSEncoder *st_opus_surround_new(int channels, int bps, int *err)
{
    unsigned char mapping[8];
    int streams, coupled;
    OpusMSEncoder *e = opus_multistream_surround_encoder_create(48000, channels, 1, &streams, &coupled, mapping,
                                                                OPUS_APPLICATION_AUDIO, err);

    if (!e)
        return NULL;
    opus_multistream_encoder_ctl(e, OPUS_SET_BITRATE(bps));
    opus_multistream_encoder_ctl(e, OPUS_SET_COMPLEXITY(5));
    return e;
}

void st_opus_enc_loss(OpusEncoder *e, int percent)
{
    opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(percent));
}
