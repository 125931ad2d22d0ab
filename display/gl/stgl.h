/* EGL, OpenGL ES and GBM behind the few calls that package gl makes. */
#ifndef STGL_H
#define STGL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>

enum { STGL_OK, STGL_FAILED, STGL_UNSUPPORTED, STGL_LOST, STGL_IMPORT };
enum { STGL_GBM, STGL_SURFACELESS, STGL_X11, STGL_WAYLAND };
enum { STGL_NOTHING, STGL_I420, STGL_NV12, STGL_BGRX, STGL_DMABUF };
enum { STGL_LAYERS = 8, STGL_CURSOR = STGL_LAYERS, STGL_IMAGES, STGL_BUFFERS = 8, STGL_CACHE = 64, STGL_RING = 2 };

struct stgl_error {
	char text[240];
};

/* What is said about the last failure; returns code. */
int stgl_fail(struct stgl_error *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct stgl_display {
	EGLDisplay egl;
	EGLConfig config;
	int platform;
	struct gbm_device *gbm;
	bool dmabuf, modifiers, fence, marks, robust, row_length, software;
	int max_texture;
	char egl_text[128], vendor[128], renderer[128], version[128], node[128];
	PFNEGLCREATEIMAGEKHRPROC create_image;
	PFNEGLDESTROYIMAGEKHRPROC destroy_image;
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC texture_from_image;
	PFNEGLCREATESYNCKHRPROC create_sync;
	PFNEGLDESTROYSYNCKHRPROC destroy_sync;
	PFNEGLCLIENTWAITSYNCKHRPROC wait_sync;
	PFNEGLDUPNATIVEFENCEFDANDROIDPROC dup_fence;
};

int stgl_display_open(int platform, int fd, void *native, struct stgl_display **out, struct stgl_error *e);
void stgl_display_close(struct stgl_display *d);
EGLContext stgl_context(struct stgl_display *d, int *major);
bool stgl_has(const char *list, const char *word);

/* One lock of the process for what is made of and freed with EGLImages:
 * Mesa's kms_sw_winsys keeps its list of buffers without one. */
void stgl_lock(void);
void stgl_unlock(void);

/* Objects of GL and EGL that exist in this process. */
void stgl_count(long n);
long stgl_live(void);

struct stgl_buffer {
	int slot, width, height, stride, offset;
	uint32_t handle, format;
	uint64_t modifier;
};

struct stgl_surface {
	struct gbm_surface *gbm;
	struct gbm_bo *bo[STGL_BUFFERS];
	struct stgl_buffer front; /* as it was locked last */
	struct stgl_error error;
};

int stgl_gbm_open(int fd, struct gbm_device **out, struct stgl_error *e);
void stgl_gbm_close(struct gbm_device *gbm);
int stgl_surface_new(struct stgl_display *d, int width, int height, struct stgl_surface **out, struct stgl_error *e);
int stgl_surface_lock(struct stgl_surface *s);
void stgl_surface_release(struct stgl_surface *s, int slot);
void stgl_surface_free(struct stgl_surface *s);

/* Linear memory of a device, written by the CPU and read through its dma-buf. */
struct stgl_memory {
	struct gbm_device *gbm;
	struct gbm_bo *bo;
	void *mapping;
	uint8_t *bytes;
	int fd;
	uint32_t map_pitch, pitch; /* the CPU's rows may be apart another way */
	uint64_t modifier, size;
};

int stgl_memory_new(int fd, int width, int rows, struct stgl_memory *out, struct stgl_error *e);
void stgl_memory_written(struct stgl_memory *m);
void stgl_memory_free(struct stgl_memory *m);

/* A colour plane in a dma-buf. */
struct stgl_plane {
	int fd, width, height, offset, pitch;
	uint32_t fourcc;
	uint64_t modifier;
};

struct stgl_rect {
	float x, y, w, h; /* pixels of the output, from its top left */
};

/* A scene without the pictures' bytes. Filled by Go, in C's memory. */
struct stgl_scene {
	int kind, width, height, crop_x, crop_y;
	int stride[3];
	float matrix[9], bias[3], dim;
	struct stgl_rect place;
	bool covers; /* the picture leaves nothing beside it */
	bool exact;  /* one pixel of the picture is one of the output */
	uint64_t pool;
	uint32_t id;
	struct stgl_plane planes[2];
	bool drawn[STGL_IMAGES];
	struct stgl_rect images[STGL_IMAGES];
	bool cursor_smooth;
};

struct stgl_stats {
	uint64_t draws, imports, evictions, cached, uploads, upload_bytes, picture_bytes, upload_ns, draw_ns, swap_ns;
};

struct stgl_texture {
	GLuint name;
	int width, height, format;
	GLint filter;
};

struct stgl_program {
	GLuint name;
	GLint rect, crop, luma_limit, chroma_limit, luma_scale, chroma_scale, matrix, bias, dim;
};

struct stgl_import {
	bool used;
	uint64_t pool, drawn;
	uint32_t id;
	EGLImageKHR image[2];
	struct stgl_texture texture[2];
};

struct stgl_target {
	EGLSurface surface; /* of a window, or none */
	GLuint fbo, texture;
	int width, height;
};

enum { STGL_PLANAR, STGL_SEMI, STGL_SEMI_LA, STGL_RGB, STGL_IMAGE, STGL_PROGRAMS };

struct stgl_renderer {
	struct stgl_display *display;
	EGLContext context;
	int major, fence;
	bool red_green, row_length, lost;
	GLenum (*reset_status)(void);
	GLuint quad;
	struct stgl_program programs[STGL_PROGRAMS];
	struct stgl_texture ring[STGL_RING][3];
	unsigned turn;
	struct stgl_texture images[STGL_IMAGES];
	struct stgl_import cache[STGL_CACHE];
	uint64_t pool; /* the newest that was drawn */
	struct stgl_target target, saved;
	EGLSyncKHR mark; /* signalled when what was swapped out last is drawn */
	struct stgl_scene scene;
	struct stgl_stats stats;
	struct stgl_error error;
	uint8_t *scratch;
	size_t scratch_size;
	void *wayland; /* the wl_egl_window of the target */
};

int stgl_renderer_new(struct stgl_display *d, struct stgl_renderer **out, struct stgl_error *e);
void stgl_renderer_free(struct stgl_renderer *r);
int stgl_bind_window(struct stgl_renderer *r, uintptr_t native, int width, int height);
int stgl_bind_gbm(struct stgl_renderer *r, struct stgl_surface *s, int width, int height);
int stgl_bind_wayland(struct stgl_renderer *r, void *surface, int width, int height);
int stgl_bind_offscreen(struct stgl_renderer *r, int width, int height);
int stgl_resize(struct stgl_renderer *r, int width, int height);
int stgl_unbind(struct stgl_renderer *r);
int stgl_make_current(struct stgl_renderer *r);
int stgl_proof_begin(struct stgl_renderer *r, int width, int height);
void stgl_proof_end(struct stgl_renderer *r);
int stgl_image(struct stgl_renderer *r, int slot, const uint8_t *pixels, int stride, int width, int height);
int stgl_draw(struct stgl_renderer *r, const uint8_t *p0, const uint8_t *p1, const uint8_t *p2);
int stgl_swap(struct stgl_renderer *r); /* leaves its fence, or -1, in r->fence */
int stgl_finish(struct stgl_renderer *r);
int stgl_read(struct stgl_renderer *r, uint8_t *pixels, int stride, int x, int y, int width, int height);
void stgl_pretend_reset(struct stgl_renderer *r);
int stgl_pretend_import(struct stgl_renderer *r, uint64_t pool, uint32_t id, const uint8_t *luma, int width, int height,
			const uint8_t *chroma, int chroma_width, int chroma_height);
void stgl_forget(struct stgl_renderer *r, uint64_t pool);

/* Inside the C of this package. */
enum { STGL_R8, STGL_RG8, STGL_RGBA8 };
uint64_t stgl_now(void);
int stgl_check(struct stgl_renderer *r, const char *what);
int stgl_programs(struct stgl_renderer *r);
void stgl_programs_free(struct stgl_renderer *r);
int stgl_upload(struct stgl_renderer *r, struct stgl_texture *t, int format, const uint8_t *pixels, int stride,
		int width, int height);
void stgl_texture_init(struct stgl_texture *t);
void stgl_texture_free(struct stgl_texture *t);
void stgl_filter(struct stgl_texture *t, GLint filter);
int stgl_import(struct stgl_renderer *r, const struct stgl_scene *s, struct stgl_import **out);
void stgl_imports_free(struct stgl_renderer *r);
int stgl_target_offscreen(struct stgl_renderer *r, struct stgl_target *t, int width, int height);
void stgl_target_free(struct stgl_renderer *r, struct stgl_target *t);

#endif
