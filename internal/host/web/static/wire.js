// The bytes of the data channels, as docs/PROTOCOL.md describes them. Pure:
// no clock, no channel, no page. Names are those of the document in lower
// case; times are microseconds; 64 bit numbers are BigInt.

export const INPUT = { label: 'st.input', protocol: 'st-input/1' };
export const CONTROL = { label: 'st.control', protocol: 'st-control/1' };

export const FLAG = { focused: 1, snapshot: 2, goodbye: 4 };
export const MAX = { datagram: 1100, events: 64, perRecord: 20, keys: 100, body: 4096, cursorSide: 256, cursorData: 263168 };
export const BYE = { normal: 0, takenOver: 1, shutdown: 2, protocol: 3, sourceEnded: 4, revoked: 5 };
export const ALL_SCREENS = 255;

const RECORD = { pointer: 1, position: 2, keys: 3, events: 4, pad: 5, ack: 0x81, leds: 0x82, pointerAt: 0x87 };
const MESSAGE = { hello: 1, helloAck: 2, ping: 3, pong: 4, setBitrate: 5, screen: 6, bye: 7, layout: 10, cursor: 12 };
const MUST_UNDERSTAND = 1;

// Malformed is thrown for bytes that break the format.
export class Malformed extends Error {}

// newer16 and newer32 compare serial numbers (RFC 1982).
export const newer16 = (a, b) => a !== b && ((a - b) & 0xffff) < 0x8000;
export const newer32 = (a, b) => a !== b && (a - b) >>> 0 < 0x80000000;

// ageOf is a duration in us as a record says it.
export const ageOf = (us) => Math.min(Math.max(Math.round(us / 8), 0), 0xffff);

// key packs a page of the protocol (0 keyboard, 1 consumer, 2 system, 3
// button, 4 marker) and a usage.
export const key = (page, usage) => (page << 13) | usage;

class Writer {
  constructor(size) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.at = 0;
  }
  u8(v) { this.view.setUint8(this.at, v); this.at += 1; }
  u16(v) { this.view.setUint16(this.at, v, true); this.at += 2; }
  u32(v) { this.view.setUint32(this.at, v, true); this.at += 4; }
  i16(v) { this.view.setInt16(this.at, v, true); this.at += 2; }
  i32(v) { this.view.setInt32(this.at, v, true); this.at += 4; }
  u64(v) { this.view.setBigUint64(this.at, BigInt(v), true); this.at += 8; }
  put(bytes) { this.bytes.set(bytes, this.at); this.at += bytes.length; }
  text(s, most) {
    const b = clip(s, most);
    this.u8(b.length);
    this.put(b);
  }
  done() { return this.bytes.subarray(0, this.at); }
}

// clip is s in UTF-8, cut between characters.
function clip(s, most) {
  let b = new TextEncoder().encode(s);
  for (let n = most; b.length > most; n--) b = new TextEncoder().encode(s.slice(0, n));
  return b;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = 0;
  }
  step(n) {
    if (this.at + n > this.bytes.length) throw new Malformed('cut off');
    this.at += n;
    return this.at - n;
  }
  get left() { return this.bytes.length - this.at; }
  u8() { return this.view.getUint8(this.step(1)); }
  u16() { return this.view.getUint16(this.step(2), true); }
  u32() { return this.view.getUint32(this.step(4), true); }
  u64() { return this.view.getBigUint64(this.step(8), true); }
  take(n) { const from = this.step(n); return this.bytes.subarray(from, from + n); }
  text(n) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.take(n));
    } catch (e) {
      throw e instanceof Malformed ? e : new Malformed('text is not UTF-8');
    }
  }
}

// ---- Input ----

// encodeDatagram writes a terminal's datagram: header fields, and where given
// pointer, position, events, keys and pads.
export function encodeDatagram(d) {
  const w = new Writer(MAX.datagram + 256);
  w.u8(0x10);
  w.u8(d.flags);
  w.u16(d.epoch);
  w.u32(d.seq);
  w.u32(d.time);
  w.u32(d.ack);
  if (d.pointer) writePointer(w, d.pointer);
  if (d.position) writePosition(w, d.position);
  if (d.events) writeEvents(w, d.events);
  if (d.keys) writeKeys(w, d.keys);
  for (const p of d.pads ?? []) writePad(w, p);
  return w.done();
}

