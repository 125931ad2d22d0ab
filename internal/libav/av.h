// C helpers of package libav. Each is one step that cgo cannot express:
// macros, variadic functions, or several calls that would cost a crossing each.
#ifndef ST_AV_H
#define ST_AV_H

#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <opus.h>
#include <opus_multistream.h>
#include <stdbool.h>
#include <va/va.h>
#include <va/va_drmcommon.h>

enum { ST_MATRIX_NONE = 0, ST_MATRIX_601 = 1, ST_MATRIX_709 = 2 };

// log.c: libav's log goes to a buffer of the calling thread, never to stderr.
void st_log_install(void);
void st_log_keep(const char *text); // as if libav had said it
const char *st_log_first(void);     // since st_log_install: mostly the cause
const char *st_log_last(void);      // mostly the consequence

enum { ST_PIC_I420 = 1, ST_PIC_NV12, ST_PIC_SURFACE };

// picture.c: one decoded picture and what Go needs to know of it.
typedef struct st_pic {
    AVFrame *f;   // libavcodec's picture, for as long as it is out
    AVFrame *mem; // memory of its own for copies from hardware, kept
    int format;
    uint8_t *data[3];
    int stride[3];
    int len[3];
    int width, height;
    int crop_x, crop_y; // of a surface
    VASurfaceID surface;
    int key, full, matrix;
    int64_t pts;
} st_pic;

st_pic *st_pic_new(void);
void st_pic_clear(st_pic *p);
void st_pic_free(st_pic *p);
int st_pic_fill(st_pic *p);
int st_pic_fill_surface(st_pic *p);
int st_pic_download(st_pic *p, const AVFrame *hw);
const char *st_pic_format(const st_pic *p);

// device.c: a device is an AVHWDeviceContext that owns display and descriptor.
int st_dev_open(AVBufferRef **out, int fd, int *va_status);
VADisplay st_dev_display(const AVBufferRef *dev);
bool st_dev_decodes(const AVBufferRef *dev, VAProfile profile, int *max_width, int *max_height);

// surface.c
uint64_t st_surface_pool_id(void);
int st_surface_sync(const AVBufferRef *frames, VASurfaceID id);
int st_surface_export(const AVBufferRef *frames, VASurfaceID id, VADRMPRIMESurfaceDescriptor *out);

// budget.c
typedef struct st_budget st_budget;

st_budget *st_budget_new(int64_t limit);
void st_budget_free(st_budget *b);
int64_t st_budget_out(const st_budget *b);
int st_budget_get(st_budget *b, AVCodecContext *c, AVFrame *f, int flags);

// decoder.c
enum { ST_CAN_BASELINE = 1, ST_CAN_MAIN = 2, ST_CAN_HIGH = 4 };
enum { ST_SOFTWARE, ST_SURFACES, ST_DOWNLOAD };
enum { ST_WHY_STREAM, ST_WHY_PROFILE, ST_WHY_DRIVER, ST_WHY_MEMORY };

typedef struct st_dec_cfg {
    enum AVCodecID id;
    int mode;
    int threads;               // software
    int64_t budget;            // software: bytes of pictures that may be out
    AVBufferRef *device;       // hardware, as all below
    int can;                   // ST_CAN_*
    int max_width, max_height; // 0: not known
    int frames;                // that may be out
} st_dec_cfg;

typedef struct st_dec {
    AVCodecContext *c;
    AVPacket *pkt;
    AVFrame *hw; // on its way into memory
    st_dec_cfg cfg;
    st_budget *budget; // software
    bool over;         // it did not suffice, within this call
    bool tried;       // VA-API was chosen within this call
    int refused;      // ST_WHY_*, since the format was last chosen
    char reason[256]; // for refusing
    char said[256];   // by libav or libva, about the last failure
} st_dec;

int st_dec_open(st_dec **out, const st_dec_cfg *cfg);
int st_dec_send(st_dec *d, const uint8_t *data, int len, int64_t pts);
int st_dec_receive(st_dec *d, st_pic *p);
int st_dec_why(const st_dec *d, int rc);
void st_dec_free(st_dec *d);

// encoder.c
typedef struct st_enc {
    AVCodecContext *c;
    AVBufferRef *device;
    AVFrame *in;
    AVFrame *hw;
    AVPacket *pkt;
    int64_t pts;
    int borrow; // the codec copies pictures itself, within the call
    int held;   // borrowed pictures that libavcodec has not given back
} st_enc;

