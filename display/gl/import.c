//go:build linux && cgo && !nonative

#include "stgl.h"

#include <string.h>

#define MODIFIER_INVALID ((1ull << 56) - 1)

static EGLImageKHR image_of(struct stgl_display *d, const struct stgl_plane *p)
{
	EGLint a[24], n = 0;

	a[n++] = EGL_WIDTH, a[n++] = p->width;
	a[n++] = EGL_HEIGHT, a[n++] = p->height;
	a[n++] = EGL_LINUX_DRM_FOURCC_EXT, a[n++] = (EGLint)p->fourcc;
	a[n++] = EGL_DMA_BUF_PLANE0_FD_EXT, a[n++] = p->fd;
	a[n++] = EGL_DMA_BUF_PLANE0_OFFSET_EXT, a[n++] = p->offset;
	a[n++] = EGL_DMA_BUF_PLANE0_PITCH_EXT, a[n++] = p->pitch;
	if (p->modifier != MODIFIER_INVALID && d->modifiers) {
		a[n++] = EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT, a[n++] = (EGLint)(uint32_t)p->modifier;
		a[n++] = EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT, a[n++] = (EGLint)(p->modifier >> 32);
	}
	a[n++] = EGL_NONE;
	return d->create_image(d->egl, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, a);
}

static int import_plane(struct stgl_renderer *r, struct stgl_import *i, int n, const struct stgl_plane *p)
{
	struct stgl_display *d = r->display;
	GLenum error;

	i->image[n] = image_of(d, p);
	if (i->image[n] == EGL_NO_IMAGE_KHR)
		return stgl_fail(&r->error, STGL_IMPORT,
				 "EGLImage of plane %d (%.4s, %dx%d, pitch %d, offset %d, modifier 0x%llx): EGL error 0x%x", n,
				 (const char *)&p->fourcc, p->width, p->height, p->pitch, p->offset,
				 (unsigned long long)p->modifier, eglGetError());
	stgl_count(1);
	stgl_texture_init(&i->texture[n]);
	while (glGetError() != GL_NO_ERROR)
		;
	d->texture_from_image(GL_TEXTURE_2D, i->image[n]);
	if ((error = glGetError()) != GL_NO_ERROR)
		return stgl_fail(&r->error, STGL_IMPORT, "texture of plane %d's EGLImage: GL error 0x%x", n, error);
	i->texture[n].width = p->width;
	i->texture[n].height = p->height;
	return STGL_OK;
}

/* The caller has the lock of the process. */
static void drop(struct stgl_renderer *r, struct stgl_import *i)
{
	for (int n = 0; n < 2; n++) {
		stgl_texture_free(&i->texture[n]);
		if (i->image[n] == EGL_NO_IMAGE_KHR)
			continue;
		r->display->destroy_image(r->display->egl, i->image[n]);
		stgl_count(-1);
	}
	memset(i, 0, sizeof(*i));
}

/* Lets an import go. A software driver gives the memory back when it has drawn
 * the last scene with it, by its own time: that has to be under the lock. */
static void evict(struct stgl_renderer *r, struct stgl_import *i)
{
	stgl_lock();
	if (r->display->software)
		glFinish();
	drop(r, i);
	stgl_unlock();
	r->stats.evictions++;
	r->stats.cached--;
}

static struct stgl_import *find(struct stgl_renderer *r, uint64_t pool, uint32_t id)
{
	for (int n = 0; n < STGL_CACHE; n++)
		if (r->cache[n].used && r->cache[n].pool == pool && r->cache[n].id == id)
			return &r->cache[n];
	return NULL;
}

/* A pool's number is never used twice and grows: where a newer one is drawn,
 * what is left of older ones will not come back. */
static void leave_older(struct stgl_renderer *r, uint64_t pool)
{
	for (int n = 0; n < STGL_CACHE; n++)
		if (r->cache[n].used && r->cache[n].pool < pool)
			evict(r, &r->cache[n]);
	r->pool = pool;
}

/* An empty place of the cache, made by letting the longest unused one go. */
static struct stgl_import *place(struct stgl_renderer *r)
{
	struct stgl_import *oldest = &r->cache[0];

	for (int n = 0; n < STGL_CACHE; n++) {
		if (!r->cache[n].used)
			return &r->cache[n];
		if (r->cache[n].drawn < oldest->drawn)
			oldest = &r->cache[n];
	}
	evict(r, oldest);
	return oldest;
}

static int import(struct stgl_renderer *r, const struct stgl_scene *s, struct stgl_import *i)
{
	int code = STGL_OK;

	stgl_lock();
	for (int n = 0; n < 2 && code == STGL_OK; n++)
		code = import_plane(r, i, n, &s->planes[n]);
	if (code != STGL_OK)
		drop(r, i);
	stgl_unlock();
	return code;
}

static void keep(struct stgl_renderer *r, struct stgl_import *i, uint64_t pool, uint32_t id)
{
	i->used = true;
	i->pool = pool;
	i->id = id;
	i->drawn = r->stats.draws;
	r->stats.imports++;
	r->stats.cached++;
}

/* For tests on machines without a device: a surface whose planes are copies. */
int stgl_pretend_import(struct stgl_renderer *r, uint64_t pool, uint32_t id, const uint8_t *luma, int width, int height,
			const uint8_t *chroma, int chroma_width, int chroma_height)
{
	struct stgl_import *i;

	r->display->dmabuf = true;
	if (pool > r->pool)
		leave_older(r, pool);
	i = place(r);
	glActiveTexture(GL_TEXTURE0);
	stgl_upload(r, &i->texture[0], STGL_R8, luma, width, width, height);
	stgl_upload(r, &i->texture[1], STGL_RG8, chroma, 2 * chroma_width, chroma_width, chroma_height);
	keep(r, i, pool, id);
	return stgl_check(r, "pretend an import");
}

static bool tiling_unknown(struct stgl_display *d, const struct stgl_plane *p)
{
	return !d->modifiers && p->modifier != MODIFIER_INVALID && p->modifier != 0;
}

/* The scene's surface as textures: made once, found again after. */
int stgl_import(struct stgl_renderer *r, const struct stgl_scene *s, struct stgl_import **out)
{
	struct stgl_import *i;
	int code;

	if (!r->display->dmabuf)
		return stgl_fail(&r->error, STGL_IMPORT, "EGL_EXT_image_dma_buf_import is missing");
	if (tiling_unknown(r->display, &s->planes[0]) || tiling_unknown(r->display, &s->planes[1]))
		return stgl_fail(&r->error, STGL_IMPORT, "modifier 0x%llx: EGL_EXT_image_dma_buf_import_modifiers is missing",
				 (unsigned long long)s->planes[0].modifier);
	if (s->pool > r->pool)
		leave_older(r, s->pool);
	if (!(i = find(r, s->pool, s->id))) {
		i = place(r);
		if ((code = import(r, s, i)) != STGL_OK)
			return code;
		keep(r, i, s->pool, s->id);
	}
	i->drawn = r->stats.draws;
	*out = i;
	return STGL_OK;
}

void stgl_forget(struct stgl_renderer *r, uint64_t pool)
{
	for (int n = 0; n < STGL_CACHE; n++)
		if (r->cache[n].used && r->cache[n].pool == pool)
			evict(r, &r->cache[n]);
}

void stgl_imports_free(struct stgl_renderer *r)
{
	for (int n = 0; n < STGL_CACHE; n++)
		if (r->cache[n].used)
			evict(r, &r->cache[n]);
}