function writePointer(w, p) {
  w.u8(RECORD.pointer);
  w.u8(24);
  w.u16(0);
  w.u16(p.age);
  for (const v of [p.x, p.y, p.wheelV, p.wheelH, p.buttons]) w.u32(v >>> 0);
}

function writePosition(w, p) {
  w.u8(RECORD.position);
  w.u8(14);
  w.u8(0);
  w.u8(p.inRange ? 1 : 0);
  w.u16(p.age);
  w.u16(p.x);
  w.u16(p.y);
  w.u8(p.screen);
  w.u8(0);
  w.u32(p.buttons >>> 0);
}

function writeEvents(w, e) {
  const list = e.list.slice(0, MAX.events);
  for (let from = 0; from < list.length; from += MAX.perRecord) {
    const part = list.slice(from, from + MAX.perRecord);
    w.u8(RECORD.events);
    w.u8(6 + 12 * part.length);
    w.u32((e.first + from) >>> 0);
    w.u8(part.length);
    w.u8(0);
    for (const t of part) {
      w.u16(t.age);
      w.u8(0);
      w.u8((t.down ? 1 : 0) | (t.absolute ? 2 | (t.screen << 4) : 0));
      w.u16(t.key);
      w.u16(t.wheel & 0xffff);
      w.u16(t.x & 0xffff);
      w.u16(t.y & 0xffff);
    }
  }
}

function writeKeys(w, k) {
  const held = k.held.slice(0, MAX.keys);
  w.u8(RECORD.keys);
  w.u8(8 + 2 * held.length);
  w.u32(k.lastEvent >>> 0);
  w.u8(0);
  w.u8(held.length);
  w.u16(0);
  for (const v of held) w.u16(v);
}

function writePad(w, p) {
  w.u8(RECORD.pad);
  w.u8(20);
  w.u8(p.pad);
  w.u8(p.connected ? 1 : 0);
  w.u16(p.age);
  w.u32(p.buttons >>> 0);
  for (const v of [p.leftX, p.leftY, p.rightX, p.rightY]) w.i16(v);
  w.u16(p.leftTrigger);
  w.u16(p.rightTrigger);
}

// decodeDatagram reads a host's datagram; what nobody knows is skipped.
export function decodeDatagram(bytes) {
  const r = new Reader(bytes);
  if (r.u8() >> 4 !== 1) throw new Malformed('version of an input datagram');
  const d = { flags: r.u8(), epoch: r.u16(), seq: r.u32(), time: r.u32(), ack: r.u32() };
  while (r.left > 0) {
    const type = r.u8();
    const b = new Reader(r.take(r.u8()));
    if (type === RECORD.ack) d.answer = { next: b.u32(), echo: b.u32(), hold: b.u32() };
    if (type === RECORD.leds) d.leds = readLEDs(b) ?? d.leds;
    if (type === RECORD.pointerAt) {
      d.pointerAt = {
        screen: b.u8(), visible: (b.u8() & 1) === 1, age: b.u16(), x: b.u16(), y: b.u16(), shape: b.u32(),
      };
    }
  }
  return d;
}

// readLEDs takes the lamps of all keyboards, device 0.
function readLEDs(b) {
  const device = b.u8();
  const lit = b.u8();
  b.u16();
  return device === 0 ? lit : undefined;
}

// ---- Control ----

function message(type, fill) {
  const w = new Writer(4 + MAX.body);
  w.u8(type);
  w.u8(0);
  w.u16(0);
  fill(w);
  w.view.setUint16(2, w.at - 4, true);
  return w.done();
}

