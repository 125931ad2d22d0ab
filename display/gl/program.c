//go:build linux && cgo && !nonative

#include "stgl.h"

/* p runs from the top left of what is drawn to its bottom right. */
static const char vertex_text[] =
	"attribute vec2 p;\n"
	"uniform vec4 rect;\n"
	"varying vec2 at;\n"
	"void main() { at = p; gl_Position = vec4(rect.xy + p * rect.zw, 0.0, 1.0); }\n";

/* A limit holds back what linear filtering would take from outside the visible
 * part. Samples of chroma lie on the even columns of luma and between its rows
 * (H.264, E.2.1, chroma_sample_loc_type 0; also what HEVC means by nothing):
 * column x of luma, its centre at x + 1/2, is at x/2 + 1/2 of chroma. */
static const char picture_text[] =
	"uniform sampler2D a, b, c;\n"
	"uniform vec4 crop, luma_limit, chroma_limit;\n"
	"uniform vec2 luma_scale, chroma_scale;\n"
	"uniform mat3 matrix;\n"
	"uniform vec3 bias;\n"
	"uniform float dim;\n"
	"varying vec2 at;\n"
	"void main() {\n"
	"	vec2 l = crop.xy + at * crop.zw;\n"
	"	vec2 h = clamp(l * 0.5 + vec2(0.25, 0.0), chroma_limit.xy, chroma_limit.zw) * chroma_scale;\n"
	"	l = clamp(l, luma_limit.xy, luma_limit.zw) * luma_scale;\n"
	"	vec3 colour = matrix * SAMPLE + bias;\n"
	"	gl_FragColor = vec4(clamp(colour, 0.0, 1.0) * dim, 1.0);\n"
	"}\n";

static const char image_text[] =
	"uniform sampler2D a;\n"
	"varying vec2 at;\n"
	"void main() { gl_FragColor = texture2D(a, at); }\n";

static const char precision_text[] =
	"#ifdef GL_FRAGMENT_PRECISION_HIGH\n"
	"precision highp float;\n"
	"#else\n"
	"precision mediump float;\n"
	"#endif\n";

static const char *const sample_text[STGL_PROGRAMS] = {
	[STGL_PLANAR] = "#define SAMPLE vec3(texture2D(a, l).r, texture2D(b, h).r, texture2D(c, h).r)\n",
	[STGL_SEMI] = "#define SAMPLE vec3(texture2D(a, l).r, texture2D(b, h).rg)\n",
	[STGL_SEMI_LA] = "#define SAMPLE vec3(texture2D(a, l).r, texture2D(b, h).ra)\n",
	[STGL_RGB] = "#define SAMPLE texture2D(a, l).bgr\n",
	[STGL_IMAGE] = "",
};

static GLuint compile(struct stgl_renderer *r, GLenum kind, const char *const *text, int n)
{
	GLuint s = glCreateShader(kind);
	char log[160] = "";
	GLint ok = 0;

	glShaderSource(s, n, text, NULL);
	glCompileShader(s);
	glGetShaderiv(s, GL_COMPILE_STATUS, &ok);
	if (ok)
		return s;
	glGetShaderInfoLog(s, sizeof(log), NULL, log);
	stgl_fail(&r->error, STGL_FAILED, "compile shader: %s", log);
	glDeleteShader(s);
	return 0;
}

static int link_program(struct stgl_renderer *r, struct stgl_program *p, GLuint vertex, GLuint fragment)
{
	char log[160] = "";
	GLint ok = 0;

	p->name = glCreateProgram();
	stgl_count(1);
	glAttachShader(p->name, vertex);
	glAttachShader(p->name, fragment);
	glBindAttribLocation(p->name, 0, "p");
	glLinkProgram(p->name);
	glGetProgramiv(p->name, GL_LINK_STATUS, &ok);
	if (ok)
		return STGL_OK;
	glGetProgramInfoLog(p->name, sizeof(log), NULL, log);
	return stgl_fail(&r->error, STGL_FAILED, "link shaders: %s", log);
}

static void find_uniforms(struct stgl_program *p)
{
	p->rect = glGetUniformLocation(p->name, "rect");
	p->crop = glGetUniformLocation(p->name, "crop");
	p->luma_limit = glGetUniformLocation(p->name, "luma_limit");
	p->chroma_limit = glGetUniformLocation(p->name, "chroma_limit");
	p->luma_scale = glGetUniformLocation(p->name, "luma_scale");
	p->chroma_scale = glGetUniformLocation(p->name, "chroma_scale");
	p->matrix = glGetUniformLocation(p->name, "matrix");
	p->bias = glGetUniformLocation(p->name, "bias");
	p->dim = glGetUniformLocation(p->name, "dim");
	glUseProgram(p->name);
	glUniform1i(glGetUniformLocation(p->name, "a"), 0);
	glUniform1i(glGetUniformLocation(p->name, "b"), 1);
	glUniform1i(glGetUniformLocation(p->name, "c"), 2);
}

static int build(struct stgl_renderer *r, int kind, GLuint vertex)
{
	const char *const text[] = {precision_text, sample_text[kind], kind == STGL_IMAGE ? image_text : picture_text};
	GLuint fragment = compile(r, GL_FRAGMENT_SHADER, text, 3);
	int code;

	if (!fragment)
		return STGL_FAILED;
	code = link_program(r, &r->programs[kind], vertex, fragment);
	glDeleteShader(fragment);
	if (code == STGL_OK)
		find_uniforms(&r->programs[kind]);
	return code;
}

/* All programs at once, so that no frame waits for a compiler later. */
int stgl_programs(struct stgl_renderer *r)
{
	const char *const text[] = {vertex_text};
	GLuint vertex = compile(r, GL_VERTEX_SHADER, text, 1);
	int code = STGL_OK;

	if (!vertex)
		return STGL_FAILED;
	for (int kind = 0; kind < STGL_PROGRAMS && code == STGL_OK; kind++)
		if (kind != STGL_SEMI_LA || !r->red_green)
			code = build(r, kind, vertex);
	glDeleteShader(vertex);
	return code;
}

void stgl_programs_free(struct stgl_renderer *r)
{
	for (int kind = 0; kind < STGL_PROGRAMS; kind++)
		if (r->programs[kind].name) {
			glDeleteProgram(r->programs[kind].name);
			stgl_count(-1);
		}
}
