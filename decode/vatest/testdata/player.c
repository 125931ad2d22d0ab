// player FILE [THREADS] decodes FILE with FFmpeg's VA-API code, in several
// decoders of one VADisplay, and prints what happened to each picture:
//
//   decoder 0 picture 1 send 0 sync 0 export 0 modifier 0 wait 12 hash 3a...
//
// The hash is of the pixels behind both ways of exporting, which must agree.
// wait is how long vaSyncSurface took, in ms.
#include <errno.h>
#include <fcntl.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/hwcontext.h>
#include <libavutil/hwcontext_vaapi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <va/va_drm.h>
#include <va/va_drmcommon.h>

struct player {
    int index, pictures;
    const char *file;
    AVBufferRef *device;
    VADisplay display;
    AVFormatContext *input;
    AVCodecContext *codec;
};

static void die(const char *what, int code)
{
    fprintf(stderr, "player: %s: %d\n", what, code);
    exit(1);
}

static enum AVPixelFormat choose_vaapi(AVCodecContext *c, const enum AVPixelFormat *list)
{
    (void)c;
    for (; *list != AV_PIX_FMT_NONE; list++)
        if (*list == AV_PIX_FMT_VAAPI)
            return *list;
    return AV_PIX_FMT_NONE;
}

static AVBufferRef *open_device(void)
{
    AVBufferRef *ref = av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_VAAPI);
    AVVAAPIDeviceContext *va = ((AVHWDeviceContext *)ref->data)->hwctx;
    int fd = open(getenv("PLAYER_DEVICE") ? getenv("PLAYER_DEVICE") : "/dev/null", O_RDWR | O_CLOEXEC), major, minor, rc;

    if (!(va->display = vaGetDisplayDRM(fd)))
        die("vaGetDisplayDRM", errno);
    if ((rc = vaInitialize(va->display, &major, &minor)))
        die("vaInitialize", rc);
    if ((rc = av_hwdevice_ctx_init(ref)) < 0)
        die("av_hwdevice_ctx_init", rc);
    return ref;
}

static void open_player(struct player *p)
{
    AVStream *stream;
    int rc = avformat_open_input(&p->input, p->file, NULL, NULL);

    if (rc < 0 || (rc = avformat_find_stream_info(p->input, NULL)) < 0)
        die(p->file, rc);
    stream = p->input->streams[0];
    p->codec = avcodec_alloc_context3(avcodec_find_decoder(stream->codecpar->codec_id));
    avcodec_parameters_to_context(p->codec, stream->codecpar);
    p->codec->thread_count = 1;
    p->codec->extra_hw_frames = 6;
    p->codec->get_format = choose_vaapi;
    p->codec->hw_device_ctx = av_buffer_ref(p->device);
    if ((rc = avcodec_open2(p->codec, NULL, NULL)) < 0)
        die("avcodec_open2", rc);
}

static uint64_t hash_rows(uint64_t hash, const uint8_t *data, uint32_t pitch, int bytes, int rows)
{
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < bytes; x++)
            hash = (hash ^ data[(size_t)y * pitch + x]) * 0x100000001b3;
    return hash;
}

struct plane {
    uint32_t offset, pitch;
};

// Maps the object and hashes the visible pixels of both planes.
static uint64_t hash_planes(const VADRMPRIMESurfaceDescriptor *d, struct plane luma, struct plane chroma, int width,
                            int height)
{
    uint8_t *map = mmap(NULL, d->objects[0].size, PROT_READ, MAP_SHARED, d->objects[0].fd, 0);
    uint64_t hash = 0xcbf29ce484222325;

    if (map == MAP_FAILED)
        die("mmap", errno);
    hash = hash_rows(hash, map + luma.offset, luma.pitch, width, height);
    hash = hash_rows(hash, map + chroma.offset, chroma.pitch, width, height / 2);
    munmap(map, d->objects[0].size);
    close(d->objects[0].fd);
    return hash;
}

