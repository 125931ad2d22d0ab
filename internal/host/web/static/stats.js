// What the browser and our channels measure, as lines for a person and as
// numbers for whoever asks.

const NTP_EPOCH = 2208988800000; // ms from 1900 to 1970
const TICKS = 90; // of RTP a ms

const seconds = (s) => (s === undefined ? undefined : s * 1000);

// Statistics reads a session's figures; differences are since the last read.
export class Statistics {
  constructor() { this.before = new Map(); }

  // read returns {screens: [...], sound, path}.
  async read(session, screens) {
    const report = await session.pc.getStats();
    const by = (type) => [...report.values()].filter((s) => s.type === type);
    const videos = by('inbound-rtp').filter((s) => s.kind === 'video').sort((a, b) => Number(a.mid) - Number(b.mid));
    const codecs = new Map(by('codec').map((c) => [c.id, c.mimeType.replace('video/', '')]));
    const result = {
      screens: videos.map((v, i) => ({ ...this.video(v, codecs.get(v.codecId)), latencyMS: latency(session, screens[i], i) })),
      sound: by('inbound-rtp').filter((s) => s.kind === 'audio').map((a) => this.audio(a))[0],
      path: path(by('transport')[0], report),
    };
    result.path.controlRTT = session.control.clock.rtt;
    result.path.inputRTT = session.sender.rtt / 1000;
    return result;
  }

  // since returns how much a counter grew since the last read.
  since(stat, name) {
    const id = `${stat.id}/${name}`;
    const now = stat[name] ?? 0;
    const before = this.before.get(id) ?? now;
    this.before.set(id, now);
    return Math.max(now - before, 0);
  }

  video(v, codec) {
    const interval = this.since(v, 'timestamp') / 1000 || 1;
    const decoded = this.since(v, 'framesDecoded');
    const emitted = this.since(v, 'jitterBufferEmittedCount');
    const received = this.since(v, 'packetsReceived');
    const lost = this.since(v, 'packetsLost');
    const mean = (name, n) => (n > 0 ? seconds(this.since(v, name) / n) : (this.since(v, name), undefined));
    return {
      width: v.frameWidth, height: v.frameHeight, codec, decoder: v.decoderImplementation, hardware: v.powerEfficientDecoder,
      fps: v.framesPerSecond ?? 0, bps: (this.since(v, 'bytesReceived') * 8) / interval,
      decodeMS: mean('totalDecodeTime', decoded), bufferMS: mean('jitterBufferDelay', emitted),
      assemblyMS: mean('totalAssemblyTime', decoded), processingMS: mean('totalProcessingDelay', decoded),
      jitterMS: seconds(v.jitter), lossPercent: received + lost > 0 ? (100 * lost) / (received + lost) : 0,
      packets: v.packetsReceived, lost: v.packetsLost, nacks: v.nackCount, repaired: v.retransmittedPacketsReceived,
      plis: v.pliCount, decoded: v.framesDecoded, dropped: v.framesDropped, keyframes: v.keyFramesDecoded,
      freezes: v.freezeCount, freezeMS: seconds(v.totalFreezesDuration),
    };
  }

  audio(a) {
    const emitted = this.since(a, 'jitterBufferEmittedCount');
    const delay = this.since(a, 'jitterBufferDelay');
    return {
      packets: a.packetsReceived, lost: a.packetsLost, bufferMS: emitted > 0 ? seconds(delay / emitted) : undefined,
      samples: a.totalSamplesReceived, concealed: a.concealedSamples, silent: a.silentConcealedSamples, energy: a.totalAudioEnergy,
    };
  }
}

// latency is how long ago the newest picture on the screen was taken, by the
// host's clock; undefined where the host or the browser does not tell.
function latency(session, screen, i) {
  const { clock } = session.control;
  const receiver = session.pc.getReceivers().filter((r) => r.track.kind === 'video')[i];
  const source = receiver?.getSynchronizationSources()[0];
  if (!screen?.newest?.rtp || !source?.captureTimestamp || !clock.rtt) return undefined;
  const captured = source.captureTimestamp - NTP_EPOCH + ((screen.newest.rtp - source.rtpTimestamp) | 0) / TICKS;
  return performance.timeOrigin + screen.newest.display + clock.offset - captured;
}

function path(transport, report) {
  const pair = transport && report.get(transport.selectedCandidatePairId);
  if (!pair) return {};
  const [local, remote] = [report.get(pair.localCandidateId), report.get(pair.remoteCandidateId)];
  return {
    rtt: seconds(pair.currentRoundTripTime),
    kind: [local?.candidateType, remote?.candidateType].includes('relay') ? 'relay' : 'direct',
    protocol: local?.relayProtocol ?? local?.protocol, remote: remote?.address,
  };
}

const ms = (v, digits = 1) => (v === undefined || Number.isNaN(v) ? '–' : `${v.toFixed(digits)} ms`);

// rows turns figures into [name, value] pairs.
export function rows(figures, hostName) {
  const out = [['host', hostName || '–']];
  const { path: p, sound: a } = figures;
  out.push(['path', `${p.kind ?? '–'}${p.protocol ? `, ${p.protocol}` : ''}${p.remote ? `, ${p.remote}` : ''}`]);
  out.push(['round trip', `network ${ms(p.rtt)}, control ${ms(p.controlRTT || undefined)}, input ${ms(p.inputRTT || undefined)}`]);
  figures.screens.forEach((s, i) => {
    if (!s.width) return;
    const name = figures.screens.length > 1 ? `screen ${i + 1}` : 'picture';
    out.push([name, `${s.width}×${s.height} ${s.codec ?? ''}, ${s.fps.toFixed(0)} a second, ${(s.bps / 1e6).toFixed(1)} Mb/s`]);
    if (s.latencyMS) out.push(['latency', `${ms(s.latencyMS)} capture to screen`]);
    out.push(['of it', `assembly ${ms(s.assemblyMS)}, buffer ${ms(s.bufferMS)}, decoding ${ms(s.decodeMS)}`]);
    out.push(['network', `${s.lossPercent.toFixed(1)} % lost, jitter ${ms(s.jitterMS)}, ${s.nacks ?? 0} asked for, ${s.repaired ?? 0} repair packets`]);
    out.push(['frames', `${s.dropped ?? 0} dropped, ${s.freezes ?? 0} freezes (${ms(s.freezeMS ?? 0, 0)}), ${s.plis ?? 0} keyframes asked for`]);
    if (s.decoder) out.push(['decoder', `${s.decoder}${s.hardware ? ', hardware' : ''}`]);
  });
  if (a) out.push(['sound', `buffer ${ms(a.bufferMS)}, ${a.lost ?? 0} lost, ${concealed(a)} concealed`]);
  return out;
}

const concealed = (a) => (a.samples > 0 ? `${((100 * (a.concealed - a.silent)) / a.samples).toFixed(1)} %` : '–');
