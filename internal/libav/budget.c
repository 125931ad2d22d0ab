//go:build linux && cgo && !nonative

#include "av.h"

#include <libavutil/imgutils.h>
#include <stdatomic.h>
#include <stdio.h>

// st_budget counts the bytes of the pictures of a software decoder that are out:
// kept to be referred to, or held by whoever shows them. Pictures outlive the
// decoder, so they share it.
struct st_budget {
    atomic_int_fast64_t out;
    atomic_int users;
    int64_t limit;
};

// kept is a picture's first buffer with what to do when it comes back.
typedef struct kept {
    AVBufferRef *inner;
    st_budget *budget;
    int64_t bytes;
} kept;

st_budget *st_budget_new(int64_t limit)
{
    st_budget *b = av_mallocz(sizeof(*b));

    if (!b)
        return NULL;
    atomic_init(&b->out, 0);
    atomic_init(&b->users, 1);
    b->limit = limit;
    return b;
}

void st_budget_free(st_budget *b)
{
    if (b && atomic_fetch_sub(&b->users, 1) == 1)
        av_free(b);
}

int64_t st_budget_out(const st_budget *b)
{
    return b ? (int64_t)atomic_load(&b->out) : 0;
}

static void give_back(void *opaque, uint8_t *data)
{
    kept *k = opaque;

    (void)data;
    av_buffer_unref(&k->inner);
    atomic_fetch_sub(&k->budget->out, k->bytes);
    st_budget_free(k->budget);
    av_free(k);
}

static int64_t bytes_of(const AVFrame *f)
{
    int64_t sum = 0;

    for (int i = 0; i < AV_NUM_DATA_POINTERS && f->buf[i]; i++)
        sum += (int64_t)f->buf[i]->size;
    return sum;
}

// charge puts f on the account of b until its first buffer is let go.
static int charge(st_budget *b, AVFrame *f)
{
    kept *k = av_mallocz(sizeof(*k));
    AVBufferRef *outer;

    if (!k)
        return AVERROR(ENOMEM);
    k->inner = f->buf[0];
    k->budget = b;
    k->bytes = bytes_of(f);
    outer = av_buffer_create(k->inner->data, k->inner->size, give_back, k, 0);
    if (!outer) {
        av_free(k);
        return AVERROR(ENOMEM);
    }
    atomic_fetch_add(&b->users, 1);
    atomic_fetch_add(&b->out, k->bytes);
    f->buf[0] = outer;
    return 0;
}

// st_budget_get is get_buffer2 within the budget. libavcodec bounds how many
// pictures it keeps (32 of HEVC, whatever the parameter sets say), not how large
// they are together.
int st_budget_get(st_budget *b, AVCodecContext *c, AVFrame *f, int flags)
{
    int size = av_image_get_buffer_size(f->format, f->width, f->height, 1), rc;

    if (size < 0)
        return size;
    if (st_budget_out(b) + size > b->limit)
        return AVERROR(ENOMEM);
    if ((rc = avcodec_default_get_buffer2(c, f, flags)) < 0)
        return rc;
    if ((rc = charge(b, f)) < 0)
        av_frame_unref(f);
    return rc;
}
