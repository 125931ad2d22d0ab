// Package vmtest boots virtual terminals for tests: QEMU machines, in software
// emulation alone, with two display outputs on virtio-gpu, USB devices, a
// network and this machine's own root file system, or that of a disk image,
// below a layer in memory. What a test does to such a machine, to its outputs,
// its modes, its devices or its clock, is seen by that machine only.
//
//	vm := vmtest.Start(t, vmtest.Config{})
//	vm.RunTests(t, "./display/kms", vmtest.TestOptions{Require: []string{"drm"}})
//
// [Boot] needs QEMU, and a kernel that `.ci/deps vm` unpacks into build/vm;
// where one is missing it fails with [errors.ErrUnsupported]. [Start] skips
// unless the environment variable REQUIRE_HW names vm, because a boot takes
// seconds of two cores: `make test-vm` sets it. One virtual terminal runs at a
// time, in all processes that use the same source tree; others wait.
//
// The machine is QEMU's process, four goroutines and a folder below the
// system's temporary one. All of them end with [VM.Close], and QEMU also with
// the context of Boot and with the process that started it. The guest's first
// process (internal/vmtest/guest) is spoken to over a virtio-serial port, the
// machine itself over QMP, its screens' plugs over RFB. A kernel panic, a
// guest that does not come up in two minutes and a machine that is gone are
// errors which end with the console's last lines. Methods may be called from
// any goroutine unless they say otherwise.
//
// The package starts no services in the guest (there is no udev, no D-Bus and
// no network name), reaches nothing outside this machine, uses no hardware
// virtualisation, and measures nothing: under emulation a frame rate or a
// latency says little about any real terminal.
package vmtest
