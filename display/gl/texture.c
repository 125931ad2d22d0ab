//go:build linux && cgo && !nonative

#include "stgl.h"

#include <GLES3/gl3.h>

/* The values are those of GL_EXT_texture_rg and GL_EXT_unpack_subimage, too. */
static const struct {
	int bytes;
	GLint internal, internal2;
	GLenum format, luminance;
} formats[] = {
	[STGL_R8] = {1, GL_R8, GL_RED, GL_RED, GL_LUMINANCE},
	[STGL_RG8] = {2, GL_RG8, GL_RG, GL_RG, GL_LUMINANCE_ALPHA},
	[STGL_RGBA8] = {4, GL_RGBA8, GL_RGBA, GL_RGBA, GL_RGBA},
};

static GLenum format_of(struct stgl_renderer *r, int format)
{
	return r->red_green ? formats[format].format : formats[format].luminance;
}

static GLint internal_of(struct stgl_renderer *r, int format)
{
	if (r->major >= 3)
		return formats[format].internal;
	return r->red_green ? formats[format].internal2 : (GLint)formats[format].luminance;
}

/* Gives the texture that is bound a name's parameters. */
void stgl_texture_init(struct stgl_texture *t)
{
	glGenTextures(1, &t->name);
	stgl_count(1);
	glBindTexture(GL_TEXTURE_2D, t->name);
	t->filter = GL_NEAREST;
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
}

void stgl_texture_free(struct stgl_texture *t)
{
	if (!t->name)
		return;
	glDeleteTextures(1, &t->name);
	stgl_count(-1);
	*t = (struct stgl_texture){0};
}

/* Sets the filter of the texture that is bound. */
void stgl_filter(struct stgl_texture *t, GLint filter)
{
	if (t->filter == filter)
		return;
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, filter);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, filter);
	t->filter = filter;
}

static void allocate(struct stgl_renderer *r, struct stgl_texture *t, int format, int width, int height)
{
	if (!t->name)
		stgl_texture_init(t);
	else
		glBindTexture(GL_TEXTURE_2D, t->name);
	if (t->width == width && t->height == height && t->format == format)
		return;
	glTexImage2D(GL_TEXTURE_2D, 0, internal_of(r, format), width, height, 0, format_of(r, format), GL_UNSIGNED_BYTE,
		     NULL);
	t->width = width;
	t->height = height;
	t->format = format;
}

/* Copies rows of pixels into the texture, which is bound to the active unit
 * after. One copy, whatever the stride; where GL cannot be told of it, row by row. */
int stgl_upload(struct stgl_renderer *r, struct stgl_texture *t, int format, const uint8_t *pixels, int stride,
		int width, int height)
{
	int bytes = formats[format].bytes;
	bool whole = stride == width * bytes;

	if (width > r->display->max_texture || height > r->display->max_texture)
		return stgl_fail(&r->error, STGL_UNSUPPORTED, "texture of %dx%d: the GPU has %d at most", width, height,
				 r->display->max_texture);
	allocate(r, t, format, width, height);
	r->stats.uploads++;
	r->stats.upload_bytes += (uint64_t)width * height * bytes;
	if (!whole && r->row_length && stride % bytes == 0) {
		glPixelStorei(GL_UNPACK_ROW_LENGTH, stride / bytes);
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, width, height, format_of(r, format), GL_UNSIGNED_BYTE, pixels);
		glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
		return STGL_OK;
	}
	if (whole) {
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, width, height, format_of(r, format), GL_UNSIGNED_BYTE, pixels);
		return STGL_OK;
	}
	for (int y = 0; y < height; y++)
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, y, width, 1, format_of(r, format), GL_UNSIGNED_BYTE,
				pixels + (size_t)y * stride);
	return STGL_OK;
}

int stgl_image(struct stgl_renderer *r, int slot, const uint8_t *pixels, int stride, int width, int height)
{
	glActiveTexture(GL_TEXTURE0);
	return stgl_upload(r, &r->images[slot], STGL_RGBA8, pixels, stride, width, height);
}
