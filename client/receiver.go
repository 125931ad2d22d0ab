package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

// Feedback intervals (docs/PROTOCOL.md).
const (
	twccPoll       = 20 * time.Millisecond // while no picture comes, which needs more
	reportInterval = 200 * time.Millisecond
	capInterval    = time.Second
	soundReorder   = 10 * time.Millisecond // how long an Opus packet waits for one before it
)

// receiver sorts a session's packets to their streams and sends the feedback
// that the host steers by. Packets come on pion's SRTP goroutine.
type receiver struct {
	s        *Session
	sender   uint32                 // our SSRC in RTCP
	routes   atomic.Pointer[routes] // nil until the answer is known
	twcc     *receive.TWCC
	requests requests
	reports  *receive.Reports

	mu      sync.Mutex // guards below; never held over a callback or a packet
	screens [maxScreens]pipelines
	sound   *receive.Audio
}

// pipelines are one screen's, by codec: a host that changes the codec to and
// fro costs no more than both.
type pipelines struct {
	source *receive.Source // both have the screen's SSRC
	h264   *receive.Video
	hevc   *receive.Video
	latest *receive.Video // the one of the last packet
}

// of returns the place for a codec's pipeline.
func (p *pipelines) of(c media.Codec) **receive.Video {
	if c == media.CodecHEVC {
		return &p.hevc
	}
	return &p.h264
}

func (r *receiver) init(s *Session) {
	r.s, r.sender = s, rand.Uint32()
	r.requests = newRequests()
	r.twcc = receive.NewTWCC(r.sender)
	r.reports = receive.NewReports(r.sender)
}

// flooded ends a session whose host sends more sources than any needs.
func (r *receiver) flooded() {
	err := fmt.Errorf("the host sent more than %d RTP sources", maxSources)
	r.s.end(fail(StagePicture, true, "the host is broken or hostile: use another one", err))
}

// rtp takes a decrypted packet.
func (r *receiver) rtp(ssrc uint32, packet []byte) {
	rt := r.routes.Load()
	if rt == nil || len(packet) < 2 {
		return
	}
	now := time.Now()
	pt := packet[1] & 0x7f
	if pt == ptOpus || pt == ptRED {
		if a := r.audio(rt); a != nil {
			a.Packet(now, packet)
		}
		return
	}
	screen, known := rt.find(ssrc)
	if !known || screen < 0 || screen >= r.s.cfg.Screens {
		return
	}
	if pt == ptFEC {
		if v := r.latest(screen); v != nil {
			v.FEC(now, packet)
		}
		return
	}
	codec, repair, ok := codecOf(pt)
	if !ok {
		return
	}
	v := r.pipeline(rt, screen, codec)
	switch {
	case v == nil:
	case repair:
		v.RTX(now, packet)
	default:
		v.Packet(now, packet)
	}
}

// pipeline returns the pipeline of a screen for a codec, nil if there can be none.
func (r *receiver) pipeline(rt *routes, screen int, codec media.Codec) *receive.Video {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.screens[screen]
	place := p.of(codec)
	if *place != nil {
		p.latest = *place
		return *place
	}
	if p.source == nil {
		p.source = r.reports.Add(90000)
	}
	clock := &r.s.control.clock
	v, err := receive.NewVideo(receive.VideoConfig{
		Screen: screen, Codec: codec, Extensions: rt.ext, FEC: rt.fec,
		OnAccessUnit: r.accessUnit,
		SendNACK:     r.sendNACK,
		SendPLI:      r.sendPLI,
		RTT:          clock.RTT,
		ClockOffset:  func() time.Duration { return -clock.Offset() },
		TWCC:         r.twcc,
		Reports:      p.source,
	})
	if err != nil {
		r.s.end(fail(StagePicture, true, "", err))
		return nil
	}
	*place, p.latest = v, v
	return v
}

// latest returns the pipeline of a screen's last packet, nil before the first.
func (r *receiver) latest(screen int) *receive.Video {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.screens[screen].latest
}

