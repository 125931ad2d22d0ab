// The terminal's end of st.control: the greeting, the round trip and the
// host's clock, the pointer's shape, and goodbye.

import {
  ALL_SCREENS, BYE, MAX, Malformed, decodeControl, encodeBye, encodeHello, encodeLayout, encodePing, encodePong, encodeSetBitrate,
} from './wire.js';

const PING_INTERVAL = 500; // ms
const PROGRAM = 'shadow-web';
const VERSION = '1';

export class Control {
  // hear is told what the host says: welcome(host, screens), screen(screen),
  // shape(shape or null), bye(code, reason), broken(sentence).
  constructor(channel, wishes, hear) {
    this.channel = channel;
    this.hear = hear;
    this.clock = new HostClock();
    this.shapes = new Shapes((shape) => hear.shape?.(shape), (why) => this.refuse(why));
    channel.onopen = () => this.greet(wishes);
    channel.onmessage = (e) => this.take(new Uint8Array(e.data));
    channel.onclose = () => clearInterval(this.timer);
    if (channel.readyState === 'open') this.greet(wishes);
  }

  greet(wishes) {
    this.send(encodeHello({
      minVersion: 1, maxVersion: 1, screens: wishes.screens, codecs: wishes.codecs, program: PROGRAM, version: VERSION,
    }));
    if (wishes.maxBps > 0) this.limit(wishes.maxBps);
    this.ping();
    this.timer = setInterval(() => this.ping(), PING_INTERVAL);
  }

  ping() { this.send(encodePing(BigInt(Math.floor(performance.now() * 1000)))); }

  // limit asks for at most so many bits per second, all screens together; 0:
  // the host's own limit.
  limit(maxBps) { this.send(encodeSetBitrate({ screen: ALL_SCREENS, maxBps })); }

  // layout tells which of its screens the page shows, and how large.
  layout(outputs) { this.send(encodeLayout(outputs)); }

  // bye ends the session and says why.
  bye(code, reason) {
    clearInterval(this.timer);
    this.send(encodeBye({ code, reason }));
  }

  send(bytes) {
    if (this.channel.readyState !== 'open') return;
    try {
      this.channel.send(bytes);
    } catch {
      clearInterval(this.timer); // it is closing; the session's end says why
    }
  }

  refuse(why) {
    this.bye(BYE.protocol, why);
    this.hear.broken?.(`the host speaks another protocol: ${why}`);
  }

  take(bytes) {
    try {
      for (const m of decodeControl(bytes)) this.message(m);
    } catch (e) {
      if (!(e instanceof Malformed)) throw e;
      this.refuse(e.message);
    }
  }

  message(m) {
    switch (m.kind) {
      case 'helloAck':
        if (m.version !== 1) throw new Malformed(`control version ${m.version}`);
        this.hear.welcome?.(m.host, m.screens);
        break;
      case 'screen':
        this.hear.screen?.(m);
        break;
      case 'ping':
        this.send(encodePong({ echo: m.t, wallNS: BigInt(Date.now()) * 1000000n }));
        break;
      case 'pong':
        this.clock.sample(Number(m.echo) / 1000, performance.now(), Number(m.wallNS / 1000n) / 1000);
        break;
      case 'cursor':
        this.shapes.part(m);
        break;
      case 'bye':
        this.hear.bye?.(m.code, m.reason);
        break;
    }
  }
}

// HostClock takes the round trip and the host's clock from the quickest of the
// last exchanges. All times are milliseconds.
export class HostClock {
  constructor() {
    this.samples = [];
    this.rtt = 0;
    this.offset = 0; // host's wall clock minus performance.timeOrigin's
  }

  sample(sent, received, wall) {
    const rtt = received - sent;
    if (rtt < 0 || rtt > 10000) return;
    this.samples.push({ rtt, offset: wall - (performance.timeOrigin + received - rtt / 2) });
    if (this.samples.length > 16) this.samples.shift();
    const best = this.samples.reduce((a, b) => (b.rtt < a.rtt ? b : a));
    this.rtt = best.rtt;
    // An offset inside its own error is none: on one machine the clocks agree.
    this.offset = Math.abs(best.offset) <= best.rtt / 2 + 1 ? 0 : best.offset;
  }
}

// Shapes puts the pointer's shapes together from their parts. shown gets
// {width, height, hotX, hotY, pixels (ImageData), serial} or null for nothing
// to see; broken gets a sentence.
class Shapes {
  constructor(shown, broken) {
    this.shown = shown;
    this.broken = broken;
    this.current = null;
  }

  part(p) {
    if (p.width === 0) {
      this.current = null;
      this.latest = p.serial;
      this.shown(null);
      return;
    }
    if (p.offset === 0) this.current = { ...p, data: new Uint8Array(p.total), have: 0 };
    const c = this.current;
    const same = c && ['serial', 'width', 'height', 'hotX', 'hotY', 'total'].every((n) => c[n] === p[n]);
    if (!same || c.have !== p.offset) throw new Malformed('parts of a pointer shape');
    c.data.set(p.data, p.offset);
    c.have += p.data.length;
    if (c.have < c.total) return;
    this.current = null;
    this.latest = c.serial;
    this.unpack(c).catch(() => this.broken('a pointer shape that cannot be unpacked'));
  }

  async unpack(c) {
    const want = 4 * c.width * c.height;
    const stream = new Blob([c.data]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    const pixels = new Uint8ClampedArray(want);
    let at = 0;
    for (const reader = stream.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > want) {
        reader.cancel();
        throw new Malformed('pointer shape too long');
      }
      pixels.set(value, at);
      at += value.length;
    }
    if (at !== want) throw new Malformed('pointer shape too short');
    if (this.latest !== c.serial) return; // a newer one came meanwhile
    straighten(pixels);
    this.shown({
      serial: c.serial, width: c.width, height: c.height, hotX: c.hotX, hotY: c.hotY,
      pixels: new ImageData(pixels, c.width, c.height),
    });
  }
}

// straighten divides the colours by alpha, which is what ImageData wants.
function straighten(p) {
  for (let i = 0; i < p.length; i += 4) {
    const a = p[i + 3];
    if (a === 0 || a === 255) continue;
    for (let c = i; c < i + 3; c++) p[c] = Math.min((p[c] * 255) / a, 255);
  }
}
