// Contexts, and the way of a picture from vaBeginPicture to its surface.
#include "vatest.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RENDERED 4096 // buffers between vaBeginPicture and vaEndPicture
#define MAX_SLICES 4096

struct context {
    struct object object;
    pthread_mutex_t lock; // one picture at a time, whoever calls
    bool hevc;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *output;  // what libavcodec would show; not looked at
    AVFrame *decoded; // the picture that is being decoded
    struct surface *target;
    struct buffer **rendered;
    unsigned count, capacity;
    uint64_t busy_until; // when the picture before is done, by the delay
};

static void clear_picture(struct context *c)
{
    for (unsigned i = 0; i < c->count; i++)
        put_object(c->rendered[i]);
    c->count = 0;
    put_object(c->target);
    c->target = NULL;
}

static void release_context(struct object *o)
{
    struct context *c = (struct context *)o;

    clear_picture(c);
    free(c->rendered);
    av_frame_free(&c->decoded);
    av_frame_free(&c->output);
    av_packet_free(&c->packet);
    avcodec_free_context(&c->codec);
    pthread_mutex_destroy(&c->lock);
}

// libavcodec shows pictures in output order, VA-API wants each at once, so
// they are caught where they get their memory. Made-up references get memory
// too: in H.264 before the picture itself, in HEVC after it.
static int catch_picture(AVCodecContext *codec, AVFrame *f, int flags)
{
    struct context *c = codec->opaque;
    int rc;

    if (f->format != AV_PIX_FMT_YUV420P)
        return AVERROR(ENOSYS);
    if ((rc = avcodec_default_get_buffer2(codec, f, flags)) < 0)
        return rc;
    if (c->hevc && c->decoded->buf[0])
        return 0;
    av_frame_unref(c->decoded);
    return av_frame_ref(c->decoded, f);
}

static int open_codec(struct context *c)
{
    const AVCodec *codec = avcodec_find_decoder(c->hevc ? AV_CODEC_ID_HEVC : AV_CODEC_ID_H264);

    if (!codec || !(c->codec = avcodec_alloc_context3(codec)))
        return AVERROR(ENOMEM);
    c->codec->thread_count = 1;
    c->codec->flags |= AV_CODEC_FLAG_LOW_DELAY | AV_CODEC_FLAG_OUTPUT_CORRUPT;
    c->codec->log_level_offset = 100; // silent: the log belongs to the application
    c->codec->opaque = c;
    c->codec->get_buffer2 = catch_picture;
    return avcodec_open2(c->codec, codec, NULL);
}

static struct context *new_context(bool hevc)
{
    struct context *c = new_object(CONTEXT, sizeof(*c), release_context);

    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->hevc = hevc;
    c->packet = av_packet_alloc();
    c->output = av_frame_alloc();
    c->decoded = av_frame_alloc();
    if (!c->packet || !c->output || !c->decoded || open_codec(c) < 0) {
        put_object(c);
        return NULL;
    }
    return c;
}

static VAStatus check_targets(struct driver *d, const VASurfaceID *targets, int count)
{
    if (count < 0 || (count && !targets))
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    for (int i = 0; i < count; i++) {
        struct surface *s = get_object(&d->objects, targets[i], SURFACE);

        if (!s)
            return VA_STATUS_ERROR_INVALID_SURFACE;
        put_object(s);
    }
    return VA_STATUS_SUCCESS;
}

static VAStatus check_context(struct driver *d, int width, int height, const VASurfaceID *targets, int count)
{
    if (width < 1 || height < 1 || width > (int)d->knobs.max_width || height > (int)d->knobs.max_height)
        return VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED;
    return check_targets(d, targets, count);
}

static VAStatus add_context(struct driver *d, VAProfile profile, VAContextID *id)
{
    struct context *c = new_context(profile == VAProfileHEVCMain);

    if (!c)
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    if (!add_object(&d->objects, &c->object)) {
        put_object(c);
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    }
    *id = c->object.id;
    return VA_STATUS_SUCCESS;
}

static VAStatus create_context(VADriverContextP ctx, VAConfigID config, int width, int height, int flag,
                               VASurfaceID *targets, int count, VAContextID *id)
{
    struct driver *d = driver_of(ctx);
    struct config *c = get_object(&d->objects, config, CONFIG);
    VAStatus status;

    (void)flag;
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    status = check_context(d, width, height, targets, count);
    if (!status)
        status = add_context(d, c->profile, id);
    put_object(c);
    return status;
}

static VAStatus destroy_context(VADriverContextP ctx, VAContextID id)
{
    bool ok = drop_object(&driver_of(ctx)->objects, id, CONTEXT);

    return ok ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_CONTEXT;
}

