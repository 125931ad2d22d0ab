//go:build linux && cgo && !nonative

#include "av.h"

#include <stdio.h>
#include <string.h>

static _Thread_local char first[512], last[512];

static void note(void)
{
    size_t n = strlen(last);

    while (n > 0 && (last[n - 1] == '\n' || last[n - 1] == '.'))
        last[--n] = 0;
    if (!first[0])
        memcpy(first, last, n + 1);
}

static void keep(void *ctx, int level, const char *fmt, va_list args)
{
    (void)ctx;
    if (level > AV_LOG_ERROR)
        return;
    vsnprintf(last, sizeof(last), fmt, args);
    note();
}

void st_log_keep(const char *text)
{
    snprintf(last, sizeof(last), "%s", text);
    note();
}

void st_log_install(void)
{
    av_log_set_callback(keep);
    first[0] = last[0] = 0;
}

const char *st_log_first(void)
{
    return first;
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
