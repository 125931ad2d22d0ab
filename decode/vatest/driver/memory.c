// Memory of surfaces: a memfd, or a dumb buffer of a DRM card as a dma-buf.
#define _GNU_SOURCE
#include "vatest.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

// Dumb buffers must have 32 bits per pixel (8 are refused by virtio-gpu), so
// one is 1024 pixels wide, 4096 bytes, and as high as the surface needs.
#define DUMB_WIDTH 1024

static int map(struct surface *s, int fd, uint64_t offset)
{
    void *p = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    if (p == MAP_FAILED)
        return -errno;
    s->map = p;
    return 0;
}

static int open_memfd(struct surface *s)
{
    s->fd = memfd_create("vatest", MFD_CLOEXEC);
    if (s->fd < 0 || ftruncate(s->fd, (off_t)s->size) < 0)
        return -errno;
    return map(s, s->fd, 0);
}

static int map_dumb(struct surface *s, int card, uint32_t handle)
{
    struct drm_mode_map_dumb arg = {.handle = handle};

    if (drmIoctl(card, DRM_IOCTL_MODE_MAP_DUMB, &arg) < 0)
        return -errno;
    return map(s, card, arg.offset);
}

static int export_dumb(struct surface *s, int card, uint32_t handle)
{
    int rc = drmPrimeHandleToFD(card, handle, DRM_CLOEXEC | DRM_RDWR, &s->fd);

    return rc < 0 ? -errno : 0;
}

// The dma-buf and the mapping keep the memory; handle and card are let go, so
// that nothing of the surface depends on the driver's life.
static int open_dumb(struct surface *s, int card)
{
    struct drm_mode_create_dumb arg = {.width = DUMB_WIDTH, .bpp = 32};
    struct drm_mode_destroy_dumb gone = {0};
    int rc;

    arg.height = (uint32_t)((s->size + 4 * DUMB_WIDTH - 1) / (4 * DUMB_WIDTH));
    if (drmIoctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &arg) < 0)
        return -errno;
    s->size = arg.size;
    rc = map_dumb(s, card, arg.handle);
    rc = rc ? rc : export_dumb(s, card, arg.handle);
    gone.handle = arg.handle;
    drmIoctl(card, DRM_IOCTL_MODE_DESTROY_DUMB, &gone);
    return rc;
}

// memory_open gives s memory of s->size bytes or more. The card is opened for
// itself: an export from a descriptor that GBM uses would end with GBM's
// import of it. Being its master is not needed.
int memory_open(struct surface *s, const char *card)
{
    int fd, rc;

    s->fd = -1;
    if (!*card)
        return open_memfd(s);
    if ((fd = open(card, O_RDWR | O_CLOEXEC)) < 0)
        return -errno;
    rc = open_dumb(s, fd);
    close(fd);
    return rc;
}

void memory_close(struct surface *s)
{
    if (s->map)
        munmap(s->map, s->size);
    if (s->fd >= 0)
        close(s->fd);
}
