// One session with the host: the WHEP exchange, the peer connection, its
// tracks and channels. It shows nothing and decides nothing about trying
// again: how it ends says whether that makes sense.

import { Control } from './control.js';
import { FRAGMENT, fragment, servers, withPath } from './path.js';
import { BYE, CONTROL, INPUT } from './wire.js';

const ENDPOINT = '/whep';
const GATHER = 2000; // ms
const ANSWER = 15000;
const CONNECT = 12000;
const SILENCE = 6000; // while the host cannot even be asked
const LOST = 30000;
const PATCH = 2000;
const SEARCH = 1000; // before relays that the first search did not know are tried
const REPORTS = 600; // a host that is there says something sooner
const CAPTURE_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';

// Ending is how a session ends: a sentence, whether to try again, after how
// many seconds at least, and whether a token is asked for.
export class Ending extends Error {
  constructor(sentence, { again = false, after = 0, token = false } = {}) {
    super(sentence);
    Object.assign(this, { again, after, token });
  }
}

export class Session {
  // wishes: token, screens, maxBps. hear: stage(text), track(screen, stream),
  // sound(stream), welcome, screen, shape, silent(bool), live().
  constructor(wishes, hear, sender) {
    Object.assign(this, { wishes, hear, sender });
    this.ended = new Promise((resolve) => { this.resolve = resolve; });
    this.resource = null;
    this.sizes = []; // of the host's screens, the largest seen
    this.hasInput = false;
  }

  // run makes the session and returns its Ending.
  async run() {
    try {
      this.open();
      this.hear.stage('Preparing');
      await this.offer();
      this.hear.stage('Asking the host');
      await this.signal();
      this.hear.stage('Finding the way to the host');
      this.patience = setTimeout(() => this.end(new Ending(
        'no path to the host was found: a firewall may block UDP between here and there', { again: true },
      )), CONNECT);
    } catch (e) {
      this.end(e instanceof Ending ? e : new Ending(`this browser could not open the session: ${e.message}`, { again: false }));
    }
    const ending = await this.ended;
    this.close();
    return ending;
  }

  end(ending) { this.resolve(ending); }

  // leave ends the session because the person wants that.
  leave() { this.end(new Ending('')); }

  open() {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.pc = pc;
    pc.onconnectionstatechange = () => this.connection(pc.connectionState);
    pc.ontrack = (e) => this.track(e);
    for (let i = 0; i < this.wishes.screens; i++) wantCaptureTime(pc.addTransceiver('video', { direction: 'recvonly' }));
    pc.addTransceiver('audio', { direction: 'recvonly' });
    const control = pc.createDataChannel(CONTROL.label, { protocol: CONTROL.protocol, ordered: true });
    const input = pc.createDataChannel(INPUT.label, { protocol: INPUT.protocol, ordered: false, maxRetransmits: 0 });
    control.binaryType = input.binaryType = 'arraybuffer';
    this.control = new Control(control, { screens: this.wishes.screens, codecs: [1, 2], maxBps: this.wishes.maxBps }, {
      welcome: (host, screens) => {
        screens.forEach((s) => this.note(s));
        this.hear.welcome(host, screens);
      },
      screen: (s) => {
        this.note(s);
        this.hear.screen(s);
      },
      shape: (s) => this.hear.shape(s),
      bye: (code, reason) => this.end(farewell(code, reason)),
      broken: (why) => this.end(new Ending(`${why}: update this page or the host`)),
    });
    input.onopen = () => {
      this.hasInput = true;
      this.sender.open(input);
    };
    input.onclose = () => { this.hasInput = false; };
  }

  // note remembers how large a screen is: a picture may be sent smaller.
  note(s) {
    const was = this.sizes[s.index] ?? { width: 0, height: 0 };
    if (s.width * s.height > was.width * was.height) this.sizes[s.index] = s;
  }

