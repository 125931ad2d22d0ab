//go:build linux && cgo && !nonative

#include "av.h"

#include <stdio.h>
#include <string.h>

static _Thread_local char last[512];

static void keep(void *ctx, int level, const char *fmt, va_list args)
{
    size_t n;

    (void)ctx;
    if (level > AV_LOG_ERROR)
        return;
    vsnprintf(last, sizeof(last), fmt, args);
    n = strlen(last);
    while (n > 0 && (last[n - 1] == '\n' || last[n - 1] == '.'))
        last[--n] = 0;
}

void st_log_install(void)
{
    av_log_set_callback(keep);
    last[0] = 0;
}

const char *st_log_last(void)
{
    return last;
}

int st_err_kind(int code)
{
    switch (code) {
    case AVERROR(EAGAIN):
        return ST_ERR_AGAIN;
    case AVERROR_EOF:
        return ST_ERR_EOF;
    case AVERROR_INVALIDDATA:
        return ST_ERR_DATA;
    case AVERROR_ENCODER_NOT_FOUND:
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
        return ST_ERR_MISSING;
    }
    return ST_ERR_OTHER;
}
