package linktest

import "fmt"

// topic is what a finding is about.
type topic uint8

const (
	aboutNothing topic = iota
	aboutBlocked
	aboutDown
	aboutUp
	aboutRTT
	aboutJitter
	aboutLoss
	aboutBloat
	aboutSlow
	aboutBound
)

// advise says what a person can do about a finding, "" where all is well.
func advise(r *Result, f finding) string {
	if f.mark == MarkGood {
		return ""
	}
	switch f.about {
	case aboutBlocked:
		return "Allow outgoing UDP in the router or firewall, or ask the operator for a relay (TURN)."
	case aboutSlow:
		return "Close other programs, here and on the host, and test again."
	case aboutBound:
		return "Test again with a higher --max, here and on the host."
	case aboutRTT:
		if first := firstMetre(r); first != "" {
			return first
		}
		return "Choose a host that is nearer; no setting here makes the way shorter."
	case aboutBloat:
		return "Turn on queue management (SQM, fq_codel or CAKE) in the router, or stop what else uses the line."
	}
	if first := firstMetre(r); first != "" {
		return first
	}
	switch f.about {
	case aboutLoss:
		return "Test again at another hour and by another cable; if it stays, show these figures to the line's provider."
	case aboutJitter:
		return "Stop what else uses the line, and test again."
	case aboutUp:
		return "Stop uploads and backups, or ask the provider for more upload."
	case aboutDown:
		return "Stop what else uses the line, or ask the provider for a faster one; until then a smaller picture works better."
	}
	return ""
}

// firstMetre is what to do about the terminal's own link, where that is the
// likely cause; "" where it is not.
func firstMetre(r *Result) string {
	l := r.Link
	switch {
	case l.Kind == LinkWiFi && l.SignalDBm != 0 && l.SignalDBm < weakSignal:
		return "Try a cable instead of Wi-Fi, or go nearer to the access point: its signal is weak."
	case l.Kind == LinkWiFi:
		return "Try a cable instead of Wi-Fi."
	case l.Kind == LinkMobile:
		return "Try a fixed line instead of the mobile one."
	case l.Kind == LinkCable && (l.NewErrors > 0 || l.NewLosses > 0):
		return "Replace the network cable: it damaged data during the test."
	case l.Kind == LinkCable && l.Duplex == "half":
		return "Set the network port to automatic on both ends: it runs half duplex."
	case l.Kind == LinkCable && l.Fallen:
		return "Replace the network cable or plug it in again: it carries less than both ends can."
	}
	return ""
}

// observe is what is worth knowing whatever the modes need.
func observe(r *Result) []string {
	notes := []string{}
	add := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	l := r.Link
	switch {
	case l.Kind == LinkWiFi:
		add("This terminal is on Wi-Fi (%s). A cable is better in all that is measured here.", l.Name)
	case l.Fallen && l.SpeedMbps < min(l.BestMbps, l.PeerMbps):
		add("Your cable fell to %d Mb/s: both ends of it can do %d Mb/s. One broken wire is enough for that.", l.SpeedMbps, min(l.BestMbps, l.PeerMbps))
	case l.Fallen:
		add("Your cable fell to %d Mb/s: it ran at %d Mb/s in an earlier test.", l.SpeedMbps, l.EarlierMbps)
	case l.Kind == LinkCable && l.SpeedMbps > 0 && l.SpeedMbps <= slowCable && l.BestMbps > l.SpeedMbps && l.PeerMbps == 0:
		add("Your cable runs at %d Mb/s, though this end can do %d Mb/s: the cable or its other end is the reason.", l.SpeedMbps, l.BestMbps)
	case l.Kind == LinkCable && l.SpeedMbps > 0 && l.SpeedMbps < slowCable:
		add("Your cable runs at %d Mb/s.", l.SpeedMbps)
	}
	if l.Kind == LinkCable && l.Duplex == "half" {
		add("Your cable runs half duplex: only one end can send at a time.")
	}
	if l.NewErrors > 0 {
		add("Your cable damaged %d frames during the test.", l.NewErrors)
	}
	if l.NewLosses > 0 {
		add("The link of %s was lost %d times during the test.", l.Name, l.NewLosses)
	}
	notes = append(notes, observePath(r)...)
	for _, s := range append(append([]Step(nil), r.Down...), r.Up...) {
		if s.Carried && s.Lost >= 10 && s.LossRunMean >= burstRun {
			add("Packets are lost in bursts (%.0f in a row on average, up to %d, %s at %s): that looks like radio or a full queue, not like a bad wire.", s.LossRunMean, s.LossRunMax, s.Direction, Mbps(s.RateBps))
			break
		}
	}
	if n := len(r.Up); n > 0 && !r.Up[n-1].Carried && !r.Up[n-1].Slow && r.Up[n-1].AddedP50 > 100 {
		add("While something here uploads, everything comes %s later.", ms(r.Up[n-1].AddedP50))
	}
	if r.DownLine.Slow || r.UpLine.Slow {
		add("This computer or the host was too slow for the highest rates; what is said of the line ends there.")
	}
	if r.Stopped != "" {
		add("The test ended early: %s.", r.Stopped)
	}
	return notes
}

func observePath(r *Result) (notes []string) {
	add := func(format string, a ...any) { notes = append(notes, fmt.Sprintf(format, a...)) }
	p := r.Path
	if p.Transport == TransportRelay {
		add("The packets went through a relay (TURN): a direct way was not found.")
	}
	if p.Transport == TransportTCP && p.UDP == ReachBlocked {
		add("UDP is blocked on the way; the test went over TCP.")
	}
	if p.NAT.Mapping == BehaviourPerPort {
		add("The NAT on the way gives each peer another port: two such terminals or hosts need a relay.")
	}
	if m := min(orMax(p.MTU.Down), orMax(p.MTU.Up)); m < smallMTU {
		add("Packets of more than %d bytes do not get through; those of a session have up to %d.", m, smallMTU)
	}
	return notes
}

func orMax(n int) int {
	if n == 0 {
		return MaxProbe
	}
	return n
}
