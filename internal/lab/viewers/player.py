"""GStreamer's webrtcbin as a WHEP viewer, told to be as quick as it can be.

usage: player.py URL LATENCY_MS [NAME=VALUE of the RTP session ...]

It shows the pictures in a window at the upper left corner without waiting for
their presentation time, and ends with SIGINT or SIGTERM.
"""
import signal
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
url, latency = sys.argv[1], int(sys.argv[2])
settings = [s.split("=", 1) for s in sys.argv[3:]]

pipe = Gst.Pipeline.new("player")
web = Gst.ElementFactory.make("webrtcbin")
web.set_property("bundle-policy", "max-bundle")
web.set_property("latency", latency)
pipe.add(web)
# Without this it finds no way to hosts on this machine.
agent = web.get_property("ice-agent")
agent.emit("add-local-ip-address", "127.0.0.1")

# The H.264 profile that every host can send, with repairs by RTX.
caps = Gst.Caps.from_string(
    "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,packetization-mode=(string)1,"
    "profile-level-id=(string)42e034,rtcp-fb-nack=true,rtcp-fb-nack-pli=true,rtcp-fb-transport-cc=true,"
    "extmap-3=http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)
video = web.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
video.set_property("do-nack", True)


def tune(_bin, _sub, element):
    """Settings of the RTP sessions inside webrtcbin."""
    factory = element.get_factory()
    if factory is None:
        return
    if factory.get_name() == "rtpsession":
        internal = element.get_property("internal-session")
        for name, value in settings:
            internal.set_property(name, int(value))


pipe.connect("deep-element-added", tune)


def show(_web, pad):
    if pad.get_direction() != Gst.PadDirection.SRC:
        return
    name = pad.get_current_caps().get_structure(0).get_string("encoding-name")
    if name != "H264":
        return
    sink = Gst.parse_bin_from_description(
        "rtph264depay request-keyframe=true wait-for-keyframe=true ! h264parse ! avdec_h264 max-threads=1 ! "
        "videoconvert ! ximagesink sync=false", True)
    pipe.add(sink)
    sink.sync_state_with_parent()
    pad.link(sink.get_static_pad("sink"))


web.connect("pad-added", show)


def post(_web=None, _state=None):
    if web.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        return
    sdp = web.get_property("local-description").sdp.as_text()
    request = urllib.request.Request(url, sdp.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = response.read()
    _, message = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(answer, message)
    description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
    web.emit("set-remote-description", description, Gst.Promise.new())


def offered(promise):
    promise.wait()
    reply = promise.get_reply()
    web.emit("set-local-description", reply["offer"], Gst.Promise.new())


web.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(lambda: post() and False))
pipe.set_state(Gst.State.PLAYING)
web.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))

loop = GLib.MainLoop()
for number in (signal.SIGINT, signal.SIGTERM):
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)


def ended(_bus, message):
    if message.type == Gst.MessageType.ERROR:
        error, detail = message.parse_error()
        print(f"player: {error.message} ({detail})", file=sys.stderr)
        loop.quit()


bus = pipe.get_bus()
bus.add_signal_watch()
bus.connect("message", ended)
loop.run()
pipe.set_state(Gst.State.NULL)
