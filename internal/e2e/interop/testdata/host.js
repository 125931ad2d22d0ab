// A browser as a WHEP host: it sends a moving canvas as H.264 and a tone, and
// answers one offer after another.

const canvas = document.createElement('canvas');
canvas.width = 640;
canvas.height = 360;
const paper = canvas.getContext('2d');
let drawn = 0;

function draw() {
  paper.fillStyle = '#204060';
  paper.fillRect(0, 0, 640, 360);
  for (let i = 0; i < 40; i++) { // enough detail for several packets a picture
    paper.fillStyle = `hsl(${(drawn * 3 + i * 9) % 360} 80% 60%)`;
    paper.fillRect((i * 97 + drawn * 4) % 640, (i * 53) % 360, 60, 40);
  }
  paper.fillStyle = 'white';
  paper.font = '48px sans-serif';
  paper.fillText(`frame ${drawn++}`, 40, 80);
}
setInterval(draw, 1000 / 30);

let pc;

async function gathered() {
  while (pc.iceGatheringState !== 'complete') {
    await new Promise((resolve) => pc.addEventListener('icegatheringstatechange', resolve, { once: true }));
  }
}

globalThis.answer = async (offer) => {
  pc?.close();
  pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  await pc.setRemoteDescription({ type: 'offer', sdp: offer });
  const sound = new AudioContext();
  const tone = sound.createOscillator();
  const out = sound.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  const tracks = { video: canvas.captureStream(30).getVideoTracks()[0], audio: out.stream.getAudioTracks()[0] };
  tracks.video.contentHint = 'detail';
  for (const t of pc.getTransceivers()) {
    const track = tracks[t.receiver.track.kind];
    if (!track) continue;
    t.direction = 'sendonly';
    await t.sender.replaceTrack(track);
    delete tracks[t.receiver.track.kind];
  }
  await pc.setLocalDescription(await pc.createAnswer());
  await gathered();
  return pc.localDescription.sdp;
};

globalThis.counts = async () => {
  const stats = [...(await pc.getStats()).values()];
  const video = stats.find((s) => s.type === 'outbound-rtp' && s.kind === 'video') ?? {};
  const remote = stats.find((s) => s.type === 'remote-inbound-rtp' && s.kind === 'video') ?? {};
  return {
    frames: video.framesSent ?? 0, keyframes: video.keyFramesEncoded ?? 0, nacks: video.nackCount ?? 0, plis: video.pliCount ?? 0,
    rtx: video.retransmittedPacketsSent ?? 0, packets: video.packetsSent ?? 0, encoder: video.encoderImplementation ?? '',
    rtt: remote.roundTripTime ?? 0, reported: remote.packetsLost ?? 0,
    bandwidth: stats.find((s) => s.type === 'candidate-pair' && s.nominated)?.availableOutgoingBitrate ?? 0,
  };
};
