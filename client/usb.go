package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	usbAccept  = 10 * time.Second // from USB_OFFER to the host's answer
	usbConnect = 12 * time.Second // for the connection of the devices
	usbOpen    = 5 * time.Second  // for a channel on it
	usbGather  = time.Second      // for our addresses
)

// ErrUSBRefused says that the host does not take a USB device.
var ErrUSBRefused = errors.New("the host does not take it")

// errOver says that the session has ended.
var errOver = errors.New("the session is over")

// usbLink is the session's connection for USB devices, made when the first is
// taken. A device that is copied from shall not stand in the way of keys, so it
// is not the session's own.
type usbLink struct {
	connecting chan struct{} // capacity 1: one makes the connection, others wait for it

	mu      sync.Mutex // guards below
	pc      *webrtc.PeerConnection
	last    uint32
	answers map[uint32]chan bool // capacity 1: whether the host took it
	streams map[uint32]io.Closer
	over    bool
}

func (u *usbLink) init() {
	u.connecting = make(chan struct{}, 1)
	u.answers, u.streams = make(map[uint32]chan bool), make(map[uint32]io.Closer)
}

// OfferUSB offers a USB device to the host and returns the stream of it once
// the host has taken it: USB/IP after the import of the device, host to
// terminal first. Its Write waits while the path is full; closing it takes the
// device back. The offer's ID is the session's business. Any goroutine; the
// stream ends with the session.
func (s *Session) OfferUSB(ctx context.Context, o wire.USBOffer) (io.ReadWriteCloser, error) {
	id, answer, err := s.usb.begin()
	if err != nil {
		return nil, err
	}
	o.ID = id
	stream, err := s.offerUSB(ctx, o, answer)
	if err == nil && !s.usb.keep(id, stream) {
		_ = stream.Close() // the host took it back meanwhile
		err = ErrUSBRefused
	}
	if err != nil {
		s.usb.forget(id)
		_ = s.control.say(wire.AppendUSBClose(nil, id)) // a session that is over says it by that
		return nil, err
	}
	return stream, nil
}

// TakesUSB asks the host whether it takes USB devices at all, by an offer of
// none; nil: it does.
func (s *Session) TakesUSB(ctx context.Context) error {
	id, answer, err := s.usb.begin()
	if err != nil {
		return err
	}
	defer s.usb.forget(id)
	if err := s.askUSB(ctx, wire.USBOffer{ID: id}, answer); err != nil {
		return err
	}
	return s.control.say(wire.AppendUSBClose(nil, id))
}

func (s *Session) offerUSB(ctx context.Context, o wire.USBOffer, answer <-chan bool) (*usbStream, error) {
	if err := s.askUSB(ctx, o, answer); err != nil {
		return nil, err
	}
	pc, err := s.connectUSB(ctx)
	if err != nil {
		return nil, err
	}
	return s.openUSB(ctx, pc, o.ID)
}

// askUSB offers and waits for the host's word.
func (s *Session) askUSB(ctx context.Context, o wire.USBOffer, answer <-chan bool) error {
	patience, cancel := context.WithTimeout(ctx, usbAccept)
	defer cancel()
	select { // a picture may be there before the channel
	case <-s.control.open:
	case <-patience.Done():
	}
	if err := s.control.say(wire.AppendUSBOffer(nil, o)); err != nil {
		return err
	}
	select {
	case yes := <-answer:
		if !yes {
			return ErrUSBRefused
		}
		return nil
	case <-patience.Done():
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the host knows nothing of USB devices: %w", errors.ErrUnsupported)
	}
}

func (u *usbLink) begin() (uint32, <-chan bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return 0, nil, errOver
	}
	u.last++
	answer := make(chan bool, 1)
	u.answers[u.last] = answer
	return u.last, answer, nil
}

// keep notes the stream of a device that is still wanted.
func (u *usbLink) keep(id uint32, stream io.Closer) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, wanted := u.answers[id]; !wanted || u.over {
		return false
	}
	u.streams[id] = stream
	return true
}

func (u *usbLink) forget(id uint32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.answers, id)
	delete(u.streams, id)
}

// accepted takes USB_ACCEPT.
func (u *usbLink) accepted(id uint32) {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case u.answers[id] <- true: // nil: nobody waits
	default:
	}
}

// closed takes USB_CLOSE: the host does not take it, or has no use for it any
// more.
func (u *usbLink) closed(id uint32) {
	u.mu.Lock()
	answer, stream := u.answers[id], u.streams[id]
	delete(u.answers, id)
	delete(u.streams, id)
	u.mu.Unlock()
	select {
	case answer <- false:
	default:
	}
	if stream != nil {
		_ = stream.Close() // all of it was said
	}
}

// end closes everything; nothing begins after it.
func (u *usbLink) end() error {
	u.mu.Lock()
	u.over = true
	pc := u.pc
	u.mu.Unlock()
	for {
		u.mu.Lock()
		var stream io.Closer
		for id, c := range u.streams {
			stream = c
			delete(u.streams, id)
			break
		}
		u.mu.Unlock()
		if stream == nil {
			break
		}
		_ = stream.Close()
	}
	if pc == nil {
		return nil
	}
	return pc.GracefulClose()
}

