package libav

import "fmt"

// opusRate is the only sampling rate used, in Hz.
const opusRate = 48000

// maxOpusPacket is the largest packet the encoder is asked for: RFC 6716, 3.2.1
// allows 1275 bytes a frame, and one frame is a packet here.
const maxOpusPacket = 1275

// maxOpusSamples is 120 ms, the longest packet, per channel.
const maxOpusSamples = 5760

func checkChannels(n int) error {
	if n != 1 && n != 2 {
		return fmt.Errorf("%d channels: Opus streams here have 1 or 2", n)
	}
	return nil
}

// checkOpusFrame wants 5, 10 or 20 ms of interleaved samples.
func checkOpusFrame(samples, channels int) error {
	switch samples {
	case 240 * channels, 480 * channels, 960 * channels:
		return nil
	}
	return fmt.Errorf("%d samples in %d channels: want 5, 10 or 20 ms at 48 kHz", samples, channels)
}
