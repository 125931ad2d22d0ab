#include "vatest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const profile_names[PROFILES] = {
    [PROFILE_H264_BASELINE] = "h264baseline",
    [PROFILE_H264_MAIN] = "h264main",
    [PROFILE_H264_HIGH] = "h264high",
    [PROFILE_HEVC_MAIN] = "hevcmain",
};

// A mistyped knob must not pass for a well-behaved driver.
static int complain(const char *name, const char *value)
{
    fprintf(stderr, "vatest: %s=%s is not understood\n", name, value);
    return -EINVAL;
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

static int read_text(const char *name, char *dst, size_t size)
{
    const char *value = setting(name);

    if (strlen(value) >= size)
        return complain(name, "(too long)");
    strcpy(dst, value);
    return 0;
}

static int read_number(const char *name, unsigned long *dst)
{
    const char *value = setting(name);
    char *end;

    *dst = 0;
    if (!*value)
        return 0;
    *dst = strtoul(value, &end, 10);
    return *end ? complain(name, value) : 0;
}

static int read_flag(const char *name, const char *word, bool *dst)
{
    const char *value = setting(name);

    *dst = !strcmp(value, word);
    return *dst || !*value || !strcmp(value, "0") ? 0 : complain(name, value);
}

static int read_delay(uint64_t *dst)
{
    const char *value = setting("VATEST_DELAY_MS");
    double ms = 0;
    char *end;

    if (*value) {
        ms = strtod(value, &end);
        if (*end || !(ms >= 0 && ms < 1e9))
            return complain("VATEST_DELAY_MS", value);
    }
    *dst = (uint64_t)(ms * 1e6);
    return 0;
}

static int read_max(struct knobs *k)
{
    const char *value = setting("VATEST_MAX");
    char tail;

    k->max_width = k->max_height = 4096;
    if (!*value)
        return 0;
    if (sscanf(value, "%ux%u%c", &k->max_width, &k->max_height, &tail) != 2)
        return complain("VATEST_MAX", value);
    if (!k->max_width || !k->max_height || k->max_width > 16384 || k->max_height > 16384)
        return complain("VATEST_MAX", value);
    return 0;
}

static int profile_by_name(const char *name, size_t length)
{
    for (int i = 0; i < PROFILES; i++)
        if (strlen(profile_names[i]) == length && !memcmp(profile_names[i], name, length))
            return i;
    return -1;
}

static int read_profiles(unsigned *dst)
{
    const char *value = setting("VATEST_PROFILES"), *name = value;

    *dst = *value ? 0 : (1U << PROFILES) - 1;
    if (!strcmp(value, "none"))
        return 0;
    while (*name) {
        size_t length = strcspn(name, ",");
        int profile = profile_by_name(name, length);

        if (profile < 0)
            return complain("VATEST_PROFILES", value);
        *dst |= 1U << profile;
        name += length + (name[length] == ',');
    }
    return 0;
}

static int read_pictures(struct knobs *k)
{
    int rc = read_number("VATEST_FAIL_AT", &k->fail_at);

    rc = rc ? rc : read_number("VATEST_FAIL_FROM", &k->fail_from);
    rc = rc ? rc : read_number("VATEST_HANG_AT", &k->hang_at);
    return rc ? rc : read_number("VATEST_CRASH_AT", &k->crash_at);
}

static int read_texts(struct knobs *k)
{
    int rc = read_text("VATEST_HANG_FILE", k->hang_file, sizeof(k->hang_file));

    rc = rc ? rc : read_text("VATEST_DRM", k->drm, sizeof(k->drm));
    rc = rc ? rc : read_text("VATEST_LOG", k->log, sizeof(k->log));
    return rc ? rc : read_text("VATEST_VERSION", k->version, sizeof(k->version));
}

static int read_flags(struct knobs *k)
{
    int rc = read_flag("VATEST_FAIL_INIT", "1", &k->fail_init);

    rc = rc ? rc : read_flag("VATEST_FAIL_IN", "sync", &k->fail_in_sync);
    rc = rc ? rc : read_flag("VATEST_EXPORT", "fail", &k->export_fails);
    rc = rc ? rc : read_flag("VATEST_MODIFIER", "invalid", &k->modifier_invalid);
    return rc ? rc : read_flag("VATEST_INTERLACED", "1", &k->interlaced);
}

// knobs_read is 0, or a negative errno after a line on stderr.
int knobs_read(struct knobs *k)
{
    int rc = read_profiles(&k->profiles);

    rc = rc ? rc : read_max(k);
    rc = rc ? rc : read_delay(&k->delay_ns);
    rc = rc ? rc : read_pictures(k);
    rc = rc ? rc : read_texts(k);
    return rc ? rc : read_flags(k);
}
