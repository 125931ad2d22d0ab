"""GStreamer's webrtcbin as a WHEP host of one moving picture and a tone.

usage: gsthost.py H264|H265

Prints "listening url=..." and serves one session after another; GET /figures
tells what webrtcbin and the encoder of the newest session counted. No header
extensions are negotiated.
"""
import json
import random
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

Gst.init(None)
codec = sys.argv[1]
encoders = {
    # Keyframes come when they are asked for, and else every ten minutes.
    "H264": "x264enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max=36000 ! "
            "video/x-h264,profile=constrained-baseline ! rtph264pay name=pay config-interval=-1 aggregate-mode=zero-latency",
    "H265": "x265enc name=encoder tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max=36000 ! "
            "rtph265pay name=pay config-interval=-1 aggregate-mode=zero-latency",
}


class Session:
    """One pipeline that answers one offer."""

    def __init__(self, offer):
        self.keyframes = self.frames = 0
        _, self.message = GstSdp.SDPMessage.new()
        if GstSdp.sdp_message_parse_buffer(offer, self.message) != GstSdp.SDPResult.OK:
            raise ValueError("the offer is not SDP")
        video, ssrc = self.payload("video", codec), random.getrandbits(32)
        self.pipe = Gst.parse_launch(
            "webrtcbin name=web bundle-policy=max-bundle "
            "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! "
            f"timeoverlay ! {encoders[codec]} pt={video} ssrc={ssrc} mtu=1200 ! "
            # Without profile and level, which the offer has others of: they bind nobody.
            f"capssetter replace=true caps=application/x-rtp,media=video,clock-rate=90000,encoding-name={codec},payload={video},ssrc=(uint){ssrc} ! web.")
        self.web = self.pipe.get_by_name("web")
        source = self.pipe.get_by_name("encoder").get_static_pad("src")
        source.add_probe(Gst.PadProbeType.BUFFER, self.coded)
        trans = self.web.emit("get-transceiver", 0)
        trans.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        trans.set_property("do-nack", True)
        self.gathered = threading.Event()
        self.web.connect("notify::ice-gathering-state", self.gathering)

    def payload(self, media, name):
        """The number of the first format of that name in the offer."""
        for i in range(self.message.medias_len()):
            m = self.message.get_media(i)
            for j in range(m.attributes_len()) if m.get_media() == media else ():
                a = m.get_attribute(j)
                if a.key == "rtpmap" and a.value.split()[1].upper().startswith(name + "/"):
                    return int(a.value.split()[0])
        raise ValueError(f"the offer has no {name}")

    def coded(self, _pad, info):
        self.frames += 1
        if not info.get_buffer().has_flags(Gst.BufferFlags.DELTA_UNIT):
            self.keyframes += 1
        return Gst.PadProbeReturn.OK

    def gathering(self, *_):
        if self.web.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.gathered.set()

    def do(self, name, *args):
        promise = Gst.Promise.new()
        self.web.emit(name, *args, promise)
        promise.wait()
        self.promise = promise  # the reply belongs to it
        return promise.get_reply()

    def answer(self):
        self.pipe.set_state(Gst.State.PLAYING)
        self.pipe.get_state(5 * Gst.SECOND)
        offer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, self.message)
        self.do("set-remote-description", offer)
        reply = self.do("create-answer", None)
        if not reply or not reply.has_field("answer"):
            raise ValueError(f"webrtcbin does not answer: {reply.to_string() if reply else 'nothing'}")
        self.do("set-local-description", reply["answer"])
        self.gathered.wait(5)
        return self.web.get_property("local-description").sdp.as_text()

    def figures(self):
        out = {"frames": self.frames, "keyframes": self.keyframes, "rtx": 0, "rtx_requests": 0}
        elements = self.web.iterate_recurse()
        while True:
            result, element = elements.next()
            if result != Gst.IteratorResult.OK:
                break
            if element.get_factory() and element.get_factory().get_name() == "rtprtxsend":
                out["rtx"] += element.get_property("num-rtx-packets")
                out["rtx_requests"] += element.get_property("num-rtx-requests")
        return out

    def close(self):
        self.pipe.set_state(Gst.State.NULL)


class Handler(BaseHTTPRequestHandler):
    current = None
    lock = threading.Lock()

    def reply(self, status, kind="text/plain", body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"]))
        with Handler.lock:
            try:
                if Handler.current:
                    Handler.current.close()
                Handler.current = Session(offer)
                answer = Handler.current.answer()
            except Exception as e:  # noqa: BLE001
                print(f"no answer: {e}\n{offer.decode()}", file=sys.stderr, flush=True)
                self.reply(500, body=str(e).encode())
                return
        self.reply(201, "application/sdp", answer.encode(), Location="/whep/1")

    def do_DELETE(self):
        with Handler.lock:
            if Handler.current:
                Handler.current.close()
                Handler.current = None
        self.reply(200)

    def do_GET(self):
        with Handler.lock:
            figures = Handler.current.figures() if Handler.current else {}
        self.reply(200, "application/json", json.dumps(figures).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening url=http://127.0.0.1:{server.server_port}/whep", file=sys.stderr, flush=True)
server.serve_forever()