// audio returns the sound's pipeline, made with its first packet.
func (r *receiver) audio(rt *routes) *receive.Audio {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sound != nil {
		return r.sound
	}
	play := r.s.cfg.OnSound
	if play == nil {
		play = func([]byte, int) {} // its packets still count for the host's rate control
	}
	a, err := receive.NewAudio(receive.AudioConfig{
		PayloadType: ptOpus, Redundant: ptRED, Extensions: rt.ext, ReorderWindow: soundReorder,
		OnPacket: func(p *receive.AudioPacket) {
			play(p.Payload, p.Lost)
			p.Release()
		},
		TWCC: r.twcc, Reports: r.reports.Add(48000),
	})
	if err != nil {
		r.s.log.Warn("no sound", "err", err)
		return nil
	}
	r.sound = a
	return a
}

// accessUnit hands a picture on and notes the session's first.
func (r *receiver) accessUnit(au *media.AccessUnit) {
	if r.s.hasFirst.CompareAndSwap(false, true) {
		close(r.s.pictured)
	}
	r.s.cfg.OnAccessUnit(au)
}

// rtcp takes a decrypted RTCP packet: sender reports are all that we need.
func (r *receiver) rtcp(packet []byte) {
	now := time.Now()
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		return
	}
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			r.reports.SenderReport(now, sr)
		}
	}
}

func (r *receiver) sendNACK(ssrc uint32, seqs []uint16) {
	r.requests.add(&rtcp.TransportLayerNack{SenderSSRC: r.sender, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
}

func (r *receiver) sendPLI(ssrc uint32) {
	r.requests.add(&rtcp.PictureLossIndication{SenderSSRC: r.sender, MediaSSRC: ssrc})
}

// sendCap tells a host that knows no SET_BITRATE the bound of all screens
// together. Ours would take it for a bound of FEC and repairs as well (draft-alvestrand-rmcat-remb-03).
func (r *receiver) sendCap() {
	rt := r.routes.Load()
	if rt == nil || !rt.plain || r.s.cfg.BitrateBps <= 0 {
		return
	}
	sources := r.reports.SSRCs()
	if len(sources) == 0 {
		return
	}
	r.send(&rtcp.ReceiverEstimatedMaximumBitrate{
		SenderSSRC: r.sender, Bitrate: float32(r.s.cfg.BitrateBps * r.s.cfg.Screens), SSRCs: sources,
	})
}

func (r *receiver) send(p ...rtcp.Packet) {
	// RTCP that cannot be sent is sent again; the path's end is told elsewhere.
	if err := r.s.pc.WriteRTCP(p); err != nil {
		r.s.log.Debug("send rtcp", "err", err)
	}
}

// feedback runs the streams' timers and sends reports until ctx ends.
func (r *receiver) feedback(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var twcc, report, limit time.Time // when the first was sent, when the others are due
	for {
		select {
		case <-timer.C:
		case <-r.twcc.Back():
		case <-ctx.Done():
			return
		}
		now := time.Now()
		next := r.tick(now)
		if r.twcc.Due(now, twcc) {
			twcc = now
			r.send(r.twcc.Feedback()...)
		}
		if !now.Before(report) {
			report = now.Add(reportInterval)
			if rr := r.reports.ReceiverReport(now); rr != nil {
				r.send(rr)
			}
		}
		if !now.Before(limit) {
			limit = now.Add(capInterval)
			r.sendCap()
		}
		timer.Reset(next)
	}
}

// tick runs what is due on every stream and returns when more is.
func (r *receiver) tick(now time.Time) time.Duration {
	next := twccPoll
	r.mu.Lock()
	screens, sound := r.screens, r.sound
	r.mu.Unlock()
	for _, p := range screens {
		for _, v := range []*receive.Video{p.h264, p.hevc} {
			if v != nil {
				next = min(next, v.Tick(now))
			}
		}
	}
	if sound != nil {
		next = min(next, sound.Tick(now))
	}
	return next
}

func (r *receiver) requestKeyframe(screen int, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if screen >= 0 && screen < maxScreens && r.screens[screen].latest != nil {
		r.screens[screen].latest.RequestKeyframe(reason)
	}
}

func (r *receiver) stats() (st Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range r.screens {
		for _, v := range []*receive.Video{p.h264, p.hevc} {
			if v != nil {
				st.addVideo(i, v.Stats())
			}
		}
	}
	return st
}