export const encodeHello = (h) => message(MESSAGE.hello, (w) => {
  w.u16(h.minVersion);
  w.u16(h.maxVersion);
  w.u8(h.screens);
  w.u8(h.codecs.length);
  h.codecs.forEach((c) => w.u8(c));
  w.text(h.program, 255);
  w.text(h.version, 255);
});

export const encodePing = (t) => message(MESSAGE.ping, (w) => w.u64(t));

export const encodePong = (p) => message(MESSAGE.pong, (w) => {
  w.u64(p.echo);
  w.u64(p.wallNS);
});

export const encodeSetBitrate = (s) => message(MESSAGE.setBitrate, (w) => {
  w.u8(s.screen);
  w.u32(s.maxBps);
});

export const encodeBye = (b) => message(MESSAGE.bye, (w) => {
  w.u16(b.code);
  w.put(clip(b.reason, 512));
});

export const encodeLayout = (all) => message(MESSAGE.layout, (w) => {
  w.u8(all.length);
  w.u8(28);
  for (const o of all) {
    w.u8(o.index);
    w.u8((o.connected ? 1 : 0) | (o.primary ? 2 : 0));
    w.i32(o.x);
    w.i32(o.y);
    w.u16(o.width);
    w.u16(o.height);
    w.u32(o.milliHz);
    w.u16(o.scalePercent);
    w.u32(o.vrrMin);
    w.u32(o.vrrMax);
  }
});

// decodeControl reads one SCTP message into a list of {kind, ...}. Kind
// "unknown" may be ignored; what must be understood and is not, and every
// break of the format, throws Malformed.
export function decodeControl(bytes) {
  const r = new Reader(bytes);
  const all = [];
  while (r.left > 0) {
    const [type, flags, size] = [r.u8(), r.u8(), r.u16()];
    if (size > MAX.body) throw new Malformed('control message too long');
    const read = readers[type];
    if (!read && flags & MUST_UNDERSTAND) throw new Malformed('a message that must be understood is not known');
    const body = new Reader(r.take(size));
    all.push(read ? read(body) : { kind: 'unknown', type });
  }
  return all;
}

const readers = {
  [MESSAGE.helloAck]: readHelloAck,
  [MESSAGE.ping]: (b) => ({ kind: 'ping', t: b.u64() }),
  [MESSAGE.pong]: (b) => ({ kind: 'pong', echo: b.u64(), wallNS: b.u64() }),
  [MESSAGE.screen]: (b) => ({ kind: 'screen', ...readScreen(b) }),
  [MESSAGE.bye]: readBye,
  [MESSAGE.cursor]: readCursor,
};

function readScreen(b) {
  return { index: b.u8(), width: b.u16(), height: b.u16(), milliFPS: b.u32(), codec: b.u8() };
}

function readHelloAck(b) {
  const m = { kind: 'helloAck', version: b.u16(), screens: [] };
  const [count, size] = [b.u8(), b.u8()];
  if (size < 10) throw new Malformed('size of a screen');
  for (let i = 0; i < count; i++) m.screens.push(readScreen(new Reader(b.take(size))));
  m.host = b.text(b.u8());
  return m;
}

function readBye(b) {
  const code = b.u16();
  if (b.left > 512) throw new Malformed('reason too long');
  return { kind: 'bye', code, reason: b.text(b.left) };
}

function readCursor(b) {
  const c = {
    kind: 'cursor', serial: b.u32(), width: b.u16(), height: b.u16(), hotX: b.u16(), hotY: b.u16(),
    total: b.u32(), offset: b.u32(),
  };
  c.data = b.take(b.u16());
  if (!cursorFits(c)) throw new Malformed('shape of the pointer');
  return c;
}

function cursorFits(c) {
  const n = c.data.length;
  if (c.width === 0 && c.height === 0) return !(c.hotX || c.hotY || c.total || c.offset || n);
  return c.width > 0 && c.height > 0 && c.width <= MAX.cursorSide && c.height <= MAX.cursorSide
    && c.hotX < c.width && c.hotY < c.height
    && n > 0 && c.total <= MAX.cursorData && c.offset + n <= c.total;
}
