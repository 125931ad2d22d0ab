// Package edid reads what a monitor says of itself: the EDID base block 1.3 and
// 1.4 (VESA E-EDID A2), CTA-861 extension blocks with the HDMI, HDMI Forum and
// FreeSync vendor blocks, DisplayID 1.3 and 2.0 extension blocks, block maps.
//
// The bytes are foreign and often wrong: makers ship broken checksums, timings
// that no panel does and blocks that end too early. [Parse] reads on past
// whatever is wrong, keeps what still makes sense and lists the rest in
// [EDID.Defects]; it never panics, and its work is bounded by 256 blocks.
//
// The package does no I/O and chooses nothing: display/mode does. It does not
// judge conformity as edid-decode does, does not read colour points, stereo
// formats, HDCP, Dolby or HDR10+ blocks, and never changes an EDID.
package edid
