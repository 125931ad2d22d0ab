package host_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/wire"
)

// noPorts takes every device, which never ends by itself.
type noPorts struct{ attached chan uint32 }

func (p noPorts) Available() error { return nil }

func (p noPorts) Attach(ctx context.Context, o wire.USBOffer, ch io.ReadWriteCloser) error {
	p.attached <- o.ID
	<-ctx.Done()
	return ch.Close()
}

// next returns the next control message of that type.
func (p *peer) next(t *testing.T, want wire.MessageType) wire.Message {
	t.Helper()
	for {
		m, _, err := wire.ParseMessage(within(t, p.messages, want.String()))
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == want {
			return m
		}
	}
}

// usb makes the connection for devices.
func (p *peer) usb(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	pc, err := p.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if _, err := pc.CreateDataChannel("", nil); err != nil {
		t.Fatal(err)
	}
	other := &peer{PeerConnection: pc}
	resp, body := do(t, http.MethodPost, p.location+"/usb", other.offer(t), map[string]string{"Content-Type": "application/sdp"})
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST = %s: %s; want 201", resp.Status, body)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: body}); err != nil {
		t.Fatal(err)
	}
	return pc
}

func openUSB(t *testing.T, pc *webrtc.PeerConnection, label, protocol string) (closed chan struct{}) {
	t.Helper()
	dc, err := pc.CreateDataChannel(label, &webrtc.DataChannelInit{Protocol: &protocol})
	if err != nil {
		t.Fatal(err)
	}
	closed = make(chan struct{})
	dc.OnClose(func() { close(closed) })
	return closed
}

// A terminal gets no more than it was accepted for: numbers twice, more than
// there is room for, channels that nobody offered.
func TestUSBBounds(t *testing.T) {
	ports := noPorts{make(chan uint32, 32)}
	r := newRig(t, 1, func(c *host.Config) { c.USB = ports })
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	for id := range uint32(17) {
		if err := p.control.Send(wire.AppendUSBOffer(nil, wire.USBOffer{ID: id, Speed: 3, DevID: 1<<16 | 2})); err != nil {
			t.Fatal(err)
		}
		want := wire.MessageUSBAccept
		if id == 16 {
			want = wire.MessageUSBClose
		}
		p.next(t, want)
	}
	if err := p.control.Send(wire.AppendUSBClose(nil, 9)); err != nil {
		t.Fatal(err)
	}
	if err := p.control.Send(wire.AppendUSBOffer(nil, wire.USBOffer{ID: 3})); err != nil {
		t.Fatal(err)
	}
	p.next(t, wire.MessageUSBClose) // it is taken
	pc := p.usb(t)
	for _, label := range []string{wire.USBLabel(9), wire.USBLabel(99), "st.input"} {
		within(t, openUSB(t, pc, label, wire.USBProtocol), label+" to be closed")
	}
	within(t, openUSB(t, pc, wire.USBLabel(1), "tcp"), "a foreign protocol to be closed")
	first := openUSB(t, pc, wire.USBLabel(3), wire.USBProtocol)
	if id := within(t, ports.attached, "device 3"); id != 3 {
		t.Errorf("device %d is attached; want 3", id)
	}
	within(t, openUSB(t, pc, wire.USBLabel(3), wire.USBProtocol), "a second channel of device 3 to be closed")
	if err := p.control.Send(wire.AppendUSBClose(nil, 3)); err != nil {
		t.Fatal(err)
	}
	within(t, first, "device 3 to be unplugged")
	next := p.usb(t) // takes the place of the first
	openUSB(t, next, wire.USBLabel(4), wire.USBProtocol)
	if id := within(t, ports.attached, "device 4"); id != 4 {
		t.Errorf("device %d is attached; want 4", id)
	}
}

// Offers of that connection which are none are refused in words.
func TestUSBOffers(t *testing.T) {
	r := newRig(t, 1, func(c *host.Config) { c.USB = noPorts{} })
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	video := p.LocalDescription().SDP
	for _, c := range []struct {
		name, body, kind string
		status           int
	}{
		{"a session's offer", video, "application/sdp", 400},
		{"no SDP", "hello", "application/sdp", 400},
		{"no section", "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "application/sdp", 400},
		{"another type", "{}", "application/json", 415},
		{"too long", strings.Repeat("a", 65<<10), "application/sdp", 413},
	} {
		resp, body := do(t, http.MethodPost, p.location+"/usb", c.body, map[string]string{"Content-Type": c.kind})
		if resp.StatusCode != c.status || strings.Count(strings.TrimSpace(body), "\n") != 0 || body == "" {
			t.Errorf("%s: %s: %q; want %d and a sentence", c.name, resp.Status, body, c.status)
		}
	}
	silent := newRig(t, 1, nil)
	q := newPeer(t, 1, webrtc.MimeTypeH264)
	q.connect(t, silent.url)
	if resp, body := do(t, http.MethodPost, q.location+"/usb", "", map[string]string{"Content-Type": "application/sdp"}); resp.StatusCode != http.StatusNotImplemented {
		t.Errorf("a host without USB: %s: %s; want 501", resp.Status, body)
	}
}
