// Calls that a driver must refuse, each with the status that it must have.
// Compiled with the address sanitiser: what is out of bounds or leaks ends it.
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <va/va_drm.h>
#include <va/va_drmcommon.h>

static VADisplay va;
static int failures;

static void expect(const char *call, int line, VAStatus got, VAStatus want)
{
    if (got == want)
        return;
    printf("line %d: %s = %#x; want %#x\n", line, call, got, want);
    failures++;
}

#define EXPECT(call, want) expect(#call, __LINE__, call, VA_STATUS_##want)

static const VAEntrypoint vld = VAEntrypointVLD;

static VAConfigID new_config(VAProfile profile)
{
    VAConfigID id = VA_INVALID_ID;

    EXPECT(vaCreateConfig(va, profile, vld, NULL, 0, &id), SUCCESS);
    return id;
}

static void configs(void)
{
    VAConfigAttrib rgb = {VAConfigAttribRTFormat, VA_RT_FORMAT_RGB32}, size[2] = {{VAConfigAttribMaxPictureWidth, 0}, {VAConfigAttribRateControl, 0}};
    VAConfigID id = new_config(VAProfileH264High), none;

    EXPECT(vaCreateConfig(va, VAProfileAV1Profile0, vld, NULL, 0, &none), ERROR_UNSUPPORTED_PROFILE);
    EXPECT(vaCreateConfig(va, VAProfileH264High, VAEntrypointEncSlice, NULL, 0, &none), ERROR_UNSUPPORTED_ENTRYPOINT);
    EXPECT(vaCreateConfig(va, VAProfileH264High, vld, &rgb, 1, &none), ERROR_UNSUPPORTED_RT_FORMAT);
    EXPECT(vaGetConfigAttributes(va, VAProfileH264High, vld, size, 2), SUCCESS);
    if (size[0].value != 640 || size[1].value != VA_ATTRIB_NOT_SUPPORTED) {
        printf("vaGetConfigAttributes = %u, %#x; want 640, not supported\n", size[0].value, size[1].value);
        failures++;
    }
    EXPECT(vaDestroyConfig(va, id), SUCCESS);
    EXPECT(vaDestroyConfig(va, id), ERROR_INVALID_CONFIG);
    EXPECT(vaDestroyConfig(va, VA_INVALID_ID), ERROR_INVALID_CONFIG);
    EXPECT(vaDestroyConfig(va, 0), ERROR_INVALID_CONFIG);
}

static void surfaces(void)
{
    VASurfaceAttrib rgb = {VASurfaceAttribPixelFormat, VA_SURFACE_ATTRIB_SETTABLE, {VAGenericValueTypeInteger, {VA_FOURCC_RGBA}}};
    VASurfaceID list[300], id;
    VADRMPRIMESurfaceDescriptor d;
    VASurfaceStatus status;
    void *info;

    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 641, 360, list, 1, NULL, 0), ERROR_RESOLUTION_NOT_SUPPORTED);
    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 0, 360, list, 1, NULL, 0), ERROR_RESOLUTION_NOT_SUPPORTED);
    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420_10, 64, 64, list, 1, NULL, 0), ERROR_UNSUPPORTED_RT_FORMAT);
    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 64, 64, list, 1, &rgb, 1), ERROR_INVALID_IMAGE_FORMAT);
    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 64, 64, list, 300, NULL, 0), ERROR_INVALID_PARAMETER);
    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 1, 1, list, 100, NULL, 0), SUCCESS);
    id = list[99];
    EXPECT(vaExportSurfaceHandle(va, id, VA_SURFACE_ATTRIB_MEM_TYPE_VA, 0, &d), ERROR_UNSUPPORTED_MEMORY_TYPE);
    EXPECT(vaExportSurfaceHandle(va, id, VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2,
                                 VA_EXPORT_SURFACE_SEPARATE_LAYERS | VA_EXPORT_SURFACE_COMPOSED_LAYERS, &d),
           ERROR_INVALID_PARAMETER);
    EXPECT(vaQuerySurfaceError(va, id, VA_STATUS_ERROR_DECODING_ERROR, &info), ERROR_UNIMPLEMENTED);
    EXPECT(vaDestroySurfaces(va, list, 100), SUCCESS);
    EXPECT(vaDestroySurfaces(va, list, 1), ERROR_INVALID_SURFACE);
    EXPECT(vaSyncSurface(va, id), ERROR_INVALID_SURFACE);
    EXPECT(vaQuerySurfaceStatus(va, id, &status), ERROR_INVALID_SURFACE);
    EXPECT(vaExportSurfaceHandle(va, id, VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2, 0, &d), ERROR_INVALID_SURFACE);
}

