// C helpers of package kms: what takes several calls of libdrm for one step.
#ifndef ST_KMS_H
#define ST_KMS_H

#include <stdint.h>

// Each returns 0 or a negative errno.
int st_kms_open_caps(int fd);
int st_kms_commit(int fd, int n, const uint32_t *objects, const uint32_t *properties, const uint64_t *values,
		  uint32_t flags);

// Returns when a sync_file was signalled (CLOCK_MONOTONIC, ns), or a negative
// errno: -EAGAIN while it was not.
int64_t st_kms_fence_time(int fd);

// st_kms_dumb is linear memory of the card, mapped.
struct st_kms_dumb {
	uint32_t handle;
	uint32_t pitch;
	uint64_t size;
	void *memory;
};

int st_kms_dumb_new(int fd, uint32_t width, uint32_t height, struct st_kms_dumb *out);
void st_kms_dumb_free(int fd, struct st_kms_dumb *d);
int st_kms_add_fb(int fd, uint32_t width, uint32_t height, uint32_t format, uint32_t handle, uint32_t pitch,
		  uint32_t offset, uint32_t *id);

#endif
