// Profiles, entry points and configurations.
#include "vatest.h"

static const VAProfile profiles[PROFILES] = {
    [PROFILE_H264_BASELINE] = VAProfileH264ConstrainedBaseline,
    [PROFILE_H264_MAIN] = VAProfileH264Main,
    [PROFILE_H264_HIGH] = VAProfileH264High,
    [PROFILE_HEVC_MAIN] = VAProfileHEVCMain,
};

bool profile_offered(const struct driver *d, VAProfile profile)
{
    for (int i = 0; i < PROFILES; i++)
        if (profiles[i] == profile)
            return d->knobs.profiles >> i & 1;
    return false;
}

static VAStatus check_entrypoint(const struct driver *d, VAProfile profile, VAEntrypoint entrypoint)
{
    if (!profile_offered(d, profile))
        return VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
    if (entrypoint != VAEntrypointVLD)
        return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
    return VA_STATUS_SUCCESS;
}

static VAStatus query_profiles(VADriverContextP ctx, VAProfile *list, int *count)
{
    const struct driver *d = driver_of(ctx);

    *count = 0;
    for (int i = 0; i < PROFILES; i++)
        if (d->knobs.profiles >> i & 1)
            list[(*count)++] = profiles[i];
    return VA_STATUS_SUCCESS;
}

static VAStatus query_entrypoints(VADriverContextP ctx, VAProfile profile, VAEntrypoint *list, int *count)
{
    *count = 0;
    if (!profile_offered(driver_of(ctx), profile))
        return VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
    list[(*count)++] = VAEntrypointVLD;
    return VA_STATUS_SUCCESS;
}

static uint32_t attribute(const struct driver *d, VAConfigAttribType type)
{
    switch (type) {
    case VAConfigAttribRTFormat:
        return VA_RT_FORMAT_YUV420;
    case VAConfigAttribDecSliceMode:
        return VA_DEC_SLICE_MODE_NORMAL;
    case VAConfigAttribMaxPictureWidth:
        return d->knobs.max_width;
    case VAConfigAttribMaxPictureHeight:
        return d->knobs.max_height;
    default:
        return VA_ATTRIB_NOT_SUPPORTED;
    }
}

static VAStatus get_attributes(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint,
                               VAConfigAttrib *list, int count)
{
    const struct driver *d = driver_of(ctx);
    VAStatus status = check_entrypoint(d, profile, entrypoint);

    for (int i = 0; !status && i < count; i++)
        list[i].value = attribute(d, list[i].type);
    return status;
}

static VAStatus check_attribute(const struct driver *d, const VAConfigAttrib *a)
{
    uint32_t have = attribute(d, a->type);

    if (a->type == VAConfigAttribRTFormat && !(a->value & have))
        return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
    return have == VA_ATTRIB_NOT_SUPPORTED ? VA_STATUS_ERROR_ATTR_NOT_SUPPORTED : VA_STATUS_SUCCESS;
}

static void release_config(struct object *o)
{
    (void)o;
}

static VAStatus new_config(struct driver *d, VAProfile profile, VAConfigID *id)
{
    struct config *c = new_object(CONFIG, sizeof(*c), release_config);

    if (!c)
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    c->profile = profile;
    if (!add_object(&d->objects, &c->object)) {
        put_object(c);
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    }
    *id = c->object.id;
    return VA_STATUS_SUCCESS;
}

static VAStatus create_config(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint,
                              VAConfigAttrib *list, int count, VAConfigID *id)
{
    struct driver *d = driver_of(ctx);
    VAStatus status = check_entrypoint(d, profile, entrypoint);

    for (int i = 0; !status && i < count; i++)
        status = check_attribute(d, &list[i]);
    return status ? status : new_config(d, profile, id);
}

static VAStatus destroy_config(VADriverContextP ctx, VAConfigID id)
{
    bool ok = drop_object(&driver_of(ctx)->objects, id, CONFIG);

    return ok ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_CONFIG;
}

static VAStatus query_config(VADriverContextP ctx, VAConfigID id, VAProfile *profile, VAEntrypoint *entrypoint,
                             VAConfigAttrib *list, int *count)
{
    struct driver *d = driver_of(ctx);
    struct config *c = get_object(&d->objects, id, CONFIG);

    if (!c)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    *profile = c->profile;
    *entrypoint = VAEntrypointVLD;
    list[0].type = VAConfigAttribRTFormat;
    list[0].value = VA_RT_FORMAT_YUV420;
    *count = 1;
    put_object(c);
    return VA_STATUS_SUCCESS;
}

void config_vtable(struct VADriverVTable *v)
{
    v->vaQueryConfigProfiles = query_profiles;
    v->vaQueryConfigEntrypoints = query_entrypoints;
    v->vaGetConfigAttributes = get_attributes;
    v->vaCreateConfig = create_config;
    v->vaDestroyConfig = destroy_config;
    v->vaQueryConfigAttributes = query_config;
}