static VAStatus export_both(struct player *p, const AVFrame *f, uint64_t *hash, uint64_t *modifier)
{
    VASurfaceID id = (VASurfaceID)(uintptr_t)f->data[3];
    VADRMPRIMESurfaceDescriptor d;
    uint64_t composed;
    VAStatus status;

    status = vaExportSurfaceHandle(p->display, id, VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2,
                                   VA_EXPORT_SURFACE_READ_ONLY | VA_EXPORT_SURFACE_SEPARATE_LAYERS, &d);
    if (status)
        return status;
    *modifier = d.objects[0].drm_format_modifier;
    *hash = hash_planes(&d, (struct plane){d.layers[0].offset[0], d.layers[0].pitch[0]},
                        (struct plane){d.layers[1].offset[0], d.layers[1].pitch[0]}, f->width, f->height);
    status = vaExportSurfaceHandle(p->display, id, VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2,
                                   VA_EXPORT_SURFACE_READ_ONLY | VA_EXPORT_SURFACE_COMPOSED_LAYERS, &d);
    if (status)
        return status;
    composed = hash_planes(&d, (struct plane){d.layers[0].offset[0], d.layers[0].pitch[0]},
                           (struct plane){d.layers[0].offset[1], d.layers[0].pitch[1]}, f->width, f->height);
    if (composed != *hash)
        die("composed and separate layers differ in picture", p->pictures);
    return VA_STATUS_SUCCESS;
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show(struct player *p, const AVFrame *f)
{
    uint64_t hash = 0, modifier = 0;
    long start = now_ms(), wait;
    VAStatus sync = vaSyncSurface(p->display, (VASurfaceID)(uintptr_t)f->data[3]), export;

    wait = now_ms() - start;
    export = export_both(p, f, &hash, &modifier);
    printf("decoder %d picture %d send 0 sync %d export %d modifier %llx wait %ld hash %016llx\n", p->index,
           p->pictures, sync, export, (unsigned long long)modifier, wait, (unsigned long long)hash);
}

static void receive(struct player *p)
{
    AVFrame *f = av_frame_alloc();

    while (avcodec_receive_frame(p->codec, f) >= 0) {
        p->pictures++;
        show(p, f);
        av_frame_unref(f);
    }
    av_frame_free(&f);
}

static void *play(void *arg)
{
    struct player *p = arg;
    AVPacket *packet = av_packet_alloc();

    open_player(p);
    while (av_read_frame(p->input, packet) >= 0) {
        int rc = avcodec_send_packet(p->codec, packet);

        if (rc < 0)
            printf("decoder %d picture %d send %d\n", p->index, ++p->pictures, rc);
        receive(p);
        av_packet_unref(packet);
    }
    avcodec_send_packet(p->codec, NULL);
    receive(p);
    av_packet_free(&packet);
    avcodec_free_context(&p->codec);
    avformat_close_input(&p->input);
    return NULL;
}

int main(int argc, char **argv)
{
    enum { MAX = 8 };
    struct player players[MAX] = {0};
    int count = argc > 2 ? atoi(argv[2]) : 1;
    pthread_t threads[MAX];
    AVBufferRef *device;
    VADisplay display;

    av_log_set_level(AV_LOG_QUIET);
    setvbuf(stdout, NULL, _IOLBF, 0); // lines come out before a crash
    if (argc < 2 || count < 1 || count > MAX)
        die("usage: player FILE [THREADS]", argc);
    device = open_device();
    display = ((AVVAAPIDeviceContext *)((AVHWDeviceContext *)device->data)->hwctx)->display;
    for (int i = 0; i < count; i++) {
        players[i] = (struct player){.index = i, .file = argv[1], .device = device, .display = display};
        pthread_create(&threads[i], NULL, play, &players[i]);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    av_buffer_unref(&device);
    vaTerminate(display);
    return 0;
}
