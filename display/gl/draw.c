//go:build linux && cgo && !nonative

#include "stgl.h"

#include <math.h>
#include <time.h>

uint64_t stgl_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static bool context_lost(struct stgl_renderer *r)
{
	if (!r->lost && r->reset_status)
		r->lost = r->reset_status() != GL_NO_ERROR;
	return r->lost;
}

static GLenum reset_of_a_test(void) { return GL_GUILTY_CONTEXT_RESET_KHR; }

/* For tests: from now on the driver says that the GPU was reset. */
void stgl_pretend_reset(struct stgl_renderer *r) { r->reset_status = reset_of_a_test; }

/* Takes what GL has to say about the calls so far. */
int stgl_check(struct stgl_renderer *r, const char *what)
{
	GLenum first = glGetError();

	if (context_lost(r) || first == GL_CONTEXT_LOST_KHR) {
		r->lost = true;
		return stgl_fail(&r->error, STGL_LOST, "%s: the GPU was reset", what);
	}
	if (first == GL_NO_ERROR)
		return STGL_OK;
	for (int n = 0; n < 16 && glGetError() != GL_NO_ERROR; n++)
		;
	return stgl_fail(&r->error, STGL_FAILED, "%s: GL error 0x%x", what, first);
}

static int chroma(int luma) { return (luma + 1) / 2; }

/* Binds the planes of a picture in memory, copied, to units 0, 1 and 2. */
static int upload_picture(struct stgl_renderer *r, const uint8_t *const p[3], struct stgl_texture *out[3])
{
	struct stgl_scene *s = &r->scene;
	struct stgl_texture *t = r->ring[r->turn++ % STGL_RING];
	int planes = s->kind == STGL_I420 ? 3 : s->kind == STGL_NV12 ? 2 : 1;
	int code = STGL_OK;

	for (int n = 0; n < planes && code == STGL_OK; n++) {
		int format = s->kind == STGL_BGRX ? STGL_RGBA8 : s->kind == STGL_NV12 && n ? STGL_RG8 : STGL_R8;

		glActiveTexture(GL_TEXTURE0 + n);
		code = stgl_upload(r, &t[n], format, p[n], s->stride[n], n ? chroma(s->width) : s->width,
				   n ? chroma(s->height) : s->height);
		out[n] = &t[n];
	}
	return code;
}

static int bind_import(struct stgl_renderer *r, struct stgl_texture *out[3])
{
	struct stgl_import *i;
	int code = stgl_import(r, &r->scene, &i);

	for (int n = 0; n < 2 && code == STGL_OK; n++) {
		glActiveTexture(GL_TEXTURE0 + n);
		glBindTexture(GL_TEXTURE_2D, i->texture[n].name);
		out[n] = &i->texture[n];
	}
	return code;
}

/* The textures of the picture, bound and filtered. */
static int bind_picture(struct stgl_renderer *r, const uint8_t *const p[3], struct stgl_texture *t[3])
{
	uint64_t begin = stgl_now(), bytes = r->stats.upload_bytes;
	int code;

	if (r->scene.kind == STGL_DMABUF) {
		code = bind_import(r, t);
	} else {
		code = upload_picture(r, p, t);
		r->stats.upload_ns += stgl_now() - begin;
		r->stats.picture_bytes += r->stats.upload_bytes - bytes;
	}
	for (int n = 0; n < 3 && code == STGL_OK && t[n]; n++) {
		glActiveTexture(GL_TEXTURE0 + n);
		stgl_filter(t[n], n || !r->scene.exact ? GL_LINEAR : GL_NEAREST);
	}
	return code;
}