static void images(void)
{
    VAImageFormat nv12 = {.fourcc = VA_FOURCC_NV12}, rgb = {.fourcc = VA_FOURCC_RGBA};
    VASurfaceID surface;
    VAImage image, derived;
    void *data;

    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 101, 63, &surface, 1, NULL, 0), SUCCESS);
    EXPECT(vaCreateImage(va, &rgb, 64, 64, &image), ERROR_INVALID_IMAGE_FORMAT);
    EXPECT(vaCreateImage(va, &nv12, -1, 64, &image), ERROR_RESOLUTION_NOT_SUPPORTED);
    EXPECT(vaCreateImage(va, &nv12, 101, 63, &image), SUCCESS);
    EXPECT(vaGetImage(va, surface, 0, 0, 101, 63, image.image_id), SUCCESS);
    EXPECT(vaGetImage(va, surface, 1, 0, 101, 63, image.image_id), ERROR_INVALID_PARAMETER);
    EXPECT(vaGetImage(va, surface, -1, 0, 2, 2, image.image_id), ERROR_INVALID_PARAMETER);
    EXPECT(vaGetImage(va, surface, 0, 0, 0xffffffff, 2, image.image_id), ERROR_INVALID_PARAMETER);
    EXPECT(vaGetImage(va, surface, 100, 62, 1, 1, image.image_id), SUCCESS);
    EXPECT(vaGetImage(va, image.image_id, 0, 0, 1, 1, image.image_id), ERROR_INVALID_SURFACE);
    EXPECT(vaGetImage(va, surface, 0, 0, 1, 1, surface), ERROR_INVALID_IMAGE);
    EXPECT(vaDeriveImage(va, surface, &derived), SUCCESS);
    EXPECT(vaMapBuffer(va, derived.buf, &data), SUCCESS);
    EXPECT(vaDestroySurfaces(va, &surface, 1), SUCCESS);
    memset(data, 1, derived.data_size); // the image keeps the memory
    EXPECT(vaUnmapBuffer(va, derived.buf), SUCCESS);
    EXPECT(vaDestroyImage(va, derived.image_id), SUCCESS);
    EXPECT(vaMapBuffer(va, derived.buf, &data), ERROR_INVALID_BUFFER);
    EXPECT(vaDestroyImage(va, image.image_id), SUCCESS);
    EXPECT(vaDestroyImage(va, image.image_id), ERROR_INVALID_IMAGE);
}

struct parts {
    VAConfigID config;
    VAContextID context;
    VASurfaceID surface;
};

static struct parts open_parts(VAProfile profile)
{
    struct parts p = {.config = new_config(profile)};

    EXPECT(vaCreateSurfaces(va, VA_RT_FORMAT_YUV420, 64, 64, &p.surface, 1, NULL, 0), SUCCESS);
    EXPECT(vaCreateContext(va, p.config, 64, 64, VA_PROGRESSIVE, &p.surface, 1, &p.context), SUCCESS);
    return p;
}

static void close_parts(struct parts *p)
{
    EXPECT(vaDestroyContext(va, p->context), SUCCESS);
    EXPECT(vaDestroySurfaces(va, &p->surface, 1), SUCCESS);
    EXPECT(vaDestroyConfig(va, p->config), SUCCESS);
}

static VABufferID new_buffer(const struct parts *p, VABufferType type, unsigned size, const void *data)
{
    VABufferID id = VA_INVALID_ID;

    EXPECT(vaCreateBuffer(va, p->context, type, size, 1, (void *)data, &id), SUCCESS);
    return id;
}