static VAStatus begin_picture(VADriverContextP ctx, VAContextID context, VASurfaceID target)
{
    struct driver *d = driver_of(ctx);
    struct context *c = get_object(&d->objects, context, CONTEXT);
    struct surface *s;

    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    if ((s = get_object(&d->objects, target, SURFACE))) {
        pthread_mutex_lock(&c->lock);
        clear_picture(c); // one that was begun and not ended
        c->target = s;
        pthread_mutex_unlock(&c->lock);
    }
    put_object(c);
    return s ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_SURFACE;
}

static bool remember(struct context *c, struct buffer *b)
{
    unsigned capacity = c->capacity ? 2 * c->capacity : 64;
    struct buffer **list;

    if (c->count == c->capacity) {
        if (capacity > MAX_RENDERED || !(list = realloc(c->rendered, capacity * sizeof(*list))))
            return false;
        c->rendered = list;
        c->capacity = capacity;
    }
    c->rendered[c->count++] = b;
    return true;
}

static VAStatus render_locked(struct driver *d, struct context *c, const VABufferID *list, int count)
{
    if (!c->target)
        return VA_STATUS_ERROR_OPERATION_FAILED; // no vaBeginPicture
    for (int i = 0; i < count; i++) {
        struct buffer *b = get_object(&d->objects, list[i], BUFFER);

        if (!b)
            return VA_STATUS_ERROR_INVALID_BUFFER;
        if (!remember(c, b)) {
            put_object(b);
            return VA_STATUS_ERROR_MAX_NUM_EXCEEDED;
        }
    }
    return VA_STATUS_SUCCESS;
}

static VAStatus render_picture(VADriverContextP ctx, VAContextID context, VABufferID *list, int count)
{
    struct driver *d = driver_of(ctx);
    struct context *c = get_object(&d->objects, context, CONTEXT);
    VAStatus status;

    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    pthread_mutex_lock(&c->lock);
    status = render_locked(d, c, list, count);
    pthread_mutex_unlock(&c->lock);
    put_object(c);
    return status;
}

static bool add_slice(struct picture *p, const void *param, const uint8_t *nalu, size_t size)
{
    unsigned capacity = p->capacity ? 2 * p->capacity : 16;
    struct slice *list;

    if (p->count == p->capacity) {
        if (capacity > MAX_SLICES || !(list = realloc(p->slices, capacity * sizeof(*list))))
            return false;
        p->slices = list;
        p->capacity = capacity;
    }
    p->slices[p->count++] = (struct slice){param, nalu, size};
    return true;
}

// Every codec's slice parameters begin with VASliceParameterBufferBase.
static VAStatus add_slices(struct picture *p, const struct buffer *params, const struct buffer *data, size_t need)
{
    size_t have = data->element * data->count;

    if (!params || params->element < need)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    for (unsigned i = 0; i < params->count; i++) {
        const VASliceParameterBufferBase *s = (const void *)(params->data + i * params->element);

        if (s->slice_data_flag != VA_SLICE_DATA_FLAG_ALL)
            return VA_STATUS_ERROR_UNIMPLEMENTED;
        if (s->slice_data_offset > have || s->slice_data_size > have - s->slice_data_offset || !s->slice_data_size)
            return VA_STATUS_ERROR_INVALID_BUFFER;
        if (!add_slice(p, s, data->data + s->slice_data_offset, s->slice_data_size))
            return VA_STATUS_ERROR_MAX_NUM_EXCEEDED;
    }
    return VA_STATUS_SUCCESS;
}

// Slice parameters come before the data that they describe.
static VAStatus collect(struct picture *p, const struct context *c)
{
    const size_t need = c->hevc ? sizeof(VASliceParameterBufferHEVC) : sizeof(VASliceParameterBufferH264);
    const struct buffer *params = NULL;
    VAStatus status = VA_STATUS_SUCCESS;

    for (unsigned i = 0; !status && i < c->count; i++) {
        const struct buffer *b = c->rendered[i];

        if (b->type == VAPictureParameterBufferType) {
            p->param = b->data;
            p->param_size = b->element;
        } else if (b->type == VAIQMatrixBufferType) {
            p->iq = b->data;
            p->iq_size = b->element;
        } else if (b->type == VASliceParameterBufferType) {
            params = b;
        } else if (b->type == VASliceDataBufferType) {
            status = add_slices(p, params, b, need);
            params = NULL;
        }
    }
    if (!status && (!p->param || !p->count))
        status = VA_STATUS_ERROR_INVALID_BUFFER;
    return status;
}

static int drain(struct context *c)
{
    int rc;

    while (!(rc = avcodec_receive_frame(c->codec, c->output)))
        av_frame_unref(c->output);
    return rc == AVERROR(EAGAIN) ? 0 : rc;
}