  // show tells the host which screens somebody sees; the others are paused.
  show(seen) {
    let x = 0;
    this.control.layout(this.sizes.map((size, index) => {
      const output = {
        index, connected: seen[index] ?? true, primary: index === 0, x, y: 0, width: size.width, height: size.height,
        milliHz: 0, scalePercent: 0, vrrMin: 0, vrrMax: 0,
      };
      x += size.width;
      return output;
    }).filter(Boolean));
  }

  // offer makes our description, complete with all candidates.
  async offer(options) {
    const { pc } = this;
    const offer = await pc.createOffer(options);
    // A browser plays mono unless its offer says stereo (RFC 7587, 6.1).
    offer.sdp = offer.sdp.replace(/^(a=fmtp:\d+ .*useinbandfec=1.*)$/m, '$1;stereo=1');
    await pc.setLocalDescription(offer);
    if (pc.iceGatheringState === 'complete') return;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, GATHER);
      pc.addEventListener('icegatheringstatechange', () => {
        if (pc.iceGatheringState !== 'complete') return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  headers(more = {}) {
    return this.wishes.token ? { ...more, Authorization: `Bearer ${this.wishes.token}` } : more;
  }

  // signal exchanges descriptions with the host.
  async signal() {
    let response;
    try {
      response = await fetch(ENDPOINT, {
        method: 'POST', headers: this.headers({ 'Content-Type': 'application/sdp' }), body: this.pc.localDescription.sdp,
        cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(ANSWER),
      });
    } catch (e) {
      const why = e.name === 'TimeoutError' ? 'the host did not answer in time' : 'the host cannot be reached';
      throw new Ending(why, { again: true });
    }
    if (response.status !== 201) throw await refusal(response);
    this.resource = response.headers.get('Location');
    this.patches = response.headers.get('Accept-Patch')?.toLowerCase().includes(FRAGMENT);
    this.answer = await response.text();
    await this.pc.setRemoteDescription({ type: 'answer', sdp: this.answer });
    const iceServers = servers(response.headers.get('Link'));
    if (iceServers.length > 0) {
      this.pc.setConfiguration({ bundlePolicy: 'max-bundle', iceServers });
      setTimeout(() => { if (!this.wasConnected) this.mend(); }, SEARCH);
    }
    for (const r of this.pc.getReceivers()) {
      if ('jitterBufferTarget' in r) r.jitterBufferTarget = 0;
      if ('playoutDelayHint' in r) r.playoutDelayHint = 0;
    }
  }

  track(e) {
    const video = this.pc.getTransceivers().filter((t) => t.receiver.track.kind === 'video');
    const stream = new MediaStream([e.track]);
    if (e.track.kind === 'audio') this.hear.sound(stream, e.receiver);
    else this.hear.track(video.indexOf(e.transceiver), stream, e.receiver);
  }

  connection(state) {
    switch (state) {
      case 'connected':
        clearTimeout(this.patience);
        this.hear.silent(false);
        if (!this.wasConnected) this.hear.live();
        this.wasConnected = true;
        break;
      case 'disconnected':
      case 'failed':
        if (!this.wasConnected) {
          if (state === 'failed' && !this.mending) this.end(new Ending('no path to the host was found', { again: true }));
          break;
        }
        this.hear.silent(true);
        this.mend();
        break;
      case 'closed':
        this.end(new Ending('the connection to the host was lost', { again: true }));
        break;
    }
  }

  // network is called when this machine has another network, maybe.
  async network() {
    const heard = async () => [...(await this.pc.getStats()).values()].find((s) => s.type === 'transport')?.bytesReceived;
    const before = await heard();
    await pause(REPORTS);
    if (this.wasConnected && (await heard()) === before) this.mend();
  }

  // mend looks for other paths between the same two ends until one carries. The
  // browser keeps what carries of the old one until then.
  async mend() {
    if (this.mending || !this.resource) return;
    this.mending = true;
    const begun = performance.now();
    let asked = begun; // when the host answered last
    let backoff = 250;
    do {
      const now = performance.now();
      if (now - begun > LOST || (navigator.onLine && now - asked > SILENCE)) {
        this.end(new Ending('the connection to the host was lost', { again: true }));
        break;
      }
      try {
        if (this.patches && await this.restart()) asked = performance.now();
      } catch (e) {
        this.end(e instanceof Ending ? e : new Ending(`this browser could not change the path: ${e.message}`, { again: true }));
        break;
      }
      await this.settled(asked > now ? 2 * SEARCH : backoff);
      backoff = Math.min(2 * backoff, 2000);
    } while (!this.over && this.pc.connectionState !== 'connected');
    this.mending = false;
  }

  // settled waits until there is a path, ms at most.
  async settled(ms) {
    const until = performance.now() + ms;
    do await pause(Math.min(ms, 100));
    while (!this.over && this.pc.connectionState !== 'connected' && performance.now() < until);
  }

  // restart makes one attempt at another path (docs/PROTOCOL.md, "Another
  // path"); false: the host could not be asked.
  async restart() {
    const { pc } = this;
    await this.offer({ iceRestart: true });
    let response;
    try {
      response = await fetch(this.resource, {
        method: 'PATCH', headers: this.headers({ 'Content-Type': FRAGMENT, 'If-Match': '*' }), body: fragment(pc.localDescription.sdp),
        cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(PATCH),
      });
    } catch {
      await pc.setLocalDescription({ type: 'rollback' });
      return false;
    }
    switch (response.status) {
      case 200:
        this.restarts = (this.restarts ?? 0) + 1;
        this.answer = withPath(this.answer, await response.text());
        await pc.setRemoteDescription({ type: 'answer', sdp: this.answer });
        return true;
      case 404: case 410:
        throw new Ending('the host has forgotten the session', { again: true });
      case 429: case 500: case 502: case 503: case 504:
        break;
      default:
        this.patches = false;
    }
    await pc.setLocalDescription({ type: 'rollback' });
    return false;
  }

  // close says goodbye and takes everything down.
  close() {
    this.over = true;
    clearTimeout(this.patience);
    this.sender.close();
    this.control?.bye(BYE.normal, '');
    if (this.resource) {
      // keepalive: also when the page goes away.
      fetch(this.resource, { method: 'DELETE', headers: this.headers(), keepalive: true, credentials: 'omit' }).catch(() => {});
      this.resource = null;
    }
    this.pc.onconnectionstatechange = null;
    // What was said last shall leave before the connection does.
    setTimeout(() => this.pc.close(), 50);
  }
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// wantCaptureTime asks for the extension that tells when pictures were taken;
// browsers do not by themselves.
function wantCaptureTime(transceiver) {
  if (!transceiver.getHeaderExtensionsToNegotiate) return;
  const all = transceiver.getHeaderExtensionsToNegotiate();
  for (const e of all) if (e.uri === CAPTURE_TIME) e.direction = 'sendrecv';
  transceiver.setHeaderExtensionsToNegotiate(all);
}

// refusal is what the host's status means (docs/PROTOCOL.md, "HTTP").
async function refusal(response) {
  const said = (await response.text()).slice(0, 300).replace(/\s+/g, ' ').trim();
  const after = Math.min(Number(response.headers.get('Retry-After')) || 0, 60);
  switch (response.status) {
    case 401:
      return new Ending('the host asks for its token', { token: true });
    case 409: case 429: case 500: case 502: case 503: case 504:
      return new Ending(said || 'the host is not ready', { again: true, after });
  }
  return new Ending(said || `the host refused with status ${response.status}`);
}

function farewell(code, reason) {
  switch (code) {
    case BYE.takenOver:
      return new Ending('another terminal took the session over');
    case BYE.shutdown:
      return new Ending('the host is shutting down', { again: true, after: 2 });
    case BYE.sourceEnded:
      return new Ending('the host has no more pictures to show');
    case BYE.revoked:
      return new Ending('the host does not accept this token any more', { token: true });
    case BYE.protocol:
      return new Ending(`the host did not understand this page${reason ? `: ${reason}` : ''}`);
  }
  return new Ending(reason || 'the host ended the session');
}
