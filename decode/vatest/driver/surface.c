// Surfaces: made, waited for, destroyed.
#include "vatest.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define MAX_SURFACES 256 // asked for at once

// A waiting thread looks this often at a hang's file.
#define POLL_NS 5000000

static uint32_t align(uint32_t value, uint32_t to)
{
    return (value + to - 1) / to * to;
}

static void release_surface(struct object *o)
{
    memory_close((struct surface *)o);
}

// Rows of 256 bytes and 16 spare rows between the planes: a consumer that
// takes a stride for the width, or the planes for adjacent, shows it.
static struct surface *new_surface(const struct knobs *k, unsigned width, unsigned height)
{
    struct surface *s = new_object(SURFACE, sizeof(*s), release_surface);
    uint32_t rows = align(height, 16);

    if (!s)
        return NULL;
    s->width = width;
    s->height = height;
    s->pitch = align(width, 256);
    s->chroma = s->pitch * (rows + 16);
    s->size = s->chroma + (size_t)s->pitch * rows / 2;
    if (memory_open(s, k->drm) < 0) {
        put_object(s);
        return NULL;
    }
    return s;
}

static VAStatus add_surface(struct driver *d, unsigned width, unsigned height, VASurfaceID *id)
{
    struct surface *s = new_surface(&d->knobs, width, height);

    if (!s)
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    if (!add_object(&d->objects, &s->object)) {
        put_object(s);
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    }
    *id = s->object.id;
    return VA_STATUS_SUCCESS;
}

// Every id is looked at before one surface goes.
static VAStatus destroy_surfaces(VADriverContextP ctx, VASurfaceID *list, int count)
{
    struct driver *d = driver_of(ctx);

    if (count < 0 || (count && !list))
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    for (int i = 0; i < count; i++) {
        struct surface *s = get_object(&d->objects, list[i], SURFACE);

        if (!s)
            return VA_STATUS_ERROR_INVALID_SURFACE;
        put_object(s);
    }
    for (int i = 0; i < count; i++)
        drop_object(&d->objects, list[i], SURFACE);
    return VA_STATUS_SUCCESS;
}

static VAStatus check_surface_attribute(const VASurfaceAttrib *a)
{
    const unsigned memory = VA_SURFACE_ATTRIB_MEM_TYPE_VA | VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2;

    if (!(a->flags & VA_SURFACE_ATTRIB_SETTABLE))
        return VA_STATUS_SUCCESS;
    switch (a->type) {
    case VASurfaceAttribPixelFormat:
        return a->value.value.i == VA_FOURCC_NV12 ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_IMAGE_FORMAT;
    case VASurfaceAttribMemoryType:
        return (unsigned)a->value.value.i & ~memory ? VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE : VA_STATUS_SUCCESS;
    case VASurfaceAttribExternalBufferDescriptor: // import
        return a->value.value.p ? VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE : VA_STATUS_SUCCESS;
    case VASurfaceAttribUsageHint:
        return VA_STATUS_SUCCESS;
    default:
        return VA_STATUS_ERROR_ATTR_NOT_SUPPORTED;
    }
}

