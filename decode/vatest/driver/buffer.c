// Buffers: parameters, slice data, and what images are mapped through.
#include "vatest.h"

#include <stdlib.h>
#include <string.h>

#define MAX_BUFFER ((size_t)64 << 20)

static void release_buffer(struct object *o)
{
    struct buffer *b = (struct buffer *)o;

    if (b->surface)
        put_object(b->surface);
    else
        free(b->data);
}

// buffer_new makes count elements of zeros, or a window on the memory of s.
struct buffer *buffer_new(VABufferType type, size_t element, unsigned count, struct surface *s)
{
    struct buffer *b = new_object(BUFFER, sizeof(*b), release_buffer);

    if (!b)
        return NULL;
    b->type = type;
    b->element = element;
    b->count = b->capacity = count;
    if (s) {
        b->surface = keep_object(s);
        b->data = s->map;
    } else if (!(b->data = calloc(count, element))) {
        put_object(b);
        return NULL;
    }
    return b;
}

static bool known_type(VABufferType type)
{
    switch (type) {
    case VAPictureParameterBufferType:
    case VAIQMatrixBufferType:
    case VASliceParameterBufferType:
    case VASliceDataBufferType:
        return true;
    default:
        return false;
    }
}

static VAStatus check_buffer(VABufferType type, unsigned element, unsigned count)
{
    if (!known_type(type))
        return VA_STATUS_ERROR_UNSUPPORTED_BUFFERTYPE;
    if (!element || !count || element > MAX_BUFFER / count)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    return VA_STATUS_SUCCESS;
}

static VAStatus add_buffer(struct driver *d, struct buffer *b, VABufferID *id)
{
    if (!b)
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    if (!add_object(&d->objects, &b->object)) {
        put_object(b);
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    }
    *id = b->object.id;
    return VA_STATUS_SUCCESS;
}

static VAStatus create_buffer(VADriverContextP ctx, VAContextID context, VABufferType type, unsigned element,
                              unsigned count, void *data, VABufferID *id)
{
    struct driver *d = driver_of(ctx);
    void *c = get_object(&d->objects, context, CONTEXT);
    VAStatus status = c ? check_buffer(type, element, count) : VA_STATUS_ERROR_INVALID_CONTEXT;
    struct buffer *b;

    put_object(c);
    if (status)
        return status;
    b = buffer_new(type, element, count, NULL);
    if (b && data)
        memcpy(b->data, data, (size_t)element * count);
    return add_buffer(d, b, id);
}

static VAStatus set_elements(VADriverContextP ctx, VABufferID id, unsigned count)
{
    struct buffer *b = get_object(&driver_of(ctx)->objects, id, BUFFER);
    bool ok;

    if (!b)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    ok = count > 0 && count <= b->capacity;
    if (ok)
        b->count = count;
    put_object(b);
    return ok ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_PARAMETER;
}

static VAStatus map_buffer(VADriverContextP ctx, VABufferID id, void **data)
{
    struct buffer *b = get_object(&driver_of(ctx)->objects, id, BUFFER);

    if (!b)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    *data = b->data;
    put_object(b);
    return VA_STATUS_SUCCESS;
}

static VAStatus unmap_buffer(VADriverContextP ctx, VABufferID id)
{
    void *data;

    return map_buffer(ctx, id, &data);
}

static VAStatus destroy_buffer(VADriverContextP ctx, VABufferID id)
{
    bool ok = drop_object(&driver_of(ctx)->objects, id, BUFFER);

    return ok ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_BUFFER;
}

void buffer_vtable(struct VADriverVTable *v)
{
    v->vaCreateBuffer = create_buffer;
    v->vaBufferSetNumElements = set_elements;
    v->vaMapBuffer = map_buffer;
    v->vaUnmapBuffer = unmap_buffer;
    v->vaDestroyBuffer = destroy_buffer;
}
