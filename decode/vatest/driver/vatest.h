// A libva driver without a GPU, for tests: it rebuilds the parameter sets that
// VA-API took apart, decodes with libavcodec on the CPU and exports surfaces as
// file descriptors. Environment variables make it misbehave as hardware does.
#ifndef VATEST_H
#define VATEST_H

#include <libavcodec/avcodec.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <va/va.h>
#include <va/va_backend.h>
#include <va/va_drmcommon.h>

// knobs.c: the environment, read once by vaInitialize.
enum {
    PROFILE_H264_BASELINE,
    PROFILE_H264_MAIN,
    PROFILE_H264_HIGH,
    PROFILE_HEVC_MAIN,
    PROFILES,
};

struct knobs {
    unsigned profiles; // bit set of PROFILE_...
    unsigned max_width, max_height;
    unsigned long fail_at, fail_from, hang_at, crash_at; // picture numbers, 0 never
    uint64_t delay_ns;                                   // of each picture
    bool fail_init, fail_in_sync, export_fails;
    bool modifier_invalid, interlaced;
    char hang_file[512]; // a hang lasts while it exists; empty: for ever
    char drm[512];       // card node for dumb buffers; empty: memfd
    char log[512];
    char version[64];
};

int knobs_read(struct knobs *k);

// bits.c
struct writer {
    uint8_t *data;
    size_t size, capacity;
    unsigned current, bits; // of the byte being filled
    unsigned zeros;         // zero bytes just written
    bool failed;            // out of memory; checked once at the end
};

void writer_free(struct writer *w);
void put_start_code(struct writer *w);
void put_bits(struct writer *w, unsigned count, uint32_t value);
void put_ue(struct writer *w, uint32_t value);
void put_se(struct writer *w, int32_t value);
void put_trailing(struct writer *w);
void put_verbatim(struct writer *w, const uint8_t *data, size_t size);

struct reader {
    const uint8_t *data;
    size_t size, position;   // of the next byte, emulation prevention included
    size_t count;            // bits read, emulation prevention left out
    unsigned current, bits;  // of the byte being read
    unsigned zeros;
    bool overrun;
};

void reader_init(struct reader *r, const uint8_t *data, size_t size);
uint32_t get_bits(struct reader *r, unsigned count);
uint32_t get_ue(struct reader *r);

// picture.c, h264.c, hevc.c: from what was rendered to an access unit.
struct slice {
    const void *param;
    const uint8_t *nalu;
    size_t size;
};

struct picture {
    const void *param;
    size_t param_size;
    const void *iq;
    size_t iq_size;
    struct slice *slices;
    unsigned count, capacity;
};

VAStatus h264_rebuild(struct writer *w, const struct picture *p);
VAStatus hevc_rebuild(struct writer *w, const struct picture *p);

// objects.c: what ids stand for. The table's lock is held for look-ups only;
// who looked an object up holds a reference until put_object.
enum kind { CONFIG, SURFACE, CONTEXT, BUFFER, IMAGE, KINDS };

struct object {
    enum kind kind;
    uint32_t id;
    atomic_int refs;
    void (*release)(struct object *o);
};

struct slot {
    struct object *object;
    uint32_t generation;
};

struct table {
    pthread_mutex_t lock;
    struct slot *slots;
    unsigned capacity;
    unsigned live[KINDS];
};

void table_init(struct table *t);
void table_free(struct table *t);
void *new_object(enum kind kind, size_t size, void (*release)(struct object *o));
bool add_object(struct table *t, struct object *o);
void *get_object(struct table *t, uint32_t id, enum kind kind);
bool drop_object(struct table *t, uint32_t id, enum kind kind);
void *keep_object(void *o);
void put_object(void *o);

struct config {
    struct object object;
    VAProfile profile;
};

// A surface is NV12, linear. Who decodes into it and who waits for it are
// different threads, hence the atomics.
struct surface {
    struct object object;
    unsigned width, height;
    uint32_t pitch, chroma; // bytes of a row; byte offset of the chroma plane
    size_t size;
    int fd;
    uint8_t *map;
    atomic_uint_least64_t ready_ns; // CLOCK_MONOTONIC
    atomic_bool hung, failed, progressive;
};

struct buffer {
    struct object object;
    VABufferType type;
    size_t element;
    unsigned count, capacity;
    uint8_t *data;
    struct surface *surface; // whose memory data is; NULL: its own
};

struct image {
    struct object object;
    VAImage desc;
    struct buffer *buffer;
};

struct driver {
    struct knobs knobs;
    struct table objects;
    char vendor[128];
    atomic_ulong pictures, failures, exports, conversions, downloads;
};

static inline struct driver *driver_of(VADriverContextP ctx)
{
    return ctx->pDriverData;
}

// memory.c
int memory_open(struct surface *s, const char *card);
void memory_close(struct surface *s);

// config.c
bool profile_offered(const struct driver *d, VAProfile profile);
void config_vtable(struct VADriverVTable *v);

// surface.c
VAStatus surface_wait(const struct driver *d, struct surface *s, uint64_t timeout_ns);
uint64_t now_ns(void);
void surface_vtable(struct VADriverVTable *v);

// buffer.c
struct buffer *buffer_new(VABufferType type, size_t element, unsigned count, struct surface *s);
void buffer_vtable(struct VADriverVTable *v);

// decode.c, image.c, export.c, driver.c
void decode_vtable(struct VADriverVTable *v);
void image_vtable(struct VADriverVTable *v);
void export_vtable(struct VADriverVTable *v);
void rest_vtable(struct VADriverVTable *v);

#endif
