//go:build linux && cgo && !nonative

#include "display.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct libva {
    void *(*display)(int fd);
    int (*initialize)(void *display, int *major, int *minor);
    const char *(*vendor)(void *display);
    int (*terminate)(void *display);
};

static int load(struct libva *va)
{
    void *library = dlopen("libva-drm.so.2", RTLD_NOW | RTLD_GLOBAL);
    void *core = dlopen("libva.so.2", RTLD_NOW | RTLD_GLOBAL);

    if (!library || !core)
        return -1;
    va->display = (void *(*)(int))dlsym(library, "vaGetDisplayDRM");
    va->initialize = (int (*)(void *, int *, int *))dlsym(core, "vaInitialize");
    va->vendor = (const char *(*)(void *))dlsym(core, "vaQueryVendorString");
    va->terminate = (int (*)(void *))dlsym(core, "vaTerminate");
    return va->display && va->initialize && va->vendor && va->terminate ? 0 : -1;
}

static int ask(const struct libva *va, int fd, char *text, size_t size)
{
    void *display = va->display(fd);
    int major, minor, status;

    if (!display) {
        snprintf(text, size, "vaGetDisplayDRM refuses the device");
        return -1;
    }
    if ((status = va->initialize(display, &major, &minor)))
        snprintf(text, size, "vaInitialize: status %d", status);
    else
        snprintf(text, size, "%s", va->vendor(display));
    va->terminate(display);
    return status ? -1 : 0;
}

int vatest_vendor(const char *device, char *text, size_t size)
{
    struct libva va;
    int fd, rc;

    if (load(&va) < 0) {
        snprintf(text, size, "%s", dlerror());
        return -1;
    }
    if ((fd = open(device, O_RDWR | O_CLOEXEC)) < 0) {
        snprintf(text, size, "open %s: %m", device);
        return -1;
    }
    rc = ask(&va, fd, text, size);
    close(fd);
    return rc;
}
