// Surfaces as file descriptors.
#include "vatest.h"

#include <drm_fourcc.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYERS (VA_EXPORT_SURFACE_SEPARATE_LAYERS | VA_EXPORT_SURFACE_COMPOSED_LAYERS)

// What Mesa does once per surface where the decoder prefers interlaced
// memory: every row moves to a progressive copy.
static VAStatus make_progressive(struct driver *d, struct surface *s)
{
    uint8_t *copy;

    if (!d->knobs.interlaced || atomic_exchange(&s->progressive, true))
        return VA_STATUS_SUCCESS;
    if (!(copy = malloc(s->size)))
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    memcpy(copy, s->map, s->size);
    memcpy(s->map, copy, s->size);
    free(copy);
    atomic_fetch_add(&d->conversions, 1);
    return VA_STATUS_SUCCESS;
}

static void describe_composed(VADRMPRIMESurfaceDescriptor *desc, const struct surface *s)
{
    desc->num_layers = 1;
    desc->layers[0].drm_format = DRM_FORMAT_NV12;
    desc->layers[0].num_planes = 2;
    desc->layers[0].pitch[0] = desc->layers[0].pitch[1] = s->pitch;
    desc->layers[0].offset[1] = s->chroma;
}

static void describe_separate(VADRMPRIMESurfaceDescriptor *desc, const struct surface *s)
{
    desc->num_layers = 2;
    desc->layers[0].drm_format = DRM_FORMAT_R8;
    desc->layers[1].drm_format = DRM_FORMAT_GR88;
    desc->layers[0].num_planes = desc->layers[1].num_planes = 1;
    desc->layers[0].pitch[0] = desc->layers[1].pitch[0] = s->pitch;
    desc->layers[1].offset[0] = s->chroma;
}

static VAStatus describe(struct driver *d, struct surface *s, uint32_t flags, VADRMPRIMESurfaceDescriptor *desc)
{
    int fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);

    if (fd < 0)
        return VA_STATUS_ERROR_OPERATION_FAILED;
    *desc = (VADRMPRIMESurfaceDescriptor){.fourcc = VA_FOURCC_NV12, .width = s->width, .height = s->height};
    desc->num_objects = 1;
    desc->objects[0].fd = fd;
    desc->objects[0].size = (uint32_t)s->size;
    desc->objects[0].drm_format_modifier = d->knobs.modifier_invalid ? DRM_FORMAT_MOD_INVALID : DRM_FORMAT_MOD_LINEAR;
    if (flags & VA_EXPORT_SURFACE_COMPOSED_LAYERS)
        describe_composed(desc, s);
    else
        describe_separate(desc, s);
    atomic_fetch_add(&d->exports, 1);
    return VA_STATUS_SUCCESS;
}

static VAStatus export_checked(struct driver *d, struct surface *s, uint32_t type, uint32_t flags, void *desc)
{
    VAStatus status;

    if (type != VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2)
        return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
    if (!desc || (flags & LAYERS) == LAYERS)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    if (d->knobs.export_fails)
        return VA_STATUS_ERROR_OPERATION_FAILED;
    status = make_progressive(d, s);
    return status ? status : describe(d, s, flags, desc);
}

// The descriptor in desc is the caller's. As with every driver, the picture
// may not be finished yet.
static VAStatus export_surface(VADriverContextP ctx, VASurfaceID id, uint32_t type, uint32_t flags, void *desc)
{
    struct driver *d = driver_of(ctx);
    struct surface *s = get_object(&d->objects, id, SURFACE);
    VAStatus status;

    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    status = export_checked(d, s, type, flags, desc);
    put_object(s);
    return status;
}

void export_vtable(struct VADriverVTable *v)
{
    v->vaExportSurfaceHandle = export_surface;
}
