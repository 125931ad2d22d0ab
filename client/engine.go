package client

import (
	"fmt"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Payload types of our offer. An answerer uses the offerer's numbers, so the
// payload type alone names the codec of a packet.
const (
	ptH264 = 102 // High, level 5.2; the first of three H.264 profiles
	ptHEVC = 116
	ptFEC  = 118
	ptOpus = 111
	ptRED  = 63 // Opus with copies of earlier packets (RFC 2198)
)

// extPlayoutDelay is the extension in which a host says how long it wants
// pictures held; it is told in figures, nothing is held.
const extPlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// h264Profiles are offered best first: High, Main, Constrained Baseline, all
// level 5.2 so that no strict sender caps 1080p144 (1,175,040 macroblocks/s).
var h264Profiles = [...]string{"640034", "4d0034", "42e034"}

// isH264, isRTX: what a payload type of ours means.
func codecOf(pt uint8) (c media.Codec, rtx, ok bool) {
	switch {
	case pt >= ptH264 && pt < ptH264+2*uint8(len(h264Profiles)):
		return media.CodecH264, (pt-ptH264)%2 == 1, true
	case pt == ptHEVC, pt == ptHEVC+1:
		return media.CodecHEVC, pt == ptHEVC+1, true
	}
	return 0, false, false
}

// newAPI builds pion for one session: exact codec lists, no interceptors
// (client/receive does their work), big sockets, short timers.
func newAPI(codecs []media.Codec, network peer.Config, tap *tap) (*webrtc.API, error) {
	me := &webrtc.MediaEngine{}
	if err := registerCodecs(me, codecs); err != nil {
		return nil, err
	}
	if err := registerExtensions(me); err != nil {
		return nil, err
	}
	se, err := peer.Settings(network)
	if err != nil {
		return nil, err
	}
	// Hosts without RTX repeat packets under their old number.
	se.SetSRTPReplayProtectionWindow(8192)
	se.SetFireOnTrackBeforeFirstRTP(true)
	se.BufferFactory = tap.buffer
	return peer.API(me, se), nil
}

// registerCodecs adds the wanted codecs in the order of preference, each with
// its retransmission format (RFC 4588).
func registerCodecs(me *webrtc.MediaEngine, codecs []media.Codec) error {
	video := func(mime, fmtp string, pt webrtc.PayloadType) error {
		p := webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: 90000, SDPFmtpLine: fmtp, RTCPFeedback: peer.VideoFeedback()},
			PayloadType:        pt,
		}
		if err := me.RegisterCodec(p, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
		rtx := webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprintf("apt=%d", pt)},
			PayloadType:        pt + 1,
		}
		return me.RegisterCodec(rtx, webrtc.RTPCodecTypeVideo)
	}
	for _, c := range codecs {
		var err error
		switch c {
		case media.CodecHEVC:
			// Main profile, level 5.1: 4K60 and 1080p144 are inside it.
			err = video(webrtc.MimeTypeH265, "profile-id=1;tier-flag=0;level-id=153;tx-mode=SRST", ptHEVC)
		case media.CodecH264:
			for i, profile := range h264Profiles {
				fmtp := "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile
				if err = video(webrtc.MimeTypeH264, fmtp, webrtc.PayloadType(ptH264+2*i)); err != nil {
					break
				}
			}
		}
		if err != nil {
			return fmt.Errorf("register %v: %w", c, err)
		}
	}
	// Ten seconds is what Chromium says; we use repair packets as they come.
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeFlexFEC03, ClockRate: 90000, SDPFmtpLine: "repair-window=10000000",
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}, {Type: "goog-remb"}},
		},
		PayloadType: ptFEC,
	}, webrtc.RTPCodecTypeVideo); err != nil {
		return fmt.Errorf("register FlexFEC: %w", err)
	}
	return registerSound(me)
}

// registerSound adds Opus, plain and with copies of earlier packets.
func registerSound(me *webrtc.MediaEngine) error {
	feedback := []webrtc.RTCPFeedback{{Type: "transport-cc"}}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
			SDPFmtpLine:  "minptime=5;useinbandfec=1;stereo=1;sprop-stereo=1",
			RTCPFeedback: feedback,
		},
		PayloadType: ptOpus,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return fmt.Errorf("register Opus: %w", err)
	}
	if err := me.RegisterCodec(webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: wire.MimeRED, ClockRate: 48000, Channels: 2,
			SDPFmtpLine: fmt.Sprintf("%d/%d", ptOpus, ptOpus), RTCPFeedback: feedback,
		},
		PayloadType: ptRED,
	}, webrtc.RTPCodecTypeAudio); err != nil {
		return fmt.Errorf("register redundant sound: %w", err)
	}
	return nil
}

func registerExtensions(me *webrtc.MediaEngine) error {
	for _, uri := range []string{"urn:ietf:params:rtp-hdrext:sdes:mid", wire.ExtTWCC, wire.ExtAbsCaptureTime, wire.ExtFrameTiming, extPlayoutDelay} {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
			if kind == webrtc.RTPCodecTypeAudio && (uri == wire.ExtFrameTiming || uri == extPlayoutDelay) {
				continue
			}
			if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return fmt.Errorf("register header extension %s: %w", uri, err)
			}
		}
	}
	return nil
}
