//go:build linux && cgo && !nonative

#include "stgl.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gbm.h>

static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long live;

void stgl_lock(void) { pthread_mutex_lock(&process_lock); }
void stgl_unlock(void) { pthread_mutex_unlock(&process_lock); }
void stgl_count(long n) { atomic_fetch_add(&live, n); }
long stgl_live(void) { return atomic_load(&live); }

int stgl_fail(struct stgl_error *e, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return code;
}

/* Whether a list of words separated by spaces, as EGL and GL say their
 * extensions, has the word. */
bool stgl_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

/* EGL gives one display for one native display however often it is asked, and
 * ends it at the first eglTerminate: so its users are counted here. */
enum { MAX_DISPLAYS = 32 };
static struct {
	EGLDisplay egl;
	int users;
} displays[MAX_DISPLAYS];

static int display_slot(EGLDisplay egl)
{
	int empty = -1;

	for (int i = 0; i < MAX_DISPLAYS; i++) {
		if (displays[i].users && displays[i].egl == egl)
			return i;
		if (!displays[i].users && empty < 0)
			empty = i;
	}
	return empty;
}

static bool display_start(EGLDisplay egl)
{
	bool ok = false;
	int i;

	stgl_lock();
	i = display_slot(egl);
	if (i >= 0 && (displays[i].users || eglInitialize(egl, NULL, NULL))) {
		displays[i].egl = egl;
		displays[i].users++;
		ok = true;
	}
	stgl_unlock();
	return ok;
}

static void display_end(EGLDisplay egl)
{
	int i;

	stgl_lock();
	i = display_slot(egl);
	if (i >= 0 && displays[i].users && !--displays[i].users)
		eglTerminate(egl);
	stgl_unlock();
}

static const struct {
	EGLenum platform;
	const char *extension, *other;
} platforms[] = {
	[STGL_GBM] = {EGL_PLATFORM_GBM_KHR, "EGL_KHR_platform_gbm", "EGL_MESA_platform_gbm"},
	[STGL_SURFACELESS] = {EGL_PLATFORM_SURFACELESS_MESA, "EGL_MESA_platform_surfaceless", ""},
	[STGL_X11] = {EGL_PLATFORM_X11_KHR, "EGL_KHR_platform_x11", "EGL_EXT_platform_x11"},
	[STGL_WAYLAND] = {EGL_PLATFORM_WAYLAND_KHR, "EGL_KHR_platform_wayland", "EGL_EXT_platform_wayland"},
};

