package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/internal/wire"
)

// USB plugs devices of the terminal into this machine.
type USB interface {
	// Available says why no device can be plugged in; nil when one can.
	Available() error
	// Attach plugs one in and serves it over channel, which it owns, until ctx
	// or the device ends.
	Attach(ctx context.Context, o wire.USBOffer, channel io.ReadWriteCloser) error
}

const (
	// maxUSB bounds the devices of a session.
	maxUSB = 16
	// maxUSBChannels bounds the channels that a connection for them opens in
	// all: a device that is plugged in again has another.
	maxUSBChannels = 4096
)

// usbDevice is one that we said USB_ACCEPT to.
type usbDevice struct {
	offer  wire.USBOffer
	cancel context.CancelFunc // nil until its channel is there
}

// usbChannel is the stream of a device.
type usbChannel struct {
	id  uint32
	end io.ReadWriteCloser
}

// usbDevices are the USB devices that the terminal gives this session. They
// have a connection of their own: a stick that is copied from shall not stand
// in the way of keys.
type usbDevices struct {
	s      *session
	opened chan usbChannel             // capacity maxUSB; full refuses
	lost   chan *webrtc.PeerConnection // capacity 1; full means there is another to look at first

	mu      sync.Mutex // guards below
	pc      *webrtc.PeerConnection
	devices map[uint32]*usbDevice
	over    bool // nothing begins any more
}

func newUSBDevices(s *session) *usbDevices {
	return &usbDevices{
		s: s, opened: make(chan usbChannel, maxUSB), lost: make(chan *webrtc.PeerConnection, 1),
		devices: make(map[uint32]*usbDevice),
	}
}

// offer answers USB_OFFER.
func (u *usbDevices) offer(c *channel, m wire.Message) error {
	o, err := m.USBOffer()
	if err != nil {
		return err
	}
	if err := u.accept(o); err != nil {
		u.s.log.Info("USB device refused", "component", "host", "vendor", o.Vendor, "product", o.Product, "err", err)
		return u.s.reply(c, wire.AppendUSBClose(nil, o.ID))
	}
	return u.s.reply(c, wire.AppendUSBAccept(nil, o.ID))
}

func (u *usbDevices) accept(o wire.USBOffer) error {
	ports := u.s.srv.cfg.USB
	if ports == nil {
		return fmt.Errorf("this host takes no USB devices: %w", errors.ErrUnsupported)
	}
	if err := ports.Available(); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.devices[o.ID] != nil {
		return fmt.Errorf("device %d is offered twice", o.ID)
	}
	if len(u.devices) >= maxUSB {
		return fmt.Errorf("more than %d devices", maxUSB)
	}
	u.devices[o.ID] = &usbDevice{offer: o}
	return nil
}

// drop answers USB_CLOSE.
func (u *usbDevices) drop(m wire.Message) error {
	id, err := m.USBClose()
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if d := u.devices[id]; d != nil {
		delete(u.devices, id)
		if d.cancel != nil {
			d.cancel()
		}
	}
	return nil
}

// run serves the devices until ctx ends; all have been unplugged when it
// returns.
func (u *usbDevices) run(ctx context.Context) {
	var running sync.WaitGroup
	for {
		select {
		case ch := <-u.opened:
			running.Go(func() { u.serve(ctx, ch) })
		case pc := <-u.lost:
			u.close(pc)
		case <-ctx.Done():
			u.mu.Lock()
			u.over = true
			pc := u.pc
			u.mu.Unlock()
			u.close(pc)
			running.Wait()
			for len(u.opened) > 0 {
				_ = (<-u.opened).end.Close() // its connection is closed
			}
			return
		}
	}
}

// close closes a connection, which ends the devices on it.
func (u *usbDevices) close(pc *webrtc.PeerConnection) {
	if pc == nil {
		return
	}
	u.mu.Lock()
	if u.pc == pc {
		u.pc = nil
	}
	u.mu.Unlock()
	if err := pc.GracefulClose(); err != nil {
		u.s.log.Debug("close connection for USB", "component", "host", "err", err)
	}
}

// serve plugs a device in until it ends, and says so.
func (u *usbDevices) serve(parent context.Context, ch usbChannel) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	u.mu.Lock()
	d := u.devices[ch.id]
	if d == nil || d.cancel != nil {
		u.mu.Unlock()
		_ = ch.end.Close() // nothing was said on it
		return
	}
	d.cancel = cancel
	u.mu.Unlock()
	err := u.s.srv.cfg.USB.Attach(ctx, d.offer, ch.end)
	u.mu.Lock()
	if u.devices[ch.id] == d {
		delete(u.devices, ch.id)
	}
	u.mu.Unlock()
	u.s.tell(wire.AppendUSBClose(nil, ch.id))
	if err != nil && !errors.Is(err, usbip.ErrPeerEnded) {
		u.s.log.Warn("USB device ended", "component", "host", "err", err)
	}
}

