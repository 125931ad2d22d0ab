// The driver's life, and what it does not do.
#define _GNU_SOURCE
#include "vatest.h"

#include <fcntl.h>
#include <libavutil/avutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// One line of JSON for each vaTerminate; live counts what was not destroyed.
static int format_log(const struct driver *d, char *line, size_t size)
{
    const unsigned *live = d->objects.live;

    return snprintf(line, size,
                    "{\"pictures\":%lu,\"failures\":%lu,\"exports\":%lu,\"conversions\":%lu,\"downloads\":%lu,"
                    "\"live\":{\"configs\":%u,\"surfaces\":%u,\"contexts\":%u,\"buffers\":%u,\"images\":%u}}\n",
                    atomic_load(&d->pictures), atomic_load(&d->failures), atomic_load(&d->exports),
                    atomic_load(&d->conversions), atomic_load(&d->downloads), live[CONFIG], live[SURFACE],
                    live[CONTEXT], live[BUFFER], live[IMAGE]);
}

static void write_log(const struct driver *d)
{
    char line[512];
    int size = format_log(d, line, sizeof(line)), fd;

    if (!*d->knobs.log)
        return;
    fd = open(d->knobs.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)size) != size)
        fprintf(stderr, "vatest: write %s: %m\n", d->knobs.log);
    if (fd >= 0)
        close(fd);
}

static VAStatus terminate(VADriverContextP ctx)
{
    struct driver *d = driver_of(ctx);

    write_log(d);
    table_free(&d->objects);
    free(d);
    ctx->pDriverData = NULL;
    return VA_STATUS_SUCCESS;
}

static VAStatus no_subpictures(VADriverContextP ctx, VAImageFormat *list, unsigned *flags, unsigned *count)
{
    (void)ctx, (void)list, (void)flags;
    *count = 0;
    return VA_STATUS_SUCCESS;
}

static VAStatus no_display_attributes(VADriverContextP ctx, VADisplayAttribute *list, int *count)
{
    (void)ctx, (void)list;
    *count = 0;
    return VA_STATUS_SUCCESS;
}

// libva demands these entries of every driver, or calls them unasked.
#define REFUSE(name, ...)                      \
    static VAStatus name(__VA_ARGS__)          \
    {                                          \
        return VA_STATUS_ERROR_UNIMPLEMENTED;  \
    }

#pragma GCC diagnostic ignored "-Wunused-parameter"
REFUSE(set_palette, VADriverContextP ctx, VAImageID i, unsigned char *palette)
REFUSE(put_image, VADriverContextP ctx, VASurfaceID s, VAImageID i, int sx, int sy, unsigned sw, unsigned sh, int dx,
       int dy, unsigned dw, unsigned dh)
REFUSE(put_surface, VADriverContextP ctx, VASurfaceID s, void *draw, short sx, short sy, unsigned short sw,
       unsigned short sh, short dx, short dy, unsigned short dw, unsigned short dh, VARectangle *clips, unsigned n,
       unsigned flags)
REFUSE(create_subpicture, VADriverContextP ctx, VAImageID i, VASubpictureID *s)
REFUSE(destroy_subpicture, VADriverContextP ctx, VASubpictureID s)
REFUSE(set_subpicture_image, VADriverContextP ctx, VASubpictureID s, VAImageID i)
REFUSE(set_chroma_key, VADriverContextP ctx, VASubpictureID s, unsigned min, unsigned max, unsigned mask)
REFUSE(set_alpha, VADriverContextP ctx, VASubpictureID s, float alpha)
REFUSE(associate, VADriverContextP ctx, VASubpictureID s, VASurfaceID *list, int n, short sx, short sy,
       unsigned short sw, unsigned short sh, short dx, short dy, unsigned short dw, unsigned short dh, unsigned flags)
REFUSE(deassociate, VADriverContextP ctx, VASubpictureID s, VASurfaceID *list, int n)
REFUSE(surface_error, VADriverContextP ctx, VASurfaceID s, VAStatus status, void **info)
REFUSE(buffer_info, VADriverContextP ctx, VABufferID b, VABufferType *type, unsigned *size, unsigned *n)
REFUSE(lock_surface, VADriverContextP ctx, VASurfaceID s, unsigned *fourcc, unsigned *pitch_y, unsigned *pitch_u,
       unsigned *pitch_v, unsigned *offset_y, unsigned *offset_u, unsigned *offset_v, unsigned *name, void **data)
REFUSE(unlock_surface, VADriverContextP ctx, VASurfaceID s)
REFUSE(display_attributes, VADriverContextP ctx, VADisplayAttribute *list, int n)

void rest_vtable(struct VADriverVTable *v)
{
    v->vaTerminate = terminate;
    v->vaQuerySubpictureFormats = no_subpictures;
    v->vaQueryDisplayAttributes = no_display_attributes;
    v->vaSetImagePalette = set_palette;
    v->vaPutImage = put_image;
    v->vaPutSurface = put_surface;
    v->vaCreateSubpicture = create_subpicture;
    v->vaDestroySubpicture = destroy_subpicture;
    v->vaSetSubpictureImage = set_subpicture_image;
    v->vaSetSubpictureChromakey = set_chroma_key;
    v->vaSetSubpictureGlobalAlpha = set_alpha;
    v->vaAssociateSubpicture = associate;
    v->vaDeassociateSubpicture = deassociate;
    v->vaQuerySurfaceError = surface_error;
    v->vaBufferInfo = buffer_info;
    v->vaLockSurface = lock_surface;
    v->vaUnlockSurface = unlock_surface;
    v->vaGetDisplayAttributes = display_attributes;
    v->vaSetDisplayAttributes = display_attributes;
}

static void describe(VADriverContextP ctx, struct driver *d)
{
    unsigned v = avcodec_version();

    snprintf(d->vendor, sizeof(d->vendor), "Shadow Terminal vatest %s (libavcodec %u.%u.%u)",
             *d->knobs.version ? d->knobs.version : "1", AV_VERSION_MAJOR(v), AV_VERSION_MINOR(v),
             AV_VERSION_MICRO(v));
    ctx->version_major = VA_MAJOR_VERSION;
    ctx->version_minor = VA_MINOR_VERSION;
    ctx->max_profiles = PROFILES;
    ctx->max_entrypoints = 1;
    ctx->max_attributes = 4;
    ctx->max_image_formats = 1;
    ctx->max_subpic_formats = 1; // libva refuses 0
    ctx->max_display_attributes = 1;
    ctx->str_vendor = d->vendor;
}

static void fill_vtable(struct VADriverVTable *v)
{
    config_vtable(v);
    surface_vtable(v);
    buffer_vtable(v);
    decode_vtable(v);
    image_vtable(v);
    export_vtable(v);
    rest_vtable(v);
}

// The name is libva's, and holds the interface's version; every libva 2
// accepts 1.0 (va.c tries from its own minor version down).
__attribute__((visibility("default"))) VAStatus __vaDriverInit_1_0(VADriverContextP ctx)
{
    struct driver *d = calloc(1, sizeof(*d));

    if (!d)
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    if (knobs_read(&d->knobs) < 0 || d->knobs.fail_init) {
        free(d);
        return VA_STATUS_ERROR_OPERATION_FAILED;
    }
    table_init(&d->objects);
    describe(ctx, d);
    fill_vtable(ctx->vtable);
    ctx->pDriverData = d;
    return VA_STATUS_SUCCESS;
}