static int decode(struct context *c, const struct writer *w)
{
    int rc = av_new_packet(c->packet, (int)w->size);

    if (rc < 0)
        return rc;
    memcpy(c->packet->data, w->data, w->size);
    rc = avcodec_send_packet(c->codec, c->packet);
    av_packet_unref(c->packet);
    return rc < 0 ? rc : drain(c);
}

static void store_luma(const struct surface *s, const AVFrame *f, unsigned width, unsigned height)
{
    for (unsigned y = 0; y < height; y++)
        memcpy(s->map + (size_t)y * s->pitch, f->data[0] + (ptrdiff_t)y * f->linesize[0], width);
}

static void interleave(uint8_t *restrict dst, const uint8_t *restrict u, const uint8_t *restrict v, unsigned count)
{
    for (unsigned x = 0; x < count; x++) {
        dst[2 * x] = u[x];
        dst[2 * x + 1] = v[x];
    }
}

static void store_chroma(const struct surface *s, const AVFrame *f, unsigned width, unsigned height)
{
    for (unsigned y = 0; y < height; y++)
        interleave(s->map + s->chroma + (size_t)y * s->pitch, f->data[1] + (ptrdiff_t)y * f->linesize[1],
                   f->data[2] + (ptrdiff_t)y * f->linesize[2], width);
}

static unsigned least(unsigned a, int b)
{
    return b < 0 ? 0 : a < (unsigned)b ? a : (unsigned)b;
}

static void store(const struct surface *s, const AVFrame *f)
{
    unsigned width = least(s->width, f->width), height = least(s->height, f->height);

    store_luma(s, f, width, height);
    store_chroma(s, f, (width + 1) / 2, (height + 1) / 2);
}

static VAStatus decode_rebuilt(struct context *c, const struct writer *w)
{
    VAStatus status = VA_STATUS_SUCCESS;

    if (w->failed)
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    av_frame_unref(c->decoded);
    if (decode(c, w) < 0 || !c->decoded->buf[0])
        status = VA_STATUS_ERROR_DECODING_ERROR;
    else
        store(c->target, c->decoded);
    av_frame_unref(c->decoded);
    return status;
}

static VAStatus decode_picture(struct context *c)
{
    struct picture p = {0};
    struct writer w = {0};
    VAStatus status = collect(&p, c);

    if (!status)
        status = c->hevc ? hevc_rebuild(&w, &p) : h264_rebuild(&w, &p);
    if (!status)
        status = decode_rebuilt(c, &w);
    writer_free(&w);
    free(p.slices);
    return status;
}

static bool to_fail(const struct knobs *k, unsigned long number)
{
    return number == k->fail_at || (k->fail_from && number >= k->fail_from);
}

// As in a GPU, pictures queue up: each takes the delay after the one before.
static void finish_later(const struct driver *d, struct context *c)
{
    uint64_t now = now_ns();

    c->busy_until = (c->busy_until > now ? c->busy_until : now) + d->knobs.delay_ns;
    atomic_store(&c->target->ready_ns, c->busy_until);
}

static VAStatus decode_numbered(struct driver *d, struct context *c, unsigned long number)
{
    bool failed = to_fail(&d->knobs, number);

    if (number == d->knobs.crash_at)
        abort();
    atomic_store(&c->target->hung, number == d->knobs.hang_at);
    atomic_store(&c->target->failed, failed);
    finish_later(d, c);
    if (failed)
        return d->knobs.fail_in_sync ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_DECODING_ERROR;
    return decode_picture(c);
}

static VAStatus end_locked(struct driver *d, struct context *c)
{
    VAStatus status;

    if (!c->target)
        return VA_STATUS_ERROR_OPERATION_FAILED; // no vaBeginPicture
    status = decode_numbered(d, c, atomic_fetch_add(&d->pictures, 1) + 1);
    if (status || atomic_load(&c->target->failed))
        atomic_fetch_add(&d->failures, 1);
    clear_picture(c);
    return status;
}

static VAStatus end_picture(VADriverContextP ctx, VAContextID context)
{
    struct driver *d = driver_of(ctx);
    struct context *c = get_object(&d->objects, context, CONTEXT);
    VAStatus status;

    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    pthread_mutex_lock(&c->lock);
    status = end_locked(d, c);
    pthread_mutex_unlock(&c->lock);
    put_object(c);
    return status;
}

void decode_vtable(struct VADriverVTable *v)
{
    v->vaCreateContext = create_context;
    v->vaDestroyContext = destroy_context;
    v->vaBeginPicture = begin_picture;
    v->vaRenderPicture = render_picture;
    v->vaEndPicture = end_picture;
}
