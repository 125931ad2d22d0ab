package client_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// syntheticHost, in the environment, makes the test binary a host: what it
// sends is "fps bit/s".
const syntheticHost = "CLIENT_SYNTHETIC_HOST"

// TestSyntheticHost is no test but the child process of
// BenchmarkReceive50Mbps: a host that sends pictures nobody could decode, in
// bursts a millisecond apart. It ends with its standard input.
func TestSyntheticHost(t *testing.T) {
	var fps, bps int
	if _, err := fmt.Sscan(os.Getenv(syntheticHost), &fps, &bps); err != nil {
		t.Skip("the child process of a benchmark")
	}
	fmt.Println("url", newSynthetic(t, fps, bps).url)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0) // no goroutine of the connection is waited for
}

type synthetic struct {
	url        string
	rtcp       chan []rtcp.Packet // what the terminal says, dropped when full
	pc         *webrtc.PeerConnection
	ended      chan struct{}
	fps, frame int // bytes of a picture
	twcc       uint8
	number     uint16
	packet     rtp.Packet
	time       uint32
}

func newSynthetic(t *testing.T, fps, bps int) *synthetic {
	h := &synthetic{fps: fps, frame: bps / 8 / fps, rtcp: make(chan []rtcp.Packet, 64), ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whep", func(w http.ResponseWriter, r *http.Request) {
		if err := h.answer(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("DELETE /whep/{id}", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(mux)
	h.url = srv.URL + "/whep"
	t.Cleanup(func() {
		srv.Close()
		close(h.ended)
		if h.pc != nil {
			_ = h.pc.Close()
		}
	})
	return h
}

// listen keeps what the terminal says until the connection ends.
func (h *synthetic) listen(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		select {
		case h.rtcp <- packets:
		default:
		}
	}
}

var twccExtension = regexp.MustCompile(`a=extmap:(\d+) ` + regexp.QuoteMeta(wire.ExtTWCC))

func (h *synthetic) answer(w http.ResponseWriter, r *http.Request) error {
	offer, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if m := twccExtension.FindSubmatch(offer); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		h.twcc = uint8(n)
	}
	me := &webrtc.MediaEngine{}
	capability := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640034",
	}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 102}, webrtc.RTPCodecTypeVideo); err != nil {
		return err
	}
	if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: wire.ExtTWCC}, webrtc.RTPCodecTypeVideo); err != nil {
		return err
	}
	se, err := peer.Settings(peer.Config{Loopback: true})
	if err != nil {
		return err
	}
	pc, err := peer.API(me, se).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	track, err := webrtc.NewTrackLocalStaticRTP(capability, "video", "screen")
	if err != nil {
		return err
	}
	sender, err := pc.AddTrack(track)
	if err != nil {
		return err
	}
	h.pc = pc
	go h.listen(sender)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			go h.send(track)
		}
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		return err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Location", "/whep/1")
	w.WriteHeader(http.StatusCreated)
	_, err = io.WriteString(w, pc.LocalDescription().SDP)
	return err
}

// send sends pictures to the end, the first a keyframe.
func (h *synthetic) send(track *webrtc.TrackLocalStaticRTP) {
	h.packet.Header = rtp.Header{Version: 2}
	sets := []byte{24, 0, 22} // as x264 makes them
	sets = append(sets, 0x67, 0x64, 0, 0x0a, 0xac, 0xb4, 0x31, 0xb6, 0x20, 0, 0, 3, 0, 0x20, 0, 0, 0x07, 0x91, 0xe2, 0x44, 0xd4, 0)
	sets = append(sets, 0, 6, 0x68, 0xef, 0x0f, 0x2c, 0x8b, 0x80)
	h.write(track, sets, false)
	h.picture(track, 5, 2000)
	interval := time.Second / time.Duration(h.fps)
	for due := time.Now(); ; due = due.Add(interval) {
		select {
		case <-time.After(time.Until(due)):
		case <-h.ended:
			return
		}
		h.time += uint32(90000 / h.fps)
		h.picture(track, 1, h.frame)
	}
}