static EGLDisplay platform_display(int platform, void *native)
{
	const char *ext = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	PFNEGLGETPLATFORMDISPLAYEXTPROC get = (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");

	if (!get || (!stgl_has(ext, platforms[platform].extension) && !stgl_has(ext, platforms[platform].other)))
		return EGL_NO_DISPLAY;
	return get(platforms[platform].platform, native, NULL);
}

/* The configuration whose pixels the native surface has: XRGB8888 exactly on
 * GBM, eight bits each without alpha elsewhere, with it where there is none. */
static bool suits(struct stgl_display *d, EGLConfig c, bool alpha_allowed)
{
	EGLint visual = 0, alpha = 0;

	eglGetConfigAttrib(d->egl, c, EGL_NATIVE_VISUAL_ID, &visual);
	eglGetConfigAttrib(d->egl, c, EGL_ALPHA_SIZE, &alpha);
	if (d->platform == STGL_GBM)
		return visual == GBM_FORMAT_XRGB8888;
	return alpha_allowed || !alpha;
}

static int choose_config(struct stgl_display *d, struct stgl_error *e)
{
	const EGLint wanted[] = {
		EGL_RED_SIZE, 8, EGL_GREEN_SIZE, 8, EGL_BLUE_SIZE, 8,
		EGL_SURFACE_TYPE, d->platform == STGL_SURFACELESS ? 0 : EGL_WINDOW_BIT,
		EGL_RENDERABLE_TYPE, EGL_OPENGL_ES2_BIT, EGL_NONE,
	};
	EGLConfig list[256];
	EGLint n = 0, alpha_allowed, i;

	eglChooseConfig(d->egl, wanted, list, 256, &n);
	for (alpha_allowed = 0; alpha_allowed < 2; alpha_allowed++)
		for (i = 0; i < n; i++)
			if (suits(d, list[i], alpha_allowed)) {
				d->config = list[i];
				return STGL_OK;
			}
	return stgl_fail(e, STGL_UNSUPPORTED, "none of %d EGL configurations has 8 bit colours of the surface's layout", n);
}

static void find_functions(struct stgl_display *d)
{
	const char *ext = eglQueryString(d->egl, EGL_EXTENSIONS);

	d->create_image = (PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	d->destroy_image = (PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
	d->texture_from_image =
		(PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)eglGetProcAddress("glEGLImageTargetTexture2DOES");
	d->create_sync = (PFNEGLCREATESYNCKHRPROC)eglGetProcAddress("eglCreateSyncKHR");
	d->destroy_sync = (PFNEGLDESTROYSYNCKHRPROC)eglGetProcAddress("eglDestroySyncKHR");
	d->wait_sync = (PFNEGLCLIENTWAITSYNCKHRPROC)eglGetProcAddress("eglClientWaitSyncKHR");
	d->dup_fence = (PFNEGLDUPNATIVEFENCEFDANDROIDPROC)eglGetProcAddress("eglDupNativeFenceFDANDROID");
	d->dmabuf = stgl_has(ext, "EGL_EXT_image_dma_buf_import") && stgl_has(ext, "EGL_KHR_image_base") &&
		    d->create_image && d->destroy_image && d->texture_from_image;
	d->modifiers = d->dmabuf && stgl_has(ext, "EGL_EXT_image_dma_buf_import_modifiers");
	d->fence = stgl_has(ext, "EGL_ANDROID_native_fence_sync") && d->create_sync && d->destroy_sync && d->dup_fence;
	d->marks = stgl_has(ext, "EGL_KHR_fence_sync") && d->create_sync && d->destroy_sync && d->wait_sync;
	d->robust = stgl_has(ext, "EGL_EXT_create_context_robustness");
	snprintf(d->egl_text, sizeof(d->egl_text), "%s, %s", eglQueryString(d->egl, EGL_VERSION),
		 eglQueryString(d->egl, EGL_VENDOR));
}

/* The node of the device that draws, where EGL says it (EGL_EXT_device_query,
 * EGL_EXT_device_drm_render_node, EGL_EXT_device_drm). */
static void find_device(struct stgl_display *d)
{
	PFNEGLQUERYDISPLAYATTRIBEXTPROC query =
		(PFNEGLQUERYDISPLAYATTRIBEXTPROC)eglGetProcAddress("eglQueryDisplayAttribEXT");
	PFNEGLQUERYDEVICESTRINGEXTPROC text =
		(PFNEGLQUERYDEVICESTRINGEXTPROC)eglGetProcAddress("eglQueryDeviceStringEXT");
	const char *ext, *node = NULL;
	EGLAttrib device = 0;

	if (!query || !text || !query(d->egl, EGL_DEVICE_EXT, &device) || !device)
		return;
	ext = text((EGLDeviceEXT)device, EGL_EXTENSIONS);
	if (stgl_has(ext, "EGL_EXT_device_drm_render_node"))
		node = text((EGLDeviceEXT)device, EGL_DRM_RENDER_NODE_FILE_EXT);
	if (!node && stgl_has(ext, "EGL_EXT_device_drm"))
		node = text((EGLDeviceEXT)device, EGL_DRM_DEVICE_FILE_EXT);
	if (node)
		snprintf(d->node, sizeof(d->node), "%s", node);
}

static EGLContext context_of(struct stgl_display *d, int major, bool robust)
{
	const EGLint attributes[] = {
		EGL_CONTEXT_CLIENT_VERSION, major,
		robust ? EGL_CONTEXT_OPENGL_ROBUST_ACCESS_EXT : EGL_NONE, EGL_TRUE,
		EGL_CONTEXT_OPENGL_RESET_NOTIFICATION_STRATEGY_EXT, EGL_LOSE_CONTEXT_ON_RESET_EXT,
		EGL_NONE,
	};

	return eglCreateContext(d->egl, d->config, EGL_NO_CONTEXT, attributes);
}

/* The best context there is: OpenGL ES 3 or 2, told of resets where that can be. */
EGLContext stgl_context(struct stgl_display *d, int *major)
{
	EGLContext c = EGL_NO_CONTEXT;

	eglBindAPI(EGL_OPENGL_ES_API);
	for (*major = 3; *major >= 2; --*major) {
		if (d->robust && (c = context_of(d, *major, true)) != EGL_NO_CONTEXT)
			return c;
		if ((c = context_of(d, *major, false)) != EGL_NO_CONTEXT)
			return c;
	}
	return c;
}

static void describe(struct stgl_display *d, int major)
{
	const char *ext = (const char *)glGetString(GL_EXTENSIONS);

	snprintf(d->vendor, sizeof(d->vendor), "%s", (const char *)glGetString(GL_VENDOR));
	snprintf(d->renderer, sizeof(d->renderer), "%s", (const char *)glGetString(GL_RENDERER));
	snprintf(d->version, sizeof(d->version), "%s", (const char *)glGetString(GL_VERSION));
	glGetIntegerv(GL_MAX_TEXTURE_SIZE, &d->max_texture);
	d->software = strstr(d->renderer, "llvmpipe") || strstr(d->renderer, "softpipe");
	d->row_length = major >= 3 || stgl_has(ext, "GL_EXT_unpack_subimage");
	d->robust = d->robust && (stgl_has(ext, "GL_EXT_robustness") || stgl_has(ext, "GL_KHR_robustness"));
	if (!stgl_has(ext, "GL_OES_EGL_image"))
		d->dmabuf = d->modifiers = false;
}

/* Makes a context once, to know what the driver is and that it works. */
static int try_driver(struct stgl_display *d, struct stgl_error *e)
{
	EGLContext c;
	int major;

	if (!stgl_has(eglQueryString(d->egl, EGL_EXTENSIONS), "EGL_KHR_surfaceless_context"))
		return stgl_fail(e, STGL_UNSUPPORTED, "EGL_KHR_surfaceless_context is missing");
	c = stgl_context(d, &major);
	if (c == EGL_NO_CONTEXT)
		return stgl_fail(e, STGL_UNSUPPORTED, "no OpenGL ES context: EGL error 0x%x", eglGetError());
	if (!eglMakeCurrent(d->egl, EGL_NO_SURFACE, EGL_NO_SURFACE, c)) {
		stgl_fail(e, STGL_FAILED, "make context current: EGL error 0x%x", eglGetError());
		eglDestroyContext(d->egl, c);
		return STGL_FAILED;
	}
	describe(d, major);
	eglMakeCurrent(d->egl, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(d->egl, c);
	return STGL_OK;
}

static int display_open(struct stgl_display *d, void *native, struct stgl_error *e)
{
	EGLDisplay egl = platform_display(d->platform, native);
	int code;

	if (egl == EGL_NO_DISPLAY)
		return stgl_fail(e, STGL_UNSUPPORTED, "EGL has no display of this platform");
	if (!display_start(egl))
		return stgl_fail(e, STGL_UNSUPPORTED, "EGL does not start: error 0x%x", eglGetError());
	d->egl = egl;
	find_functions(d);
	find_device(d);
	if ((code = choose_config(d, e)) != STGL_OK)
		return code;
	return try_driver(d, e);
}

int stgl_display_open(int platform, int fd, void *native, struct stgl_display **out, struct stgl_error *e)
{
	struct stgl_display *d = calloc(1, sizeof(*d));
	int code;

	if (!d)
		return stgl_fail(e, STGL_FAILED, "out of memory");
	d->platform = platform;
	d->egl = EGL_NO_DISPLAY;
	code = platform == STGL_GBM ? stgl_gbm_open(fd, &d->gbm, e) : STGL_OK;
	if (code == STGL_OK)
		code = display_open(d, platform == STGL_GBM ? d->gbm : native, e);
	if (code != STGL_OK) {
		stgl_display_close(d);
		return code;
	}
	*out = d;
	return STGL_OK;
}

void stgl_display_close(struct stgl_display *d)
{
	if (d->egl != EGL_NO_DISPLAY)
		display_end(d->egl);
	if (d->gbm)
		stgl_gbm_close(d->gbm);
	free(d);
}
