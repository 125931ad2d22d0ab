package edid

// AudioFormat is a coding of audio (CTA-861-H, tables 36 and 38).
type AudioFormat uint8

// Codings. Those of the extension follow from 16.
const (
	PCM      AudioFormat = 1
	AC3      AudioFormat = 2
	MPEG1    AudioFormat = 3
	MP3      AudioFormat = 4
	MPEG2    AudioFormat = 5
	AACLC    AudioFormat = 6
	DTS      AudioFormat = 7
	ATRAC    AudioFormat = 8
	OneBit   AudioFormat = 9
	EAC3     AudioFormat = 10
	DTSHD    AudioFormat = 11
	MAT      AudioFormat = 12
	DST      AudioFormat = 13
	WMAPro   AudioFormat = 14
	extended AudioFormat = 15
)

// Audio is one coding that the monitor plays (short audio descriptor).
type Audio struct {
	Format   AudioFormat // 16 and more: 16 + the extension's code
	Channels int         // at most
	RatesHz  []int       // rising
	Bits     []int       // sizes of PCM samples, rising
	MaxKbps  int         // of AC3 to ATRAC; 0: not said
}

// readAudio reads short audio descriptors of three bytes (CTA-861-H, 7.5.2).
func (e *EDID) readAudio(p []byte) {
	for ; len(p) >= 3; p = p[3:] {
		a := shortAudio(p)
		if a.Format == 0 {
			e.defect("audio format 0")
			continue
		}
		e.CTA.Audio = append(e.CTA.Audio, a)
	}
	if len(p) > 0 {
		e.defect("audio block: %d bytes left", len(p))
	}
}

func shortAudio(p []byte) Audio {
	a := Audio{
		Format:   AudioFormat(p[0] >> 3 & 0x0f),
		Channels: int(p[0]&7) + 1,
		RatesHz:  bits(p[1], []int{32000, 44100, 48000, 88200, 96000, 176400, 192000}),
	}
	switch {
	case a.Format == PCM:
		a.Bits = bits(p[2], []int{16, 20, 24})
	case a.Format >= AC3 && a.Format <= ATRAC:
		a.MaxKbps = 8 * int(p[2])
	case a.Format == extended:
		a.Format = 16 + AudioFormat(p[2]>>3)
	}
	return a
}

// bits lists the values whose bits are set, from the lowest.
func bits(b byte, values []int) []int {
	var out []int
	for i, v := range values {
		if b>>i&1 != 0 {
			out = append(out, v)
		}
	}
	return out
}
