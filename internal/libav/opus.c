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

void st_opus_enc_loss(OpusEncoder *e, int percent)
{
    opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(percent));
}