/* Draws the quad over a rectangle of the output. */
static void quad(struct stgl_renderer *r, const struct stgl_program *p, struct stgl_rect at)
{
	float x = 2.0f / r->target.width, y = 2.0f / r->target.height;

	glUniform4f(p->rect, at.x * x - 1, 1 - at.y * y, at.w * x, -at.h * y);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

static struct stgl_program *program_of(struct stgl_renderer *r)
{
	switch (r->scene.kind) {
	case STGL_I420:
		return &r->programs[STGL_PLANAR];
	case STGL_BGRX:
		return &r->programs[STGL_RGB];
	case STGL_NV12:
		return &r->programs[r->red_green ? STGL_SEMI : STGL_SEMI_LA];
	}
	return &r->programs[STGL_SEMI];
}

static void draw_picture(struct stgl_renderer *r, struct stgl_texture *const t[3])
{
	const struct stgl_scene *s = &r->scene;
	const struct stgl_program *p = program_of(r);
	int right = s->crop_x + s->width, bottom = s->crop_y + s->height;

	glDisable(GL_BLEND);
	glUseProgram(p->name);
	glUniform4f(p->crop, s->crop_x, s->crop_y, s->width, s->height);
	glUniform4f(p->luma_limit, s->crop_x + 0.5f, s->crop_y + 0.5f, right - 0.5f, bottom - 0.5f);
	glUniform2f(p->luma_scale, 1.0f / t[0]->width, 1.0f / t[0]->height);
	if (t[1]) {
		glUniform4f(p->chroma_limit, s->crop_x / 2 + 0.5f, s->crop_y / 2 + 0.5f, chroma(right) - 0.5f,
			    chroma(bottom) - 0.5f);
		glUniform2f(p->chroma_scale, 1.0f / t[1]->width, 1.0f / t[1]->height);
	}
	glUniformMatrix3fv(p->matrix, 1, GL_FALSE, s->matrix);
	glUniform3fv(p->bias, 1, s->bias);
	glUniform1f(p->dim, s->dim);
	quad(r, p, s->place);
}

static void draw_images(struct stgl_renderer *r)
{
	const struct stgl_program *p = &r->programs[STGL_IMAGE];
	bool begun = false;

	for (int n = 0; n < STGL_IMAGES; n++) {
		if (!r->scene.drawn[n])
			continue;
		if (!begun) {
			glUseProgram(p->name);
			glEnable(GL_BLEND);
			glBlendFunc(GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
			glActiveTexture(GL_TEXTURE0);
			begun = true;
		}
		glBindTexture(GL_TEXTURE_2D, r->images[n].name);
		stgl_filter(&r->images[n], n == STGL_CURSOR && r->scene.cursor_smooth ? GL_LINEAR : GL_NEAREST);
		quad(r, p, r->scene.images[n]);
	}
}

static int draw(struct stgl_renderer *r, const uint8_t *const p[3])
{
	struct stgl_texture *t[3] = {NULL, NULL, NULL};
	int code;

	if (r->scene.kind != STGL_NOTHING && (code = bind_picture(r, p, t)) != STGL_OK)
		return code;
	glBindFramebuffer(GL_FRAMEBUFFER, r->target.fbo);
	glViewport(0, 0, r->target.width, r->target.height);
	if (!r->scene.covers)
		glClear(GL_COLOR_BUFFER_BIT);
	if (r->scene.kind != STGL_NOTHING)
		draw_picture(r, t);
	draw_images(r);
	return STGL_OK;
}

int stgl_draw(struct stgl_renderer *r, const uint8_t *p0, const uint8_t *p1, const uint8_t *p2)
{
	const uint8_t *const p[3] = {p0, p1, p2};
	uint64_t begin = stgl_now();
	int code, after;

	if (r->lost)
		return stgl_fail(&r->error, STGL_LOST, "draw: the GPU was reset");
	if (!r->target.width)
		return stgl_fail(&r->error, STGL_FAILED, "draw: nothing is bound");
	r->stats.draws++;
	code = draw(r, p);
	if (code == STGL_OK)
		code = stgl_check(r, "draw");
	else if ((after = stgl_check(r, "draw")) == STGL_LOST)
		code = after;
	r->stats.draw_ns += stgl_now() - begin;
	return code;
}
