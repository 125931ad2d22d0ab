// The terminal's end of st.input: what a person does becomes datagrams that
// get lost without harm. Rules of docs/PROTOCOL.md, "Rules of the terminal".
// It reads no device and owns no channel; one Sender lives as long as the page.

import { FLAG, MAX, ageOf, encodeDatagram, decodeDatagram, newer32 } from './wire.js';
import { buttonBits } from './keys.js';

const SNAPSHOT_HELD = 50; // ms
const SNAPSHOT_IDLE = 1000;
const INTERVAL = 2;
const SLOW_INTERVAL = 16;
const SLOW_AT = 8192; // bytes that wait in the channel
const TAIL_REPEATS = 3;
const PAD_REPEATS = 3;
const MAX_RTT = 10e6; // us

const repeatDelay = (n) => (n < 2 ? 8 : n === 2 ? 16 : 32);

export class Sender {
  // hear is told what the host says: leds(lit), pointer(pointerAt).
  constructor(hear = {}) {
    this.hear = hear;
    this.channel = null;
    this.timer = 0;
    this.focused = false;
    this.epoch = 0;
    this.newEpoch = true;
    this.pointer = { x: 0, y: 0, wheelV: 0, wheelH: 0 };
    this.position = null;
    this.movedAt = 0;
    this.held = []; // in the order of pressing
    this.pending = [];
    this.firstID = 1;
    this.pads = new Map(); // by number: {state, left: repeats, at}
    this.flush = false;
    this.moved = false;
    this.sentAt = 0;
    this.snapshotAt = -Infinity;
    this.motionUnsure = false;
    this.motionSeq = 0;
    this.repeats = 0;
    this.seq = 0;
    this.peerSeq = 0;
    this.rtt = 0; // us, 0: not known
    this.stats = { events: 0, datagrams: 0, givenUp: 0, malformed: 0 };
  }

  // open begins to send on an open channel, to a host that knows nothing.
  open(channel) {
    this.release();
    this.giveUp();
    this.channel = channel;
    this.peerSeq = this.rtt = 0;
    this.motionUnsure = false;
    this.snapshotAt = -Infinity;
    this.lastSpot = null;
    channel.onmessage = (e) => this.take(new Uint8Array(e.data));
    this.look();
  }

  // close lets go of everything and says so.
  close() {
    clearTimeout(this.timer);
    if (this.channel?.readyState === 'open') {
      this.release();
      this.write(FLAG.goodbye);
    }
    this.channel = null;
  }

  // focus says whether the person's input is for the host.
  focus(on) {
    if (this.focused === on) return;
    if (!on) this.release();
    this.focused = on;
    this.flush = true;
    this.look();
  }

  // press takes a key or a button going down or up; auto-repeat changes
  // nothing.
  press(key, down) {
    const at = this.held.indexOf(key);
    if (!this.focused || key === undefined || (at >= 0) === down || (down && this.held.length === MAX.keys)) return;
    this.stats.events++;
    if (down) this.held.push(key);
    else this.held.splice(at, 1);
    this.transit(key, down);
    this.look();
  }

  // move adds relative motion, turn the wheel: counts, 1/120 detents away
  // from the person and to the right.
  move(dx, dy) {
    if (!this.focused || (!dx && !dy)) return;
    this.position = null;
    this.pointer.x = (this.pointer.x + dx) >>> 0;
    this.pointer.y = (this.pointer.y + dy) >>> 0;
    this.motion();
  }

  turn(v, h) {
    if (!this.focused || (!v && !h)) return;
    this.pointer.wheelV = (this.pointer.wheelV + v) >>> 0;
    this.pointer.wheelH = (this.pointer.wheelH + h) >>> 0;
    this.motion();
  }

  // place puts the pointer over a screen's picture, 0..65535.
  place(screen, x, y) {
    if (!this.focused) return;
    this.position = { screen, x, y };
    this.motion();
  }

  // pad takes the whole state of a game pad.
  pad(state) {
    if (!this.focused && state.connected) return;
    this.stats.events++;
    this.pads.set(state.pad, { state, left: PAD_REPEATS, at: performance.now() });
    this.flush = true;
    this.look();
  }

  motion() {
    this.stats.events++;
    this.movedAt = performance.now();
    this.moved = true;
    this.look();
  }

  // release ends the epoch: everything held goes up.
  release() {
    for (const key of this.held) this.transit(key, false);
    this.held = [];
    for (const [n, p] of this.pads) {
      const state = { ...p.state, buttons: 0, leftX: 0, leftY: 0, rightX: 0, rightY: 0, leftTrigger: 0, rightTrigger: 0 };
      this.pads.set(n, { state, left: PAD_REPEATS, at: performance.now() });
    }
    this.bump();
    this.look();
  }

  transit(key, down) {
    if (this.pending.length === MAX.events) this.giveUp();
    const at = this.position;
    this.pending.push({
      key, down, at: performance.now(), wheel: this.pointer.wheelV,
      absolute: at !== null, screen: at?.screen ?? 0, x: at?.x ?? this.pointer.x, y: at?.y ?? this.pointer.y,
    });
    this.flush = true;
  }

