// One round through libva by dlopen, so that this package does not link it.
#ifndef VATEST_DISPLAY_H
#define VATEST_DISPLAY_H

#include <stddef.h>

// vatest_vendor opens device, writes the driver's vendor string and closes it.
// 0, or -1 with what went wrong in its place.
int vatest_vendor(const char *device, char *text, size_t size);

#endif