// connectUSB returns the connection for devices; there may be one.
func (s *Session) connectUSB(ctx context.Context) (*webrtc.PeerConnection, error) {
	select {
	case s.usb.connecting <- struct{}{}:
		defer func() { <-s.usb.connecting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.usb.mu.Lock()
	pc := s.usb.pc
	s.usb.mu.Unlock()
	if pc != nil && pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
		return pc, nil
	}
	if pc != nil { // its path is dead: there may be another
		if err := pc.GracefulClose(); err != nil {
			s.log.Debug("close connection for USB", "err", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, usbConnect)
	defer cancel()
	pc, up, err := s.newUSB()
	if err != nil {
		return nil, fmt.Errorf("connection for USB devices: %w", err)
	}
	if err = s.negotiateUSB(ctx, pc); err == nil {
		select {
		case <-up:
		case <-ctx.Done():
			err = errors.New("no path to the host was found")
		}
	}
	s.usb.mu.Lock()
	if err == nil && s.usb.over {
		err = errOver
	}
	if err == nil {
		s.usb.pc = pc
	}
	s.usb.mu.Unlock()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connection for USB devices: %w", err), pc.GracefulClose())
	}
	return pc, nil
}

func (s *Session) newUSB() (_ *webrtc.PeerConnection, up <-chan struct{}, err error) {
	network := peer.Config{Loopback: peer.IsLoopback(s.whep.endpoint.Hostname()), Net: s.cfg.Net, Interface: s.path.offers}
	if network.Net == nil {
		if network.Net, err = peer.NewBoundNet(s.path.owner); err != nil {
			return nil, nil, err
		}
	}
	se, err := peer.Settings(network)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	servers := s.servers
	s.mu.Unlock()
	pc, err := peer.API(&webrtc.MediaEngine{}, se).NewPeerConnection(webrtc.Configuration{ICEServers: peer.Servers(servers)})
	if err != nil {
		return nil, nil, err
	}
	connected := make(chan struct{})
	var once sync.Once // pion starts a goroutine for every state
	pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
		switch st {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(connected) })
		case webrtc.PeerConnectionStateFailed:
			s.usb.broken(pc)
		}
	})
	// SCTP is in the offer only when there is a channel. This one is never
	// opened by the host, nor missed.
	if _, err = pc.CreateDataChannel("", nil); err != nil {
		err = errors.Join(err, pc.GracefulClose())
	}
	return pc, connected, err
}

// broken closes the streams of a connection whose path is dead.
func (u *usbLink) broken(pc *webrtc.PeerConnection) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pc != pc {
		return
	}
	for id, c := range u.streams {
		delete(u.streams, id)
		go c.Close() // its own lock may be held by who waits for ours
	}
}

// negotiateUSB asks the host for the connection.
func (s *Session) negotiateUSB(ctx context.Context, pc *webrtc.PeerConnection) error {
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	timeout := time.NewTimer(usbGather)
	defer timeout.Stop()
	select {
	case <-gathered:
	case <-timeout.C: // offer what there is
	case <-ctx.Done():
		return ctx.Err()
	}
	s.path.mu.Lock()
	resource := s.path.resource
	s.path.mu.Unlock()
	if resource == nil {
		return fmt.Errorf("the host named no session: %w", errors.ErrUnsupported)
	}
	answer, err := s.whep.postUSB(ctx, resource.JoinPath("usb"), pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
}

// openUSB opens a device's channel.
func (s *Session) openUSB(ctx context.Context, pc *webrtc.PeerConnection, id uint32) (*usbStream, error) {
	protocol := wire.USBProtocol
	dc, err := pc.CreateDataChannel(wire.USBLabel(id), &webrtc.DataChannelInit{Protocol: &protocol})
	if err != nil {
		return nil, fmt.Errorf("channel for a USB device: %w", err)
	}
	opened := make(chan struct{})
	dc.OnOpen(func() { close(opened) })
	timeout := time.NewTimer(usbOpen)
	defer timeout.Stop()
	select {
	case <-opened:
	case <-timeout.C:
		return nil, errors.Join(errors.New("channel for a USB device: the host does not open it"), dc.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), dc.Close())
	}
	raw, err := dc.Detach()
	if err != nil {
		return nil, fmt.Errorf("channel for a USB device: %w", err)
	}
	return &usbStream{Throttle: usbip.NewThrottle(raw, dc), close: func() {
		s.usb.forget(id)
		_ = s.control.say(wire.AppendUSBClose(nil, id)) // a session that is over says it by that
	}}, nil
}

// usbStream is the stream of a device; closing it tells the host.
type usbStream struct {
	*usbip.Throttle
	once  sync.Once
	close func()
}

// Close takes the device back.
func (u *usbStream) Close() error {
	u.once.Do(u.close)
	return u.Throttle.Close()
}

// postUSB asks for a connection beside the session's.
func (w *whep) postUSB(ctx context.Context, resource *url.URL, offer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, signalTimeout)
	defer cancel()
	resp, err := w.do(ctx, request{method: http.MethodPost, url: resource, kind: sdpType, body: offer})
	if err != nil {
		return "", w.explain(resource, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return "", refusal(resource, resp)
	}
	if err := checkType(resp.Header.Get("Content-Type"), sdpType); err != nil {
		return "", err
	}
	answer, err := readBounded(resp.Body, maxAnswer)
	if err != nil {
		return "", w.explain(resource, err)
	}
	return answer, nil
}