static VAStatus check_surfaces(const struct knobs *k, unsigned format, unsigned width, unsigned height, unsigned count)
{
    if (format != VA_RT_FORMAT_YUV420)
        return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
    if (!width || !height || width > k->max_width || height > k->max_height)
        return VA_STATUS_ERROR_RESOLUTION_NOT_SUPPORTED;
    if (!count || count > MAX_SURFACES)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces2(VADriverContextP ctx, unsigned format, unsigned width, unsigned height,
                                 VASurfaceID *list, unsigned count, VASurfaceAttrib *attributes, unsigned n)
{
    struct driver *d = driver_of(ctx);
    VAStatus status = check_surfaces(&d->knobs, format, width, height, count);

    for (unsigned i = 0; !status && i < n; i++)
        status = check_surface_attribute(&attributes[i]);
    for (unsigned i = 0; !status && i < count; i++) {
        status = add_surface(d, width, height, &list[i]);
        if (status)
            destroy_surfaces(ctx, list, (int)i);
    }
    return status;
}

static VAStatus create_surfaces(VADriverContextP ctx, int width, int height, int format, int count, VASurfaceID *list)
{
    if (width < 0 || height < 0 || count < 0)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    return create_surfaces2(ctx, (unsigned)format, (unsigned)width, (unsigned)height, list, (unsigned)count, NULL, 0);
}

static VASurfaceAttrib integer(VASurfaceAttribType type, unsigned flags, unsigned value)
{
    VASurfaceAttrib a = {.type = type, .flags = flags};

    a.value.type = VAGenericValueTypeInteger;
    a.value.value.i = (int)value;
    return a;
}

// vaQuerySurfaceAttributes is called twice: once for the count.
static VAStatus query_attributes(VADriverContextP ctx, VAConfigID id, VASurfaceAttrib *list, unsigned *count)
{
    const unsigned get = VA_SURFACE_ATTRIB_GETTABLE, both = get | VA_SURFACE_ATTRIB_SETTABLE;
    struct driver *d = driver_of(ctx);
    const VASurfaceAttrib all[] = {
        integer(VASurfaceAttribPixelFormat, both, VA_FOURCC_NV12),
        integer(VASurfaceAttribMinWidth, get, 1),
        integer(VASurfaceAttribMinHeight, get, 1),
        integer(VASurfaceAttribMaxWidth, get, d->knobs.max_width),
        integer(VASurfaceAttribMaxHeight, get, d->knobs.max_height),
        integer(VASurfaceAttribMemoryType, both,
                VA_SURFACE_ATTRIB_MEM_TYPE_VA | VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2),
    };
    const unsigned have = sizeof(all) / sizeof(all[0]), room = *count;
    struct config *c = get_object(&d->objects, id, CONFIG);

    if (!c)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    put_object(c);
    *count = have;
    if (list && room < have)
        return VA_STATUS_ERROR_MAX_NUM_EXCEEDED;
    for (unsigned i = 0; list && i < have; i++)
        list[i] = all[i];
    return VA_STATUS_SUCCESS;
}

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

// The process may outlive the driver while this waits: the name is a copy.
static bool wait_hang(struct knobs k, uint64_t until)
{
    while (!*k.hang_file || !access(k.hang_file, F_OK)) {
        uint64_t now = now_ns();

        if (now >= until)
            return false;
        sleep_until(now + POLL_NS);
    }
    return true;
}

static uint64_t deadline(uint64_t timeout_ns)
{
    uint64_t now = now_ns();

    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

// surface_wait returns when the picture in s is done, as vaSyncSurface does.
VAStatus surface_wait(const struct driver *d, struct surface *s, uint64_t timeout_ns)
{
    uint64_t until = deadline(timeout_ns), ready = atomic_load(&s->ready_ns);

    if (atomic_load(&s->hung)) {
        if (!wait_hang(d->knobs, until))
            return VA_STATUS_ERROR_TIMEDOUT;
        return VA_STATUS_ERROR_OPERATION_FAILED;
    }
    if (ready > until) {
        sleep_until(until);
        return VA_STATUS_ERROR_TIMEDOUT;
    }
    sleep_until(ready);
    return atomic_load(&s->failed) ? VA_STATUS_ERROR_DECODING_ERROR : VA_STATUS_SUCCESS;
}

static VAStatus sync_surface2(VADriverContextP ctx, VASurfaceID id, uint64_t timeout_ns)
{
    struct driver *d = driver_of(ctx);
    struct surface *s = get_object(&d->objects, id, SURFACE);
    VAStatus status;

    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    status = surface_wait(d, s, timeout_ns);
    put_object(s);
    return status;
}

static VAStatus sync_surface(VADriverContextP ctx, VASurfaceID id)
{
    return sync_surface2(ctx, id, VA_TIMEOUT_INFINITE);
}

static VAStatus query_status(VADriverContextP ctx, VASurfaceID id, VASurfaceStatus *status)
{
    struct surface *s = get_object(&driver_of(ctx)->objects, id, SURFACE);

    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    *status = VASurfaceReady;
    if (atomic_load(&s->hung) || atomic_load(&s->ready_ns) > now_ns())
        *status = VASurfaceRendering;
    put_object(s);
    return VA_STATUS_SUCCESS;
}

void surface_vtable(struct VADriverVTable *v)
{
    v->vaCreateSurfaces = create_surfaces;
    v->vaCreateSurfaces2 = create_surfaces2;
    v->vaDestroySurfaces = destroy_surfaces;
    v->vaQuerySurfaceAttributes = query_attributes;
    v->vaSyncSurface = sync_surface;
    v->vaSyncSurface2 = sync_surface2;
    v->vaQuerySurfaceStatus = query_status;
}