// picture sends a slice of size bytes as FU-A, spread over half an interval.
func (h *synthetic) picture(track *webrtc.TrackLocalStaticRTP, kind byte, size int) {
	const piece = 1180
	count := (size + piece - 1) / piece
	bursts := max(int(time.Second/time.Duration(h.fps)/2/time.Millisecond), 1)
	each := max((count+bursts-1)/bursts, 16)
	payload := make([]byte, 2+piece)
	copy(payload[2:], []byte{0x9a, 0x26, 0x21, 0x2f}) // a slice header
	begin := time.Now()
	for i := range count {
		payload[0], payload[1] = 0x60|28, kind
		if i == 0 {
			payload[1] |= 0x80
		}
		if i == count-1 {
			payload[1] |= 0x40
		}
		h.write(track, payload, i == count-1)
		if i%each == each-1 {
			time.Sleep(time.Until(begin.Add(time.Duration((i+1)/each) * time.Millisecond)))
		}
	}
}

func (h *synthetic) write(track *webrtc.TrackLocalStaticRTP, payload []byte, marker bool) {
	p := &h.packet
	p.SequenceNumber++
	p.Timestamp, p.Marker, p.Payload = h.time, marker, payload
	if h.twcc != 0 {
		_ = p.SetExtension(h.twcc, binary.BigEndian.AppendUint16(nil, h.number)) // two bytes always fit
		h.number++
	}
	_ = track.WriteRTP(p) // a receiver that has gone ends the process, not this
}

// BenchmarkReceive50Mbps runs a session over loopback against a host in another
// process and takes its pictures without decoding them. One operation is a
// second of the stream. cpu_pct is what this process used of one core, allocs
// and lost packets are counted over the same time; of the allocations those of
// "idle" are the session's own (checks of the path, feedback), which no packet
// adds to.
func BenchmarkReceive50Mbps(b *testing.B) {
	b.Run("1080p144", func(b *testing.B) { benchmarkSession(b, 144, 50_000_000) })
	b.Run("4K30", func(b *testing.B) { benchmarkSession(b, 30, 40_000_000) })
	b.Run("idle", func(b *testing.B) { benchmarkSession(b, 30, 300_000) }) // what a session costs by itself
}

func benchmarkSession(b *testing.B, fps, bps int) {
	url := startSynthetic(b, fps, bps)
	first := make(chan struct{}, 1)
	s, err := client.New(client.Config{
		URL: url, Screens: 1, Codecs: []media.Codec{media.CodecH264}, Name: "bench",
		OnAccessUnit: func(au *media.AccessUnit) {
			au.Release()
			select {
			case first <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	defer func() {
		stop()
		<-ended
	}()
	select {
	case <-first:
	case err := <-ended:
		ended <- err
		b.Fatalf("Run = %v", err)
	}
	time.Sleep(500 * time.Millisecond) // buffers grow to the size of pictures, which is not measured

	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	before, cpu0, begin := s.Stats(), cpu(b), time.Now()
	b.ResetTimer()
	time.Sleep(time.Duration(b.N) * time.Second) // the stream is what is measured
	b.StopTimer()
	after, cpu1, lasted := s.Stats(), cpu(b), time.Since(begin)
	runtime.ReadMemStats(&m1)

	packets := float64(after.Transport.Packets - before.Transport.Packets)
	lost := after.Transport.Lost - before.Transport.Lost
	frames := after.Screens[0].Frames - before.Screens[0].Frames
	b.ReportMetric(100*(cpu1-cpu0).Seconds()/lasted.Seconds(), "cpu_pct")
	b.ReportMetric(float64(m1.Mallocs-m0.Mallocs)/packets, "allocs/packet")
	b.ReportMetric(float64(m1.Mallocs-m0.Mallocs)/lasted.Seconds(), "allocs/s")
	b.ReportMetric(float64(after.Screens[0].Bytes-before.Screens[0].Bytes)*8/1e6/lasted.Seconds(), "Mb/s")
	b.ReportMetric(float64(frames)/lasted.Seconds(), "fps")
	b.ReportMetric(float64(lost), "lost")
	if lost != 0 || after.Screens[0].LostBy != before.Screens[0].LostBy {
		b.Errorf("%d packets lost, frames lost %v; want none", lost, after.Screens[0].LostBy)
	}
}

func cpu(b *testing.B) time.Duration {
	p, err := metric.Self()
	if err != nil {
		b.Fatal(err)
	}
	return p.CPU
}

// startSynthetic starts the child process and returns its endpoint.
func startSynthetic(b *testing.B, fps, bps int) string {
	child := exec.Command(os.Args[0], "-test.run=^TestSyntheticHost$")
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", syntheticHost, fps, bps))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = child.Wait()
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		if url, ok := strings.CutPrefix(s.Text(), "url "); ok {
			return url
		}
	}
	b.Fatal("the child process said no address")
	return ""
}
