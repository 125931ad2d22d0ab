// Images: how a surface's pixels come to memory.
#include "vatest.h"

#include <string.h>

static const VAImageFormat nv12 = {.fourcc = VA_FOURCC_NV12, .byte_order = VA_LSB_FIRST, .bits_per_pixel = 12};

static void release_image(struct object *o)
{
    put_object(((struct image *)o)->buffer);
}

static VAStatus query_formats(VADriverContextP ctx, VAImageFormat *list, int *count)
{
    (void)ctx;
    list[0] = nv12;
    *count = 1;
    return VA_STATUS_SUCCESS;
}

static VAStatus add_image(struct driver *d, struct image *i)
{
    if (!add_object(&d->objects, &i->buffer->object))
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    keep_object(i->buffer); // the table has its own
    i->desc.buf = i->buffer->object.id;
    if (!add_object(&d->objects, &i->object)) {
        drop_object(&d->objects, i->desc.buf, BUFFER);
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    }
    i->desc.image_id = i->object.id;
    return VA_STATUS_SUCCESS;
}

// new_image takes what desc says of size and layout; s lends its memory.
static VAStatus new_image(struct driver *d, const VAImage *desc, struct surface *s, VAImage *out)
{
    struct image *i = new_object(IMAGE, sizeof(*i), release_image);
    VAStatus status = VA_STATUS_ERROR_ALLOCATION_FAILED;

    if (!i)
        return status;
    i->desc = *desc;
    i->desc.format = nv12;
    i->desc.num_planes = 2;
    if ((i->buffer = buffer_new(VAImageBufferType, desc->data_size, 1, s)))
        status = add_image(d, i);
    if (status)
        put_object(i);
    else
        *out = i->desc;
    return status;
}

static VAStatus create_image(VADriverContextP ctx, VAImageFormat *format, int width, int height, VAImage *out)
{
    struct driver *d = driver_of(ctx);
    uint32_t pitch = ((uint32_t)width + 63) / 64 * 64;
    VAImage desc = {.width = (uint16_t)width, .height = (uint16_t)height};

    if (format->fourcc != VA_FOURCC_NV12)
        return VA_STATUS_ERROR_INVALID_IMAGE_FORMAT;
    if (width < 1 || height < 1 || width > (int)d->knobs.max_width || height > (int)d->knobs.max_height)
        return VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED;
    desc.pitches[0] = desc.pitches[1] = pitch;
    desc.offsets[1] = pitch * (uint32_t)height;
    desc.data_size = desc.offsets[1] + pitch * (((uint32_t)height + 1) / 2);
    return new_image(d, &desc, NULL, out);
}

static VAStatus derive_image(VADriverContextP ctx, VASurfaceID id, VAImage *out)
{
    struct driver *d = driver_of(ctx);
    struct surface *s = get_object(&d->objects, id, SURFACE);
    VAImage desc = {0};
    VAStatus status;

    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    desc.width = (uint16_t)s->width;
    desc.height = (uint16_t)s->height;
    desc.pitches[0] = desc.pitches[1] = s->pitch;
    desc.offsets[1] = s->chroma;
    desc.data_size = (uint32_t)s->size;
    status = new_image(d, &desc, s, out);
    put_object(s);
    return status;
}

static VAStatus destroy_image(VADriverContextP ctx, VAImageID id)
{
    struct driver *d = driver_of(ctx);
    struct image *i = get_object(&d->objects, id, IMAGE);

    if (!i)
        return VA_STATUS_ERROR_INVALID_IMAGE;
    drop_object(&d->objects, i->desc.buf, BUFFER);
    drop_object(&d->objects, id, IMAGE);
    put_object(i);
    return VA_STATUS_SUCCESS;
}

static void copy_rows(uint8_t *dst, uint32_t dst_pitch, const uint8_t *src, uint32_t src_pitch, size_t bytes,
                      unsigned rows)
{
    for (unsigned y = 0; y < rows; y++)
        memcpy(dst + (size_t)y * dst_pitch, src + (size_t)y * src_pitch, bytes);
}

struct area {
    unsigned x, y, width, height;
};

static bool fits(const struct area *a, const struct surface *s, const struct image *i)
{
    if (a->x > s->width || a->width > s->width - a->x || a->y > s->height || a->height > s->height - a->y)
        return false;
    return a->width <= i->desc.width && a->height <= i->desc.height;
}

// The chroma samples start at even positions.
static void copy_area(struct image *i, const struct surface *s, const struct area *a)
{
    size_t luma = (size_t)a->y * s->pitch + a->x, chroma = s->chroma + (size_t)(a->y / 2) * s->pitch + a->x / 2 * 2;
    uint8_t *dst = i->buffer->data;

    copy_rows(dst + i->desc.offsets[0], i->desc.pitches[0], s->map + luma, s->pitch, a->width, a->height);
    copy_rows(dst + i->desc.offsets[1], i->desc.pitches[1], s->map + chroma, s->pitch, (a->width + 1) / 2 * 2,
              (a->height + 1) / 2);
}

static VAStatus get_area(struct driver *d, struct surface *s, struct image *i, const struct area *a)
{
    VAStatus status;

    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    if (!i)
        return VA_STATUS_ERROR_INVALID_IMAGE;
    if (!fits(a, s, i))
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    if ((status = surface_wait(d, s, VA_TIMEOUT_INFINITE)))
        return status;
    copy_area(i, s, a);
    atomic_fetch_add(&d->downloads, 1);
    return VA_STATUS_SUCCESS;
}

static VAStatus get_image(VADriverContextP ctx, VASurfaceID surface, int x, int y, unsigned width, unsigned height,
                          VAImageID image)
{
    struct driver *d = driver_of(ctx);
    struct area a = {(unsigned)x, (unsigned)y, width, height};
    struct surface *s = get_object(&d->objects, surface, SURFACE);
    struct image *i = get_object(&d->objects, image, IMAGE);
    VAStatus status = get_area(d, s, i, &a);

    put_object(i);
    put_object(s);
    return status;
}

void image_vtable(struct VADriverVTable *v)
{
    v->vaQueryImageFormats = query_formats;
    v->vaCreateImage = create_image;
    v->vaDeriveImage = derive_image;
    v->vaDestroyImage = destroy_image;
    v->vaGetImage = get_image;
}
