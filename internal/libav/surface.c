//go:build linux && cgo && !nonative

#include "av.h"

#include <stdatomic.h>

// st_surface_pool_id returns a number that no pool of this process had.
uint64_t st_surface_pool_id(void)
{
    static atomic_uint_fast64_t last;

    return atomic_fetch_add(&last, 1) + 1;
}

static VADisplay display_of(const AVBufferRef *frames)
{
    return st_dev_display(((AVHWFramesContext *)frames->data)->device_ref);
}

// st_surface_sync waits until the surface is decoded. Returns a VAStatus.
int st_surface_sync(const AVBufferRef *frames, VASurfaceID id)
{
    return vaSyncSurface(display_of(frames), id);
}

// st_surface_export returns a VAStatus. The descriptors are the caller's.
int st_surface_export(const AVBufferRef *frames, VASurfaceID id, VADRMPRIMESurfaceDescriptor *out)
{
    return vaExportSurfaceHandle(display_of(frames), id, VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2,
                                 VA_EXPORT_SURFACE_READ_ONLY | VA_EXPORT_SURFACE_SEPARATE_LAYERS, out);
}