static void contexts(void)
{
    struct parts p = open_parts(VAProfileHEVCMain);
    VASurfaceID wrong = 77;
    VAContextID none;
    VABufferID buffer;

    EXPECT(vaCreateContext(va, p.surface, 64, 64, 0, NULL, 0, &none), ERROR_INVALID_CONFIG);
    EXPECT(vaCreateContext(va, p.config, 64, 4000, 0, NULL, 0, &none), ERROR_RESOLUTION_NOT_SUPPORTED);
    EXPECT(vaCreateContext(va, p.config, 64, 64, 0, &wrong, 1, &none), ERROR_INVALID_SURFACE);
    EXPECT(vaBeginPicture(va, p.context, wrong), ERROR_INVALID_SURFACE);
    EXPECT(vaEndPicture(va, p.context), ERROR_OPERATION_FAILED);
    EXPECT(vaBeginPicture(va, p.context, p.surface), SUCCESS);
    EXPECT(vaRenderPicture(va, p.context, &wrong, 1), ERROR_INVALID_BUFFER);
    EXPECT(vaEndPicture(va, p.context), ERROR_INVALID_BUFFER); // nothing in it
    EXPECT(vaCreateBuffer(va, p.context, VAEncCodedBufferType, 8, 1, NULL, &buffer), ERROR_UNSUPPORTED_BUFFERTYPE);
    EXPECT(vaCreateBuffer(va, p.context, VASliceDataBufferType, 0x80000000, 0x80000000, NULL, &buffer),
           ERROR_INVALID_PARAMETER);
    EXPECT(vaCreateBuffer(va, wrong, VASliceDataBufferType, 8, 1, NULL, &buffer), ERROR_INVALID_CONTEXT);
    buffer = new_buffer(&p, VASliceDataBufferType, 8, NULL);
    EXPECT(vaBufferSetNumElements(va, buffer, 2), ERROR_INVALID_PARAMETER);
    EXPECT(vaBeginPicture(va, p.context, p.surface), SUCCESS);
    EXPECT(vaRenderPicture(va, p.context, &buffer, 1), SUCCESS); // left open
    EXPECT(vaDestroyBuffer(va, buffer), SUCCESS);
    close_parts(&p);
}

// One picture of these parts; the status of vaEndPicture.
static VAStatus decode(const struct parts *p, const void *param, unsigned param_size, const void *slice,
                       unsigned slice_size, const void *data, unsigned data_size)
{
    VABufferID b[3] = {
        new_buffer(p, VAPictureParameterBufferType, param_size, param),
        new_buffer(p, VASliceParameterBufferType, slice_size, slice),
        new_buffer(p, VASliceDataBufferType, data_size, data),
    };
    VAStatus status;

    EXPECT(vaBeginPicture(va, p->context, p->surface), SUCCESS);
    EXPECT(vaRenderPicture(va, p->context, b, 3), SUCCESS);
    status = vaEndPicture(va, p->context);
    for (int i = 0; i < 3; i++)
        EXPECT(vaDestroyBuffer(va, b[i]), SUCCESS);
    return status;
}

#define DECODE(p, picture, slice, size) decode(p, &(picture), sizeof(picture), &(slice), sizeof(slice), nalu, size)

static const uint8_t nalu[64] = {0x65, 0x88, 0x84};

static void h264(void)
{
    struct parts p = open_parts(VAProfileH264High);
    VAPictureParameterBufferH264 picture = {.picture_width_in_mbs_minus1 = 3, .picture_height_in_mbs_minus1 = 3};
    VASliceParameterBufferH264 slice = {.slice_data_size = 64};

    picture.seq_fields.bits.chroma_format_idc = 1;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_UNIMPLEMENTED); // interlaced
    picture.seq_fields.bits.frame_mbs_only_flag = 1;
    picture.seq_fields.bits.pic_order_cnt_type = 1;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_UNIMPLEMENTED);
    picture.seq_fields.bits.pic_order_cnt_type = 2;
    EXPECT(DECODE(&p, picture, slice, 63), ERROR_INVALID_BUFFER); // slice beyond its data
    EXPECT(decode(&p, &picture, 8, &slice, sizeof(slice), nalu, 64), ERROR_INVALID_BUFFER);
    EXPECT(decode(&p, &picture, sizeof(picture), &slice, 8, nalu, 64), ERROR_INVALID_BUFFER);
    slice.slice_data_flag = VA_SLICE_DATA_FLAG_BEGIN;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_UNIMPLEMENTED);
    slice.slice_data_flag = VA_SLICE_DATA_FLAG_ALL;
    slice.slice_data_size = 1; // a header cut short
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_DECODING_ERROR);
    slice.slice_data_offset = 0xffffffff;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_INVALID_BUFFER);
    close_parts(&p);
}

