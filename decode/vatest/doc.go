// Package vatest is a VA-API driver for machines without a GPU, for tests.
//
// The driver in driver/ is C, compiled by gcc when a test first asks for it.
// libva loads it as it loads the driver of a GPU, so everything above runs as
// on hardware: FFmpeg's VA-API code, surfaces, exports as file descriptors. It
// puts the parameter sets together again that VA-API takes apart, decodes with
// libavcodec and gives the same bits as software decoding. Environment
// variables, written by [Knobs], make it misbehave as hardware does.
//
// A surface's memory is a memfd, which looks like a dma-buf to all but EGL and
// the kernel's mode setting. With a DRM card ([Knobs].DRM) it is a dumb buffer
// and a real dma-buf.
//
// vaGetDisplayDRM takes DRM nodes only. A test binary that imports this package
// has its own drmGetNodeTypeFromFd, which lets /dev/null pass for a render node
// and asks libdrm about everything else.
//
// H.264 up to High and HEVC Main, 8-bit 4:2:0 progressive. Not there: interlaced
// pictures, picture order count type 1 of H.264 and long-term reference sets in
// HEVC's SPS (VA-API does not carry them); vaPutImage, import of memory, encoding,
// post-processing, tiling. It says nothing of how fast or how right a GPU is.
//
// All functions may be called by any goroutine, but for [Use], which sets the
// environment and so is for tests that are not parallel.
package vatest
