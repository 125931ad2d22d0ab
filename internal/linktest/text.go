package linktest

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes a result for people, its time in the zone that At has.
func (r *Result) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Link test with %s, %s, %.0f s\n\n", r.Host, r.At.Format("2 January 2006 15:04"), r.Seconds)
	b.WriteString("What it is good for\n")
	for _, v := range r.Verdicts {
		fmt.Fprintf(&b, "  %-12s %-11s", v.Name, v.Grade.Words())
		b.WriteString(wrap(v.Reason+" "+v.Advice, 26))
	}
	writeSteps(&b, r)
	writePath(&b, r)
	if len(r.Notes) > 0 {
		b.WriteString("\nWorth knowing\n")
		for _, n := range r.Notes {
			b.WriteString("  - ")
			b.WriteString(wrap(n, 4))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeSteps(b *strings.Builder, r *Result) {
	if len(r.Down)+len(r.Up) == 0 {
		return
	}
	b.WriteString("\n             asked       sent  delivered   lost     in a row   jitter  95 % within  round trip\n")
	if r.Idle.N > 0 {
		fmt.Fprintf(b, "  %-4s %76s %11s\n", "idle", "", ms(r.Idle.P50))
	}
	for _, steps := range [...][]Step{r.Down, r.Up} {
		for _, s := range steps {
			row := "-"
			if s.LossRuns > 0 {
				row = fmt.Sprintf("%.1f, max %d", s.LossRunMean, s.LossRunMax)
			}
			fmt.Fprintf(b, "  %-4s %11s %10s %10s %4.1f %% %12s %8s %12s %11s", s.Direction, Mbps(s.RateBps), Mbps(s.SentBps), Mbps(s.DeliveredBps), s.LossPct, row, ms(s.Jitter), ms(s.DelayP95), ms(s.RTT.P50))
			if s.Why != "" {
				fmt.Fprintf(b, "   %s", s.Why)
			}
			b.WriteByte('\n')
		}
	}
}

func writePath(b *strings.Builder, r *Result) {
	p, l := r.Path, r.Link
	b.WriteString("\nPath\n")
	line := func(name, format string, a ...any) {
		fmt.Fprintf(b, "  %-14s %s", name, wrap(fmt.Sprintf(format, a...), 17))
	}
	family := "IPv4"
	if p.IPv6 {
		family = "IPv6"
	}
	switch p.Transport {
	case TransportNone:
		line("transport", "none: the host answers by HTTP, but UDP does not get through")
	case TransportRelay:
		line("transport", "%s through a relay, UDP %s", family, p.UDP)
	default:
		line("transport", "%s over %s, UDP %s", strings.ToUpper(string(p.Transport)), family, p.UDP)
	}
	line("NAT", "mapping %s, filtering %s", p.NAT.Mapping, p.NAT.Filtering)
	line("largest packet", "%s down, %s up", sizeWords(p.MTU.Down), sizeWords(p.MTU.Up))
	if l.Name == "" {
		return
	}
	words := []string{l.Kind.words()}
	if l.SpeedMbps > 0 {
		words = append(words, fmt.Sprintf("%d Mb/s", l.SpeedMbps))
	}
	if l.Kind == LinkCable {
		words = append(words, "duplex "+l.Duplex, fmt.Sprintf("%d damaged frames (%d in the test)", l.Errors, l.NewErrors),
			fmt.Sprintf("link lost %d times (%d in the test)", l.Losses, l.NewLosses))
	}
	if l.SignalDBm != 0 {
		words = append(words, fmt.Sprintf("signal %d dBm", l.SignalDBm))
	}
	line("interface", "%s: %s", l.Name, strings.Join(words, ", "))
}

// words is the kind as people write it.
func (k LinkKind) words() string {
	if k == LinkWiFi {
		return "Wi-Fi"
	}
	return string(k)
}

func sizeWords(n int) string {
	switch n {
	case 0:
		return "not known"
	case MaxProbe:
		return fmt.Sprintf("%d bytes or more", n)
	}
	return fmt.Sprintf("%d bytes", n)
}

// wrap breaks a text into lines of at most 100 columns, the later ones indented;
// it ends with a line feed.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > 100:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
	return b.String()
}
