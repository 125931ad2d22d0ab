// Checks wire.js against the vectors of internal/wire: what a terminal writes
// is encoded, what a host writes is decoded. It returns what differs, and how
// many vectors it could try.
import * as wire from '/web/wire.js';

const hex = (bytes) => [...bytes].map((v) => v.toString(16).padStart(2, '0')).join('');
const bytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (v) => parseInt(v, 16));
const lower = (name) => name[0].toLowerCase() + name.slice(1);
const same = (a, b) => JSON.stringify(a, plain) === JSON.stringify(b, plain);
const plain = (_, v) => (typeof v === 'bigint' ? String(v) : v);

// fields makes Go's names ours and keeps the digits of large numbers.
function fields(text) {
  return JSON.parse(text, (name, v, { source } = {}) => {
    if (typeof v === 'number' && !Number.isSafeInteger(v)) return BigInt(source);
    if (v === null || typeof v !== 'object' || Array.isArray(v)) return v;
    return Object.fromEntries(Object.entries(v).map(([k, value]) => [lower(k), value]));
  });
}

function datagram(f) {
  return {
    ...f.header, pointer: f.pointer, position: f.pointerAbs, events: f.events && { ...f.events, list: f.events.list ?? [] },
    keys: f.keys && { ...f.keys, held: f.keys.held ?? [] }, pads: f.pad ? [f.pad] : [],
  };
}

function hostDatagram(f) {
  const d = { ...f.header };
  if (f.ack) d.answer = { next: f.ack.next, echo: f.ack.echo, hold: f.ack.hold / 1000 };
  if (f.lEDs) d.leds = f.lEDs.lit;
  if (f.pointerAt) d.pointerAt = f.pointerAt;
  return d;
}

const encoders = {
  hello: wire.encodeHello, ping: wire.encodePing,
  pong: (p) => wire.encodePong({ echo: p.echo, wallNS: p.wallNS }),
  setBitrate: wire.encodeSetBitrate, bye: wire.encodeBye,
  layout: (all) => wire.encodeLayout(all.map((o) => ({ ...o, vrrMin: o.vRRMin, vrrMax: o.vRRMax }))),
};

const expected = {
  helloAck: (f) => ({ kind: 'helloAck', version: f.version, screens: f.screens ?? [], host: f.host }),
  ping: (f) => ({ kind: 'ping', t: BigInt(f) }),
  pong: (f) => ({ kind: 'pong', echo: BigInt(f.echo), wallNS: BigInt(f.wallNS) }),
  screen: (f) => ({ kind: 'screen', ...f }),
  bye: (f) => ({ kind: 'bye', code: f.code, reason: f.reason }),
  cursor: (f) => ({ kind: 'cursor', serial: f.serial, width: f.width, height: f.height, hotX: f.hotX, hotY: f.hotY, total: f.total, offset: f.offset, data: f.dataHex }),
  unknown: (f) => ({ kind: 'unknown', type: f.type }),
};

// The page has no touch screens, pens, laptop touchpads and pads with motion,
// and asks for no feedback of pads: whoever writes those vectors is not a page.
const pageWrites = new Set(['header', 'pointer', 'pointerAbs', 'events', 'keys', 'pad']);
const hasNot = (f) => Object.entries(f).some(([k, v]) => v && !pageWrites.has(k));

const isHosts = (f) => f.ack || f.lEDs || f.pointerAt;

export function check(input, control, refused) {
  const wrong = [];
  let tried = 0;
  const compare = (name, got, want) => {
    tried++;
    if (!same(got, want)) wrong.push(`${name}: got ${JSON.stringify(got, plain)}; want ${JSON.stringify(want, plain)}`);
  };
  for (const v of fields(input)) {
    if (hasNot(v.fields) && !isHosts(v.fields)) continue;
    if (isHosts(v.fields)) compare(v.name, wire.decodeDatagram(bytes(v.hex)), hostDatagram(v.fields));
    else compare(v.name, hex(wire.encodeDatagram(datagram(v.fields))), v.hex);
  }
  for (const v of fields(control)) {
    const kinds = v.fields.map((f) => Object.keys(f)[0]);
    if (kinds.every((k) => encoders[k])) {
      compare(`encode ${v.name}`, v.fields.map((f, i) => hex(encoders[kinds[i]](f[kinds[i]]))).join(''), v.hex);
    }
    if (kinds.every((k) => expected[k])) {
      const got = wire.decodeControl(bytes(v.hex)).map((m) => (m.data ? { ...m, data: hex(m.data) } : m));
      compare(`decode ${v.name}`, got, v.fields.map((f, i) => expected[kinds[i]](f[kinds[i]])));
    }
  }
  for (const v of fields(refused)) {
    // Records that only a host reads are skipped here, whatever is in them.
    if (/POINTER|KEYS|PAD/.test(v.name)) continue;
    tried++;
    try {
      wire.decodeDatagram(bytes(v.hex));
      wrong.push(`${v.name}: taken; want it refused`);
    } catch (e) {
      if (!(e instanceof wire.Malformed)) wrong.push(`${v.name}: ${e}; want Malformed`);
    }
  }
  return { tried, wrong };
}