typedef struct st_planes {
    const uint8_t *data[3];
    int stride[3];
} st_planes;

bool st_enc_makes(const char *name, enum AVCodecID id);
int st_enc_open(st_enc **out, const char *name, const char *device, int width, int height, int fps, const char *options);
int st_enc_encode(st_enc *e, const uint8_t *y, const uint8_t *u, const uint8_t *v, int sy, int su, int sv, int keyframe);
void st_enc_bitrate(st_enc *e, int64_t bps, int buffer);
void st_enc_free(st_enc *e);

// scaler.c
struct SwsContext *st_sws_open(int sw, int sh, int sfmt, int smatrix, int sfull,
                               int dw, int dh, int dfmt, int dmatrix, int dfull, int flags);
int st_sws_run(struct SwsContext *c, int height,
               const uint8_t *s0, const uint8_t *s1, const uint8_t *s2, int ss0, int ss1, int ss2,
               uint8_t *d0, uint8_t *d1, uint8_t *d2, int ds0, int ds1, int ds2);

// convert.c: between pictures of one size. v is NULL for NV12.
enum { ST_MAX_WIDTH = 8192 };

typedef struct st_to_rgb {
    int16_t offset, y, rv, gu, gv, bu; // Q13
} st_to_rgb;

typedef struct st_from_rgb {
    int16_t offset, yr, yg, yb; // Q15
    int16_t u[3], v[3];         // of r, g, b
} st_from_rgb;

void st_to_bgrx(uint8_t *d, int ds, const uint8_t *y, int ys, const uint8_t *u, int us,
                const uint8_t *v, int vs, int w, int h, const st_to_rgb *k);
void st_from_bgrx(uint8_t *y, int ys, uint8_t *u, int us, uint8_t *v, int vs,
                  const uint8_t *s, int ss, int w, int h, const st_from_rgb *k);
void st_copy_plane(uint8_t *d, int ds, const uint8_t *s, int ss, int bytes, int rows);

// file.c
typedef struct st_file {
    AVFormatContext *fmt;
    AVCodecContext *video, *audio;
    int vstream, astream;
    AVPacket *pkt;
    AVFrame *frame;
    struct SwsContext *sws;
    int sws_w, sws_h, sws_fmt;
    SwrContext *swr; // made for what follows
    AVChannelLayout swr_layout;
    int swr_fmt, swr_rate;
    int16_t *pcm;
    int pcm_cap, pcm_len; // samples per channel
    int64_t pts_us, frames;
    int draining;
} st_file;

enum { ST_FILE_VIDEO = 1, ST_FILE_AUDIO = 2 };

int st_file_open(st_file **out, const char *path, int want_audio);
int st_file_next(st_file *f, st_pic *p);
int st_file_rewind(st_file *f);
double st_file_fps(const st_file *f);
void st_file_free(st_file *f);

// packets.c
typedef struct st_packets {
    AVFormatContext *fmt;
    AVIOContext *io; // NULL: libavformat opened the file
    AVBSFContext *bsf;
    AVPacket *pkt;
    int stream;   // -1: not found yet
    int fd, wake; // of the pipe, -1: none; readable: stop reading it
    int damaged;
    bool timed;
    int64_t first_us, pts_us, next_us;
} st_packets;

int st_packets_open(st_packets **out, const char *path, int fd, int wake);
int st_packets_next(st_packets *p);
int st_packets_codec(const st_packets *p);
void st_packets_free(st_packets *p);

// pulse.c
int st_pulse_open(AVFormatContext **out, const char *source, const char *fragment_bytes);

// opus.c
OpusEncoder *st_opus_enc_new(int channels, int bps, int *err);
OpusEncoder *st_opus_voice_new(int bps, int *err);
OpusMSEncoder *st_opus_surround_new(int channels, int bps, int *err);
void st_opus_enc_loss(OpusEncoder *e, int percent);

// log.c: kinds of libav's error codes, which are macros.
enum { ST_ERR_OTHER = 0, ST_ERR_AGAIN, ST_ERR_EOF, ST_ERR_DATA, ST_ERR_MISSING };
int st_err_kind(int code);

#endif
