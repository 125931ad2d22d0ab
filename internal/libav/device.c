//go:build linux && cgo && !nonative

#include "av.h"

#include <libavutil/hwcontext_vaapi.h>
#include <unistd.h>
#include <va/va_drm.h>

static void keep_error(void *ctx, const char *message)
{
    (void)ctx;
    st_log_keep(message);
}

static void free_device(AVHWDeviceContext *dev)
{
    vaTerminate(((AVVAAPIDeviceContext *)dev->hwctx)->display);
    close((int)(intptr_t)dev->user_opaque);
}

// start_display leaves nothing behind when it fails.
static int start_display(VADisplay *out, int fd, int *va_status)
{
    int major, minor;
    VADisplay dpy = vaGetDisplayDRM(fd);

    if (!dpy)
        return AVERROR(ENODEV);
    vaSetErrorCallback(dpy, keep_error, NULL);
    vaSetInfoCallback(dpy, NULL, NULL);
    *va_status = vaInitialize(dpy, &major, &minor);
    if (*va_status != VA_STATUS_SUCCESS) {
        vaTerminate(dpy); // the display is there even so
        return AVERROR_EXTERNAL;
    }
    *out = dpy;
    return 0;
}

// st_dev_open takes fd. ENODEV: it is no DRM device. AVERROR_EXTERNAL:
// *va_status says why.
int st_dev_open(AVBufferRef **out, int fd, int *va_status)
{
    AVHWDeviceContext *dev;
    VADisplay dpy;
    int rc = start_display(&dpy, fd, va_status);

    if (rc < 0) {
        close(fd);
        return rc;
    }
    if (!(*out = av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_VAAPI))) {
        vaTerminate(dpy);
        close(fd);
        return AVERROR(ENOSYS); // out of memory, or a build without VA-API
    }
    dev = (AVHWDeviceContext *)(*out)->data;
    ((AVVAAPIDeviceContext *)dev->hwctx)->display = dpy;
    dev->user_opaque = (void *)(intptr_t)fd;
    dev->free = free_device;
    if ((rc = av_hwdevice_ctx_init(*out)) < 0)
        av_buffer_unref(out);
    return rc;
}

VADisplay st_dev_display(const AVBufferRef *dev)
{
    return ((AVVAAPIDeviceContext *)((AVHWDeviceContext *)dev->data)->hwctx)->display;
}

static bool has_profile(VADisplay dpy, VAProfile profile)
{
    int n = vaMaxNumProfiles(dpy);
    VAProfile *list = av_calloc(FFMAX(n, 1), sizeof(*list));
    bool found = false;

    if (list && vaQueryConfigProfiles(dpy, list, &n) == VA_STATUS_SUCCESS)
        for (int i = 0; i < n; i++)
            found |= list[i] == profile;
    av_free(list);
    return found;
}

static bool has_decoding(VADisplay dpy, VAProfile profile)
{
    VAConfigAttrib rt = {.type = VAConfigAttribRTFormat};
    int n = vaMaxNumEntrypoints(dpy);
    VAEntrypoint *list = av_calloc(FFMAX(n, 1), sizeof(*list));
    bool found = false;

    if (list && vaQueryConfigEntrypoints(dpy, profile, list, &n) == VA_STATUS_SUCCESS)
        for (int i = 0; i < n; i++)
            found |= list[i] == VAEntrypointVLD;
    av_free(list);
    return found && vaGetConfigAttributes(dpy, profile, VAEntrypointVLD, &rt, 1) == VA_STATUS_SUCCESS &&
           rt.value != VA_ATTRIB_NOT_SUPPORTED && (rt.value & VA_RT_FORMAT_YUV420);
}

static void lower(int *limit, int to)
{
    if (to > 0 && (*limit == 0 || to < *limit))
        *limit = to;
}

static void config_limits(VADisplay dpy, VAProfile profile, int *width, int *height)
{
    VAConfigAttrib a[2] = {{.type = VAConfigAttribMaxPictureWidth}, {.type = VAConfigAttribMaxPictureHeight}};

    if (vaGetConfigAttributes(dpy, profile, VAEntrypointVLD, a, 2) != VA_STATUS_SUCCESS)
        return;
    if (a[0].value != VA_ATTRIB_NOT_SUPPORTED)
        lower(width, (int)a[0].value);
    if (a[1].value != VA_ATTRIB_NOT_SUPPORTED)
        lower(height, (int)a[1].value);
}

static void surface_limits(VADisplay dpy, VAConfigID config, int *width, int *height)
{
    VASurfaceAttrib *list;
    unsigned n = 0;

    if (vaQuerySurfaceAttributes(dpy, config, NULL, &n) != VA_STATUS_SUCCESS || n == 0)
        return;
    list = av_calloc(n, sizeof(*list));
    if (list && vaQuerySurfaceAttributes(dpy, config, list, &n) == VA_STATUS_SUCCESS)
        for (unsigned i = 0; i < n; i++) {
            if (list[i].type == VASurfaceAttribMaxWidth)
                lower(width, list[i].value.value.i);
            if (list[i].type == VASurfaceAttribMaxHeight)
                lower(height, list[i].value.value.i);
        }
    av_free(list);
}

// st_dev_decodes says whether 8-bit 4:2:0 of a profile can be decoded, and
// lowers the limits to what the driver names, 0 being none.
bool st_dev_decodes(const AVBufferRef *dev, VAProfile profile, int *max_width, int *max_height)
{
    VADisplay dpy = st_dev_display(dev);
    VAConfigID config;

    if (!has_profile(dpy, profile) || !has_decoding(dpy, profile))
        return false;
    if (vaCreateConfig(dpy, profile, VAEntrypointVLD, NULL, 0, &config) != VA_STATUS_SUCCESS)
        return false;
    config_limits(dpy, profile, max_width, max_height);
    surface_limits(dpy, config, max_width, max_height);
    vaDestroyConfig(dpy, config);
    return true;
}