static void hevc(void)
{
    struct parts p = open_parts(VAProfileHEVCMain);
    VAPictureParameterBufferHEVC picture = {.pic_width_in_luma_samples = 64, .pic_height_in_luma_samples = 64};
    VASliceParameterBufferHEVC slice = {.slice_data_size = 64};

    EXPECT(DECODE(&p, picture, slice, 64), ERROR_UNSUPPORTED_RT_FORMAT);
    picture.pic_fields.bits.chroma_format_idc = 1;
    picture.num_long_term_ref_pic_sps = 1;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_UNIMPLEMENTED);
    picture.num_long_term_ref_pic_sps = 0;
    picture.num_tile_columns_minus1 = 255;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_INVALID_PARAMETER);
    picture.num_tile_columns_minus1 = 0;
    picture.num_short_term_ref_pic_sets = 3;
    picture.st_rps_bits = 0xffffffff;
    slice.slice_data_byte_offset = 0xffffffff;
    EXPECT(DECODE(&p, picture, slice, 64), ERROR_DECODING_ERROR);
    close_parts(&p);
}

// Random parameters must never do more than fail.
static void noise(VAProfile profile, unsigned seed)
{
    struct parts p = open_parts(profile);
    uint8_t picture[1024], slice[4096], data[256];

    srand(seed);
    for (int round = 0; round < 2000; round++) {
        VASliceParameterBufferBase *base = (void *)slice;

        for (size_t i = 0; i < sizeof(picture); i++)
            picture[i] = rand() % 4 ? 0 : rand();
        for (size_t i = 0; i < sizeof(slice); i++)
            slice[i] = rand() % 4 ? 0 : rand();
        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = rand();
        *base = (VASliceParameterBufferBase){.slice_data_size = sizeof(data)};
        if (profile == VAProfileHEVCMain) {
            VAPictureParameterBufferHEVC *h = (void *)picture;

            h->pic_fields.bits.chroma_format_idc = 1;
            h->bit_depth_luma_minus8 = h->bit_depth_chroma_minus8 = h->num_long_term_ref_pic_sps = 0;
            h->CurrPic.flags = 0;
            h->pic_width_in_luma_samples %= 4096;
            h->pic_height_in_luma_samples %= 4096;
            ((VASliceParameterBufferHEVC *)slice)->slice_data_byte_offset %= 64;
        } else {
            VAPictureParameterBufferH264 *h = (void *)picture;

            h->seq_fields.bits.frame_mbs_only_flag = h->seq_fields.bits.chroma_format_idc = 1;
            h->pic_fields.bits.field_pic_flag = h->bit_depth_luma_minus8 = h->bit_depth_chroma_minus8 = 0;
            h->picture_width_in_mbs_minus1 %= 256;
            h->picture_height_in_mbs_minus1 %= 256;
        }
        decode(&p, picture, sizeof(picture), slice, sizeof(slice), data, sizeof(data));
    }
    close_parts(&p);
}

static void *churn(void *arg)
{
    for (int i = 0; i < 300; i++) {
        struct parts p = open_parts(i % 2 ? VAProfileHEVCMain : VAProfileH264Main);

        decode(&p, nalu, sizeof(nalu), nalu, sizeof(nalu), nalu, sizeof(nalu));
        close_parts(&p);
    }
    return arg;
}

static void threads(void)
{
    pthread_t list[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&list[i], NULL, churn, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(list[i], NULL);
}

// Left for vaTerminate to free and to report.
static void leak(void)
{
    struct parts p = open_parts(VAProfileH264Main);

    new_buffer(&p, VASliceDataBufferType, 8, NULL);
}

int main(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC), major, minor;

    if (!(va = vaGetDisplayDRM(fd)))
        return 2;
    EXPECT(vaInitialize(va, &major, &minor), SUCCESS);
    configs();
    surfaces();
    images();
    contexts();
    h264();
    hevc();
    noise(VAProfileH264High, 1);
    noise(VAProfileHEVCMain, 2);
    threads();
    leak();
    EXPECT(vaTerminate(va), SUCCESS);
    close(fd);
    return failures ? 1 : 0;
}