  giveUp() {
    this.stats.givenUp += this.pending.length;
    this.firstID = (this.firstID + this.pending.length) >>> 0;
    this.pending = [];
    this.bump();
  }

  bump() {
    this.epoch = (this.epoch + 1) & 0xffff;
    this.newEpoch = this.flush = true;
  }

  // look writes a datagram if one is due and sets the timer for the next.
  look() {
    clearTimeout(this.timer);
    if (this.channel?.readyState !== 'open') return;
    const now = performance.now();
    if (this.due() <= now) this.write(0);
    this.timer = setTimeout(() => this.look(), Math.max(this.due() - performance.now(), 0));
  }

  due() {
    if (this.flush) return -Infinity;
    let due = this.snapshotAt + (this.isHeld() ? SNAPSHOT_HELD : SNAPSHOT_IDLE);
    if (this.pending.length > 0 || (this.motionUnsure && !this.moved && this.repeats < TAIL_REPEATS) || this.padsUnsure()) {
      due = Math.min(due, this.sentAt + repeatDelay(this.repeats));
    }
    if (this.moved) {
      const slow = this.channel.bufferedAmount >= SLOW_AT;
      due = Math.min(due, this.sentAt + (slow ? SLOW_INTERVAL : INTERVAL));
    }
    return due;
  }

  isHeld() {
    return this.held.length > 0 || [...this.pads.values()].some((p) => p.state.connected && isAway(p.state));
  }

  padsUnsure() { return [...this.pads.values()].some((p) => p.left > 0); }

  write(flags) {
    const now = performance.now();
    const repeat = !this.flush && !this.moved;
    this.seq = (this.seq + 1) >>> 0;
    if (this.moved) {
      this.motionUnsure = true;
      this.motionSeq = this.seq;
    }
    const snapshot = repeat || this.newEpoch || now - this.snapshotAt >= SNAPSHOT_HELD;
    const datagram = encodeDatagram({
      flags: flags | (this.focused ? FLAG.focused : 0) | (snapshot ? FLAG.snapshot : 0),
      epoch: this.epoch, seq: this.seq, time: micros(now), ack: this.peerSeq,
      ...this.content(now, snapshot),
    });
    this.sentAt = now;
    if (snapshot) this.snapshotAt = now;
    this.flush = this.moved = false;
    this.newEpoch = this.newEpoch && !snapshot;
    this.repeats = repeat ? this.repeats + 1 : 0;
    this.stats.datagrams++;
    try {
      this.channel.send(datagram);
    } catch {
      this.channel = null; // it is closing; the session's end says why
    }
  }

  content(now, snapshot) {
    const age = ageOf((now - this.movedAt) * 1000);
    const buttons = buttonBits(this.held);
    const d = { pointer: { ...this.pointer, age, buttons } };
    if (this.position) d.position = { ...this.position, inRange: true, age, buttons };
    if (this.pending.length > 0) {
      d.events = { first: this.firstID, list: this.pending.map((t) => ({ ...t, age: ageOf((now - t.at) * 1000) })) };
    }
    if (snapshot) {
      d.keys = { lastEvent: (this.firstID + this.pending.length - 1) >>> 0, held: [...this.held].sort((a, b) => a - b) };
    }
    d.pads = this.padRecords(now, snapshot);
    return d;
  }

  // padRecords are those that changed lately, and with a snapshot all.
  padRecords(now, snapshot) {
    const records = [];
    for (const [n, p] of this.pads) {
      if (p.left === 0 && !snapshot) continue;
      p.left = Math.max(p.left - 1, 0);
      records.push({ ...p.state, age: ageOf((now - p.at) * 1000) });
      if (!p.state.connected && p.left === 0) this.pads.delete(n);
    }
    return records;
  }

  // take reads a datagram of the host.
  take(bytes) {
    const now = performance.now();
    let d;
    try {
      d = decodeDatagram(bytes);
    } catch {
      this.stats.malformed++;
      return;
    }
    const newest = newer32(d.seq, this.peerSeq);
    if (newest) this.peerSeq = d.seq;
    if (!newer32(this.motionSeq, d.ack)) this.motionUnsure = false;
    if (d.answer) this.acknowledge(d.answer, now);
    if (newest && d.leds !== undefined) this.hear.leds?.(d.leds);
    if (newest && d.pointerAt) this.hear.pointer?.(d.pointerAt);
    this.look();
  }

  acknowledge(a, now) {
    const n = (a.next - this.firstID) >>> 0;
    if (n <= this.pending.length) {
      this.pending.splice(0, n);
      this.firstID = a.next;
    }
    const rtt = ((micros(now) - a.echo) >>> 0) - a.hold;
    if (rtt < 0 || rtt > MAX_RTT) return;
    this.rtt = this.rtt === 0 ? rtt : this.rtt + (rtt - this.rtt) / 8;
  }
}

const micros = (ms) => Math.floor((ms * 1000) % 0x100000000);

const isAway = (s) => s.buttons !== 0 || s.leftTrigger > 0 || s.rightTrigger > 0
  || [s.leftX, s.leftY, s.rightX, s.rightY].some((v) => Math.abs(v) > 4000);
