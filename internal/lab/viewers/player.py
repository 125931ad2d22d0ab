"""GStreamer's webrtcbin as a WHEP viewer.

usage: player.py URL [--window] [--figures] [--session NAME=VALUE] ...

--window shows the pictures in a window at the upper left corner, each as soon
as it is decoded; without it they are decoded only. --figures prints a line of
JSON twice a second: pictures decoded, and what the jitter buffer and the repair
stream counted. --session sets a property of webrtcbin's RTP session; without it
everything is as GStreamer has it by itself.

It ends with SIGINT or SIGTERM.
"""
import argparse
import json
import signal
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--window", action="store_true")
parser.add_argument("--figures", action="store_true")
parser.add_argument("--session", action="append", default=[])
options = parser.parse_args()
settings = [s.split("=", 1) for s in options.session]

Gst.init(None)
loop = GLib.MainLoop()
pipe = Gst.Pipeline.new("player")
web = Gst.ElementFactory.make("webrtcbin")
web.set_property("bundle-policy", "max-bundle")
pipe.add(web)
# Without this it finds no way to hosts on this machine. The agent is kept: what
# Python forgets here webrtcbin would lose.
agent = web.get_property("ice-agent")
agent.emit("add-local-ip-address", "127.0.0.1")

# The H.264 profile that every host can send, with repairs by RTX.
caps = Gst.Caps.from_string(
    "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,packetization-mode=(string)1,"
    "profile-level-id=(string)42e034,rtcp-fb-nack=true,rtcp-fb-nack-pli=true,rtcp-fb-ccm-fir=true,rtcp-fb-transport-cc=true,"
    "extmap-3=http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)
video = web.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
video.set_property("do-nack", True)

figures = {"frames": 0, "lost": 0, "rtx_asked": 0, "rtx_good": 0}
buffers = []


def fail(text):
    print(f"player: {text}", file=sys.stderr)
    loop.quit()


def element_added(_bin, _sub, element):
    """Settings of the RTP sessions inside webrtcbin, and where they count."""
    factory = element.get_factory()
    if factory is None:
        return
    if factory.get_name() == "rtpsession":
        session = element.get_property("internal-session")
        for name, value in settings:
            session.set_property(name, int(value))
    if factory.get_name() == "rtpjitterbuffer":
        buffers.append(element)


def decoded(*_):
    figures["frames"] += 1
    return Gst.PadProbeReturn.OK


def pad_added(_web, pad):
    if pad.get_direction() != Gst.PadDirection.SRC:
        return
    # The window has one size; the host sends smaller pictures where the path is slow.
    window = "videoconvert ! videoscale ! video/x-raw,width=1280,height=720 ! ximagesink sync=false"
    end = window if options.window else "fakesink sync=false"
    sink = Gst.parse_bin_from_description(
        "rtph264depay request-keyframe=true wait-for-keyframe=true ! h264parse ! avdec_h264 name=decoder max-threads=1 ! " + end, True)
    pipe.add(sink)
    sink.sync_state_with_parent()
    sink.get_by_name("decoder").get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, decoded)
    if pad.link(sink.get_static_pad("sink")) != Gst.PadLinkReturn.OK:
        fail("the track cannot be linked")


def report():
    for b in buffers:
        stats = b.get_property("stats")
        for name, key in (("num-lost", "lost"), ("rtx-count", "rtx_asked"), ("rtx-success-count", "rtx_good")):
            figures[key] = stats.get_value(name)
    print(json.dumps(figures), flush=True)
    return True


def exchange():
    """Sends the complete offer and takes the answer."""
    offer = web.get_property("local-description").sdp.as_text()
    request = urllib.request.Request(options.url, offer.encode(), {"Content-Type": "application/sdp"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = response.read()
    except OSError as error:
        fail(f"ask {options.url}: {error}")
        return False
    _, message = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(answer, message)
    description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
    web.emit("set-remote-description", description, Gst.Promise.new())
    return False


def gathering(*_):
    if web.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
        GLib.idle_add(exchange)


def offered(promise):
    promise.wait()
    reply = promise.get_reply()  # belongs to the promise
    web.emit("set-local-description", reply["offer"], Gst.Promise.new())


def message_came(_bus, message):
    if message.type == Gst.MessageType.ERROR:
        error, detail = message.parse_error()
        fail(f"{error.message} ({detail})")


web.connect("pad-added", pad_added)
pipe.connect("deep-element-added", element_added)
web.connect("notify::ice-gathering-state", gathering)
bus = pipe.get_bus()
bus.add_signal_watch()
bus.connect("message", message_came)
pipe.set_state(Gst.State.PLAYING)
web.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))
for number in (signal.SIGINT, signal.SIGTERM):
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
if options.figures:
    GLib.timeout_add(500, report)
loop.run()
pipe.set_state(Gst.State.NULL)