// postUSB answers the offer of a connection for USB devices (docs/PROTOCOL.md,
// "USB"). It takes the place of the session's last one.
func (s *Server) postUSB(w http.ResponseWriter, r *http.Request, _ credential) {
	n, ok := s.find(r.PathValue("id"))
	switch {
	case !ok:
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	case s.cfg.USB == nil:
		http.Error(w, "this host takes no USB devices", http.StatusNotImplemented)
		return
	case !n.path.admit(time.Now()):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the session asks for connections too often", http.StatusTooManyRequests)
		return
	}
	offer, ok := readBody(w, r, sdpType, maxOffer)
	if !ok {
		return
	}
	offer, err := readDataOffer(offer, s.access.loopback)
	if err != nil {
		s.refuse(w, err)
		return
	}
	select {
	case s.offers <- struct{}{}:
		defer func() { <-s.offers }()
	default:
		unavailable(w, "the host is busy with other offers")
		return
	}
	answer, err := n.usb.connect(r.Context(), offer)
	if err != nil {
		s.refuse(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // a terminal that has gone does not connect
}

// readDataOffer checks an offer of data channels alone, and takes out the
// candidates that we do not check.
func readDataOffer(raw string, loopback bool) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(raw); err != nil {
		return "", badOffer("the offer is not SDP")
	}
	if len(d.MediaDescriptions) != 1 {
		return "", badOffer("the offer of a connection for USB has one section")
	}
	m := d.MediaDescriptions[0]
	if m.MediaName.Media != "application" || isOff(m) || !slices.Contains(m.MediaName.Protos, "SCTP") {
		return "", badOffer("the offer of a connection for USB has a section for data channels")
	}
	if mid, ok := m.Attribute("mid"); !ok || mid == "" {
		return "", badOffer("a media section of the offer has no a=mid")
	}
	keepCandidates(d.MediaDescriptions, loopback)
	d.Attributes = slices.DeleteFunc(d.Attributes, func(a sdp.Attribute) bool { return a.Key == "candidate" })
	out, err := d.Marshal()
	if err != nil {
		return "", badOffer("the offer is not SDP")
	}
	return string(out), nil
}

// connect makes the connection that an offer asks for.
func (u *usbDevices) connect(ctx context.Context, offer string) (string, error) {
	se, err := peer.Settings(u.s.srv.network())
	if err != nil {
		return "", err
	}
	se.SetIncludeLoopbackCandidate(true) // also for a terminal on this machine
	pc, err := peer.API(&webrtc.MediaEngine{}, se).NewPeerConnection(webrtc.Configuration{ICEServers: peer.Servers(u.s.srv.cfg.ICEServers)})
	if err != nil {
		return "", fmt.Errorf("open connection for USB: %w", err)
	}
	pc.OnDataChannel(u.sortChannels(pc))
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		if st == webrtc.PeerConnectionStateFailed {
			select {
			case u.lost <- pc:
			default: // it is closed with the next, or with the session
			}
		}
	})
	answer, err := answerData(ctx, pc, offer)
	if err != nil {
		return "", errors.Join(err, pc.GracefulClose())
	}
	u.mu.Lock()
	was, over := u.pc, u.over
	if !over {
		u.pc = pc
	}
	u.mu.Unlock()
	if over {
		return "", errors.Join(&refusal{http.StatusNotFound, "there is no such session"}, pc.GracefulClose())
	}
	if was != nil {
		u.close(was)
	}
	return answer, nil
}

func answerData(ctx context.Context, pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", badOffer("the offer cannot be used: " + err.Error())
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", badOffer("the offer cannot be answered: " + err.Error())
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("set answer: %w", err)
	}
	timeout := time.NewTimer(gatherTimeout)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C: // answer with what there is
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return pc.LocalDescription().SDP, nil
}

// sortChannels returns what takes the channels of devices and closes others.
// Pion calls it for one channel after another.
func (u *usbDevices) sortChannels(pc *webrtc.PeerConnection) func(*webrtc.DataChannel) {
	opened := 0
	return func(dc *webrtc.DataChannel) {
		if opened++; opened > maxUSBChannels {
			select {
			case u.lost <- pc:
			default:
			}
			return
		}
		id, ok := wire.ParseUSBLabel(dc.Label())
		ok = ok && dc.Protocol() == wire.USBProtocol && dc.Ordered() && dc.MaxRetransmits() == nil && dc.MaxPacketLifeTime() == nil
		dc.OnOpen(func() {
			if !ok {
				_ = dc.Close() // tells a newer terminal that it is not ours
				return
			}
			raw, err := dc.Detach()
			if err != nil {
				u.s.log.Debug("channel of a USB device", "component", "host", "err", err)
				return
			}
			select {
			case u.opened <- usbChannel{id, usbip.NewThrottle(raw, dc)}:
			default:
				_ = raw.Close() // nobody offers so many at once
			}
		})
	}
}
