//go:build linux && cgo && !nonative

#include "stgl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gbm.h>

int stgl_gbm_open(int fd, struct gbm_device **out, struct stgl_error *e)
{
	*out = gbm_create_device(fd);
	if (!*out)
		return stgl_fail(e, STGL_UNSUPPORTED, "GBM has no driver for the device: %s", strerror(errno));
	return STGL_OK;
}

void stgl_gbm_close(struct gbm_device *gbm) { gbm_device_destroy(gbm); }

int stgl_surface_new(struct stgl_display *d, int width, int height, struct stgl_surface **out, struct stgl_error *e)
{
	struct stgl_surface *s;

	if (!d->gbm)
		return stgl_fail(e, STGL_UNSUPPORTED, "the display is not one of GBM");
	s = calloc(1, sizeof(*s));
	if (!s)
		return stgl_fail(e, STGL_FAILED, "out of memory");
	stgl_lock();
	s->gbm = gbm_surface_create(d->gbm, width, height, GBM_FORMAT_XRGB8888,
				    GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING);
	stgl_unlock();
	if (!s->gbm) {
		free(s);
		return stgl_fail(e, STGL_FAILED, "GBM surface of %dx%d: %s", width, height, strerror(errno));
	}
	stgl_count(1);
	*out = s;
	return STGL_OK;
}

static int memory_map(struct stgl_memory *m, int width, int rows, struct stgl_error *e)
{
	m->bytes = gbm_bo_map(m->bo, 0, 0, width, rows, GBM_BO_TRANSFER_WRITE, &m->map_pitch, &m->mapping);
	if (!m->bytes)
		return stgl_fail(e, STGL_UNSUPPORTED, "map a GBM buffer: %s", strerror(errno));
	m->fd = gbm_bo_get_fd(m->bo);
	if (m->fd < 0)
		return stgl_fail(e, STGL_UNSUPPORTED, "export a GBM buffer: %s", strerror(errno));
	m->pitch = gbm_bo_get_stride(m->bo);
	m->modifier = gbm_bo_get_modifier(m->bo);
	m->size = (uint64_t)m->pitch * rows;
	return STGL_OK;
}

/* Makes memory of rows of width times 4 bytes. Pixels of 32 bits, because
 * that is what every driver allocates. */
int stgl_memory_new(int fd, int width, int rows, struct stgl_memory *m, struct stgl_error *e)
{
	int code = stgl_gbm_open(fd, &m->gbm, e);

	m->fd = -1;
	if (code != STGL_OK)
		return code;
	m->bo = gbm_bo_create(m->gbm, width, rows, GBM_FORMAT_XRGB8888, GBM_BO_USE_LINEAR | GBM_BO_USE_RENDERING);
	code = m->bo ? memory_map(m, width, rows, e)
		     : stgl_fail(e, STGL_UNSUPPORTED, "linear GBM buffer: %s", strerror(errno));
	if (code != STGL_OK)
		stgl_memory_free(m);
	return code;
}

/* What was written gets to where others read it. */
void stgl_memory_written(struct stgl_memory *m)
{
	if (m->mapping)
		gbm_bo_unmap(m->bo, m->mapping);
	m->mapping = NULL;
	m->bytes = NULL;
}

void stgl_memory_free(struct stgl_memory *m)
{
	stgl_memory_written(m);
	if (m->fd >= 0)
		close(m->fd);
	if (m->bo)
		gbm_bo_destroy(m->bo);
	stgl_gbm_close(m->gbm);
	*m = (struct stgl_memory){.fd = -1};
}

static int slot_of(struct stgl_surface *s, struct gbm_bo *bo)
{
	int i;

	for (i = 0; i < STGL_BUFFERS && s->bo[i]; i++)
		if (s->bo[i] == bo)
			return i;
	if (i == STGL_BUFFERS)
		return -1;
	s->bo[i] = bo;
	return i;
}

int stgl_surface_lock(struct stgl_surface *s)
{
	struct gbm_bo *bo = gbm_surface_lock_front_buffer(s->gbm);
	struct stgl_buffer *out = &s->front;

	if (!bo)
		return stgl_fail(&s->error, STGL_FAILED, "no buffer was swapped out, or all are locked");
	out->slot = slot_of(s, bo);
	if (out->slot < 0) {
		gbm_surface_release_buffer(s->gbm, bo);
		return stgl_fail(&s->error, STGL_FAILED, "surface has more than %d buffers", STGL_BUFFERS);
	}
	out->width = gbm_bo_get_width(bo);
	out->height = gbm_bo_get_height(bo);
	out->stride = gbm_bo_get_stride(bo);
	out->offset = gbm_bo_get_offset(bo, 0);
	out->handle = gbm_bo_get_handle(bo).u32;
	out->format = gbm_bo_get_format(bo);
	out->modifier = gbm_bo_get_modifier(bo);
	return STGL_OK;
}

void stgl_surface_release(struct stgl_surface *s, int slot)
{
	if (slot >= 0 && slot < STGL_BUFFERS && s->bo[slot])
		gbm_surface_release_buffer(s->gbm, s->bo[slot]);
}

void stgl_surface_free(struct stgl_surface *s)
{
	stgl_lock();
	gbm_surface_destroy(s->gbm);
	stgl_unlock();
	stgl_count(-1);
	free(s);
}
