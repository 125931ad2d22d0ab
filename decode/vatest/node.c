//go:build linux && cgo && !nonative

// libva asks libdrm whether a descriptor is a DRM node, and finds this function
// first: the program's symbols come before those of libraries, if the linker
// exports them (-rdynamic). Preloaded as a library it does the same.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NODE_RENDER 2 // DRM_NODE_RENDER of xf86drm.h

int drmGetNodeTypeFromFd(int fd);

static int is_null_device(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

int drmGetNodeTypeFromFd(int fd)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "drmGetNodeTypeFromFd");

    if (is_null_device(fd))
        return NODE_RENDER;
    return real ? real(fd) : -1;
}
