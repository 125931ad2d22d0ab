//go:build linux && cgo && !nonative

#include "kms.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <sys/mman.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

// Newer than the oldest libdrm that this builds with.
#define ST_CLIENT_CAP_CURSOR_PLANE_HOTSPOT 6

int st_kms_open_caps(int fd)
{
	if (drmSetClientCap(fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1))
		return -errno;
	if (drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1))
		return -errno;
	// Virtual machines hide their cursor planes without; others refuse it.
	drmSetClientCap(fd, ST_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1);
	return 0;
}

int st_kms_commit(int fd, int n, const uint32_t *objects, const uint32_t *properties, const uint64_t *values,
		  uint32_t flags)
{
	drmModeAtomicReq *req = drmModeAtomicAlloc();
	int i, r = 0;

	if (!req)
		return -ENOMEM;
	for (i = 0; i < n && r >= 0; i++)
		r = drmModeAtomicAddProperty(req, objects[i], properties[i], values[i]);
	if (r >= 0)
		r = drmModeAtomicCommit(fd, req, flags, NULL);
	drmModeAtomicFree(req);
	return r;
}

int64_t st_kms_fence_time(int fd)
{
	struct sync_fence_info fences[8] = { 0 };
	struct sync_file_info info = { .num_fences = 8, .sync_fence_info = (uintptr_t)fences };
	uint64_t last = 0;

	if (drmIoctl(fd, SYNC_IOC_FILE_INFO, &info))
		return -errno;
	if (info.status != 1)
		return -EAGAIN;
	for (uint32_t i = 0; i < info.num_fences && i < 8; i++)
		if (fences[i].timestamp_ns > last)
			last = fences[i].timestamp_ns;
	return (int64_t)last;
}

int st_kms_dumb_new(int fd, uint32_t width, uint32_t height, struct st_kms_dumb *out)
{
	uint64_t offset;
	int r = drmModeCreateDumbBuffer(fd, width, height, 32, 0, &out->handle, &out->pitch, &out->size);

	if (r)
		return r;
	r = drmModeMapDumbBuffer(fd, out->handle, &offset);
	if (!r) {
		out->memory = mmap(NULL, out->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
		if (out->memory == MAP_FAILED)
			r = -errno;
	}
	if (r)
		drmModeDestroyDumbBuffer(fd, out->handle);
	return r;
}

void st_kms_dumb_free(int fd, struct st_kms_dumb *d)
{
	munmap(d->memory, d->size);
	drmModeDestroyDumbBuffer(fd, d->handle);
}

int st_kms_add_fb(int fd, uint32_t width, uint32_t height, uint32_t format, uint32_t handle, uint32_t pitch,
		  uint32_t offset, uint32_t *id)
{
	uint32_t handles[4] = { handle }, pitches[4] = { pitch }, offsets[4] = { offset };

	return drmModeAddFB2(fd, width, height, format, handles, pitches, offsets, id, 0);
}
