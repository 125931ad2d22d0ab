"""GStreamer's webrtcbin as a WHEP player, with the settings that it has by itself.

usage: gstplayer.py URL

Prints a line of JSON twice a second: pictures decoded, and what the jitter
buffer and the repair stream counted.
"""
import json
import signal
import sys
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
endpoint = sys.argv[1]
pipe = Gst.Pipeline.new("player")
web = Gst.ElementFactory.make("webrtcbin")
web.set_property("bundle-policy", "max-bundle")
pipe.add(web)
caps = Gst.Caps.from_string(
    "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,"
    "packetization-mode=(string)1,profile-level-id=(string)42e01f,"
    "rtcp-fb-nack=true,rtcp-fb-nack-pli=true,rtcp-fb-ccm-fir=true")
transceiver = web.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, caps)
transceiver.set_property("do-nack", True)
figures = {"frames": 0, "lost": 0, "rtx_asked": 0, "rtx_good": 0}
buffers = []
loop = GLib.MainLoop()


def decoded(*_):
    figures["frames"] += 1
    return Gst.PadProbeReturn.OK


def added(_web, pad):
    sink = Gst.parse_bin_from_description(
        "rtph264depay request-keyframe=true wait-for-keyframe=true ! avdec_h264 ! fakesink name=end sync=false", True)
    pipe.add(sink)
    sink.sync_state_with_parent()
    sink.get_by_name("end").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, decoded)
    if pad.link(sink.get_static_pad("sink")) != Gst.PadLinkReturn.OK:
        print("the track cannot be linked", file=sys.stderr)
        loop.quit()


def element_added(_bin, _sub, element):
    factory = element.get_factory()
    if factory and factory.get_name() == "rtpjitterbuffer":
        buffers.append(element)


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
    request = urllib.request.Request(endpoint, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=20) as response:
        answer = response.read()
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


web.connect("pad-added", added)
pipe.connect("deep-element-added", element_added)
web.connect("notify::ice-gathering-state", gathering)
pipe.set_state(Gst.State.PLAYING)
web.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))
for number in (signal.SIGINT, signal.SIGTERM):
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
GLib.timeout_add(500, report)
loop.run()
pipe.set_state(Gst.State.NULL)
