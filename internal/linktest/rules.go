package linktest

// Mode is something that the product shows.
type Mode string

// Modes of the product.
const (
	Mode1080p60  Mode = "1080p60"
	Mode1080p144 Mode = "1080p144"
	Mode4K30     Mode = "4k30"
	ModeTwo      Mode = "two_screens" // 1080p60 on each
)

// Level is one bound for good and one for usable.
type Level struct{ Good, Usable float64 }

// Rule is what a mode needs of a line.
type Rule struct {
	Mode Mode
	Name string // for people; more than one where Mode is ModeTwo
	Down Level  // Mb/s, at least
	Up   Level  // Mb/s, at least
	RTT  Level  // ms without load, at most
	// Jitter is the delay variation of 95 packets of 100 beyond the least, in
	// ms at most, at the rate the mode needs.
	Jitter Level
	Loss   Level // percent of packets at that rate, at most
	Bloat  Level // ms that the round trip grows at that rate, at most
}

// Rules is the table that every verdict comes from, also those of old results.
//
// Down: the product's window is 5 to 25 Mb/s. 15 Mb/s is 1080p60 without visible
// artefacts in a moving desktop, 8 Mb/s with; 144 Hz costs two thirds more, not
// 2.4 times, because there is less between two pictures; 4K30 has twice the
// pixels a second of 1080p60; two screens are twice one. Up: input and reports
// take 0.3 Mb/s, a microphone 0.1.
//
// RTT: 30 ms more than a local PC is what few notice in desktop work, 80 ms is
// where typing feels slow; at 144 Hz people expect more. Jitter: half a picture
// is caught by the one picture of slack that pacing may keep, one and a half
// (25 ms at 60 Hz) shows as judder. Loss: up to 0.5 % repair by retransmission
// is not seen; at 3 % with redundancy it is held without freezes, above that
// quality is given for redundancy. Bloat: the host keeps its own queue at 20 ms;
// 80 ms more under load is the bound of usable, as for the RTT.
func Rules() []Rule {
	up := Level{Good: 1, Usable: 0.5}
	loss := Level{Good: 0.5, Usable: 3}
	bloat := Level{Good: 20, Usable: 80}
	return []Rule{
		{Mode: Mode1080p60, Name: "1080p60", Down: Level{15, 8}, Up: up, RTT: Level{30, 80}, Jitter: Level{8, 25}, Loss: loss, Bloat: bloat},
		{Mode: Mode1080p144, Name: "1080p144", Down: Level{25, 15}, Up: up, RTT: Level{20, 50}, Jitter: Level{4, 12}, Loss: loss, Bloat: Level{15, 50}},
		{Mode: Mode4K30, Name: "4K30", Down: Level{25, 15}, Up: up, RTT: Level{30, 80}, Jitter: Level{16, 40}, Loss: loss, Bloat: bloat},
		{Mode: ModeTwo, Name: "two screens", Down: Level{30, 16}, Up: up, RTT: Level{30, 80}, Jitter: Level{8, 25}, Loss: loss, Bloat: bloat},
	}
}

// Bounds that hold for every mode.
const (
	// burstRun is a mean loss run that redundancy spread over a frame does not
	// mend.
	burstRun = 4.0
	// smallMTU is what a full packet of a session needs: 1200 bytes of payload
	// and its headers and extensions.
	smallMTU = PayloadSize + Overhead + 24
	// slowCable is a cable that carries less than the largest step.
	slowCable = 100
	// weakSignal of Wi-Fi, dBm.
	weakSignal = -70
)
