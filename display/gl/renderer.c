//go:build linux && cgo && !nonative

#include "stgl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const GLfloat corners[] = {0, 0, 1, 0, 0, 1, 1, 1};

static void find_abilities(struct stgl_renderer *r)
{
	const char *ext = (const char *)glGetString(GL_EXTENSIONS);

	r->red_green = r->major >= 3 || stgl_has(ext, "GL_EXT_texture_rg");
	r->row_length = r->major >= 3 || stgl_has(ext, "GL_EXT_unpack_subimage");
	if (!r->display->robust)
		return;
	if (stgl_has(ext, "GL_KHR_robustness"))
		r->reset_status = (GLenum(*)(void))eglGetProcAddress("glGetGraphicsResetStatusKHR");
	else if (stgl_has(ext, "GL_EXT_robustness"))
		r->reset_status = (GLenum(*)(void))eglGetProcAddress("glGetGraphicsResetStatusEXT");
}

/* The state that no call after changes. */
static void set_up(struct stgl_renderer *r)
{
	glGenBuffers(1, &r->quad);
	stgl_count(1);
	glBindBuffer(GL_ARRAY_BUFFER, r->quad);
	glBufferData(GL_ARRAY_BUFFER, sizeof(corners), corners, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	glPixelStorei(GL_PACK_ALIGNMENT, 1);
	glClearColor(0, 0, 0, 1);
	glDisable(GL_DITHER);
}

static int start(struct stgl_renderer *r)
{
	int code;

	r->context = stgl_context(r->display, &r->major);
	if (r->context == EGL_NO_CONTEXT)
		return stgl_fail(&r->error, STGL_FAILED, "no OpenGL ES context: EGL error 0x%x", eglGetError());
	stgl_count(1);
	if (!eglMakeCurrent(r->display->egl, EGL_NO_SURFACE, EGL_NO_SURFACE, r->context))
		return stgl_fail(&r->error, STGL_FAILED, "make context current: EGL error 0x%x", eglGetError());
	find_abilities(r);
	set_up(r);
	if ((code = stgl_programs(r)) != STGL_OK)
		return code;
	return stgl_check(r, "set up the context");
}

int stgl_renderer_new(struct stgl_display *d, struct stgl_renderer **out, struct stgl_error *e)
{
	struct stgl_renderer *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return stgl_fail(e, STGL_FAILED, "out of memory");
	r->display = d;
	code = start(r);
	if (code != STGL_OK) {
		*e = r->error;
		stgl_renderer_free(r);
		return code;
	}
	*out = r;
	return STGL_OK;
}

static void free_objects(struct stgl_renderer *r)
{
	stgl_imports_free(r);
	for (int n = 0; n < STGL_RING; n++)
		for (int p = 0; p < 3; p++)
			stgl_texture_free(&r->ring[n][p]);
	for (int n = 0; n < STGL_IMAGES; n++)
		stgl_texture_free(&r->images[n]);
	stgl_programs_free(r);
	if (r->quad) {
		glDeleteBuffers(1, &r->quad);
		stgl_count(-1);
	}
}

void stgl_renderer_free(struct stgl_renderer *r)
{
	if (r->context != EGL_NO_CONTEXT) {
		stgl_unbind(r);
		free_objects(r);
		stgl_lock();
		eglMakeCurrent(r->display->egl, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
		eglDestroyContext(r->display->egl, r->context);
		stgl_unlock();
		stgl_count(-1);
	}
	free(r->scratch);
	free(r);
}

static int current(struct stgl_renderer *r, EGLSurface s)
{
	EGLint error;

	if (eglMakeCurrent(r->display->egl, s, s, r->context))
		return STGL_OK;
	error = eglGetError();
	if (error == EGL_CONTEXT_LOST) {
		r->lost = true;
		return stgl_fail(&r->error, STGL_LOST, "make context current: the GPU was reset");
	}
	return stgl_fail(&r->error, STGL_FAILED, "make context current: EGL error 0x%x", error);
}

/* Makes the context current again, where a thread has several renderers. */
int stgl_make_current(struct stgl_renderer *r)
{
	return current(r, r->target.surface ? r->target.surface : EGL_NO_SURFACE);
}

int stgl_bind_window(struct stgl_renderer *r, uintptr_t native, int width, int height)
{
	EGLSurface s;
	int code;

	if ((code = stgl_unbind(r)) != STGL_OK)
		return code;
	s = eglCreateWindowSurface(r->display->egl, r->display->config, (EGLNativeWindowType)native, NULL);
	if (s == EGL_NO_SURFACE)
		return stgl_fail(&r->error, STGL_FAILED, "EGL surface of %dx%d: EGL error 0x%x", width, height,
				 eglGetError());
	stgl_count(1);
	r->target = (struct stgl_target){.surface = s, .width = width, .height = height};
	if ((code = current(r, s)) != STGL_OK) {
		stgl_target_free(r, &r->target); /* the caller frees what it is made of */
		return code;
	}
	eglSwapInterval(r->display->egl, 0);
	return STGL_OK;
}

int stgl_bind_gbm(struct stgl_renderer *r, struct stgl_surface *s, int width, int height)
{
	return stgl_bind_window(r, (uintptr_t)s->gbm, width, height);
}

/* libwayland-egl is needed only where there is a compositor. */
static void *wayland_call(const char *name)
{
	void *lib = dlopen("libwayland-egl.so.1", RTLD_NOW); /* stays */

	return lib ? dlsym(lib, name) : NULL;
}

static void wayland_free(struct stgl_renderer *r)
{
	void (*destroy)(void *) = (void (*)(void *))wayland_call("wl_egl_window_destroy");

	if (r->wayland && destroy)
		destroy(r->wayland);
	r->wayland = NULL;
}

int stgl_bind_wayland(struct stgl_renderer *r, void *surface, int width, int height)
{
	void *(*create)(void *, int, int) = (void *(*)(void *, int, int))wayland_call("wl_egl_window_create");
	void *window;
	int code;

	if (!create)
		return stgl_fail(&r->error, STGL_UNSUPPORTED, "libwayland-egl.so.1 is missing");
	if ((code = stgl_unbind(r)) != STGL_OK)
		return code;
	if (!(window = create(surface, width, height)))
		return stgl_fail(&r->error, STGL_FAILED, "Wayland window of %dx%d cannot be made", width, height);
	code = stgl_bind_window(r, (uintptr_t)window, width, height);
	r->wayland = window;
	return code;
}

int stgl_bind_offscreen(struct stgl_renderer *r, int width, int height)
{
	int code;

	if ((code = stgl_unbind(r)) != STGL_OK)
		return code;
	return stgl_target_offscreen(r, &r->target, width, height);
}

int stgl_target_offscreen(struct stgl_renderer *r, struct stgl_target *t, int width, int height)
{
	struct stgl_texture colour = {0};

	if (width > r->display->max_texture || height > r->display->max_texture)
		return stgl_fail(&r->error, STGL_UNSUPPORTED, "buffer of %dx%d: the GPU has %d at most", width, height,
				 r->display->max_texture);
	glActiveTexture(GL_TEXTURE0);
	stgl_texture_init(&colour);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	*t = (struct stgl_target){.texture = colour.name, .width = width, .height = height};
	glGenFramebuffers(1, &t->fbo);
	stgl_count(1);
	glBindFramebuffer(GL_FRAMEBUFFER, t->fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, t->texture, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE)
		return stgl_check(r, "make buffer");
	stgl_target_free(r, t);
	return stgl_fail(&r->error, STGL_FAILED, "buffer of %dx%d cannot be drawn into", width, height);
}

void stgl_target_free(struct stgl_renderer *r, struct stgl_target *t)
{
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	if (t->fbo) {
		glDeleteFramebuffers(1, &t->fbo);
		glDeleteTextures(1, &t->texture);
		stgl_count(-2);
	}
	if (t->surface) {
		eglDestroySurface(r->display->egl, t->surface);
		stgl_count(-1);
	}
	*t = (struct stgl_target){0};
}

int stgl_resize(struct stgl_renderer *r, int width, int height)
{
	void (*resize)(void *, int, int, int, int);

	if (!r->target.surface)
		return stgl_fail(&r->error, STGL_FAILED, "no window is bound");
	r->target.width = width;
	r->target.height = height;
	if (!r->wayland)
		return STGL_OK;
	resize = (void (*)(void *, int, int, int, int))wayland_call("wl_egl_window_resize");
	resize(r->wayland, width, height, 0, 0);
	return STGL_OK;
}

/* How long a swap waits for the GPU at most. It hangs then, and its driver resets it. */
enum { MARK_PATIENCE_NS = 1000000000 };

/* Waits until all that was swapped out before the last swap is drawn. */
static void await_mark(struct stgl_renderer *r)
{
	struct stgl_display *d = r->display;

	if (!r->mark)
		return;
	d->wait_sync(d->egl, r->mark, EGL_SYNC_FLUSH_COMMANDS_BIT_KHR, MARK_PATIENCE_NS);
	d->destroy_sync(d->egl, r->mark);
	stgl_count(-1);
	r->mark = EGL_NO_SYNC_KHR;
}

/* Windows have no flip that tells when a dma-buf was read: a mark does, and
 * where there are none, waiting. */
static EGLSyncKHR make_mark(struct stgl_display *d)
{
	EGLSyncKHR mark = EGL_NO_SYNC_KHR;

	if (d->platform == STGL_GBM)
		return mark;
	if (d->marks)
		mark = d->create_sync(d->egl, EGL_SYNC_FENCE_KHR, NULL);
	if (mark == EGL_NO_SYNC_KHR)
		glFinish();
	else
		stgl_count(1);
	return mark;
}

int stgl_unbind(struct stgl_renderer *r)
{
	int code = STGL_OK;

	await_mark(r);
	if (r->target.surface)
		code = current(r, EGL_NO_SURFACE);
	stgl_target_free(r, &r->target);
	wayland_free(r);
	return code;
}

/* Draws into a buffer of its own until the end of the proof. */
int stgl_proof_begin(struct stgl_renderer *r, int width, int height)
{
	struct stgl_target t;
	int code = stgl_target_offscreen(r, &t, width, height);

	if (code != STGL_OK)
		return code;
	r->saved = r->target;
	r->target = t;
	return STGL_OK;
}

void stgl_proof_end(struct stgl_renderer *r)
{
	stgl_target_free(r, &r->target);
	r->target = r->saved;
	r->saved = (struct stgl_target){0};
}

/* A fence that is signalled when all is done that was sent so far. Made after
 * the swap: that may have the GPU write the buffer once more, as radeonsi does to
 * resolve a fast clear, and scanout has to wait for this too. */
static int make_fence(struct stgl_display *d)
{
	static const EGLint none[] = {EGL_NONE};
	EGLSyncKHR sync;
	int fd;

	if (!d->fence || d->platform != STGL_GBM)
		return -1;
	sync = d->create_sync(d->egl, EGL_SYNC_NATIVE_FENCE_ANDROID, none);
	if (sync == EGL_NO_SYNC_KHR)
		return -1;
	glFlush(); /* before it there is no descriptor */
	fd = d->dup_fence(d->egl, sync);
	d->destroy_sync(d->egl, sync);
	return fd == EGL_NO_NATIVE_FENCE_FD_ANDROID ? -1 : fd;
}

static int swap_failed(struct stgl_renderer *r, EGLint error)
{
	if (error == EGL_CONTEXT_LOST) {
		r->lost = true;
		return stgl_fail(&r->error, STGL_LOST, "swap: the GPU was reset");
	}
	return stgl_fail(&r->error, STGL_FAILED, "swap: EGL error 0x%x", error);
}

int stgl_swap(struct stgl_renderer *r)
{
	uint64_t begin = stgl_now();
	EGLSyncKHR mark;
	EGLint error;

	r->fence = -1;
	if (!r->target.surface) {
		glFlush();
		return STGL_OK;
	}
	mark = make_mark(r->display);
	error = eglSwapBuffers(r->display->egl, r->target.surface) ? EGL_SUCCESS : eglGetError();
	await_mark(r);
	r->mark = mark;
	if (error != EGL_SUCCESS)
		return swap_failed(r, error);
	r->fence = make_fence(r->display);
	r->stats.swap_ns += stgl_now() - begin;
	return STGL_OK;
}

int stgl_finish(struct stgl_renderer *r)
{
	glFinish();
	return stgl_check(r, "finish");
}

static void turn_row(uint8_t *bgrx, const uint8_t *rgba, int width)
{
	for (int x = 0; x < width; x++, bgrx += 4, rgba += 4) {
		bgrx[0] = rgba[2];
		bgrx[1] = rgba[1];
		bgrx[2] = rgba[0];
		bgrx[3] = 255;
	}
}

int stgl_read(struct stgl_renderer *r, uint8_t *pixels, int stride, int x, int y, int width, int height)
{
	size_t row = (size_t)width * 4, size = row * height;
	int code;

	if (size > r->scratch_size) {
		uint8_t *more = realloc(r->scratch, size);

		if (!more)
			return stgl_fail(&r->error, STGL_FAILED, "out of memory");
		r->scratch = more;
		r->scratch_size = size;
	}
	glBindFramebuffer(GL_FRAMEBUFFER, r->target.fbo);
	glReadPixels(x, r->target.height - y - height, width, height, GL_RGBA, GL_UNSIGNED_BYTE, r->scratch);
	if ((code = stgl_check(r, "read")) != STGL_OK)
		return code;
	for (int n = 0; n < height; n++)
		turn_row(pixels + (size_t)n * stride, r->scratch + (height - 1 - n) * row, width);
	return STGL_OK;
}
