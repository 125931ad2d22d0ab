// Game pads: the browser's standard mapping (Gamepad, 7) to the protocol's.

const STICK = 32767;
const TRIGGER = 65535;
const LEFT_TRIGGER = 6;
const RIGHT_TRIGGER = 7;
const BUTTONS = 17;

// Pads reads them while the page is shown, because browsers have no event for
// a button of a pad.
export class Pads {
  constructor(tell) {
    this.tell = tell;
    this.known = new Map(); // by number: what was told last
    this.timer = 0;
    addEventListener('gamepadconnected', () => this.look());
    addEventListener('gamepaddisconnected', () => this.look());
  }

  look() {
    clearTimeout(this.timer);
    const pads = [...(navigator.getGamepads?.() ?? [])].filter((p) => p && p.connected && p.mapping === 'standard' && p.index < 16);
    for (const p of pads) this.compare(stateOf(p));
    for (const n of this.known.keys()) {
      if (pads.some((p) => p.index === n)) continue;
      this.tell({ ...neutral(n), connected: false });
      this.known.delete(n);
    }
    if (pads.length > 0) this.timer = setTimeout(() => this.look(), 4);
  }

  compare(state) {
    const text = JSON.stringify(state);
    if (this.known.get(state.pad) === text) return;
    this.known.set(state.pad, text);
    this.tell(state);
  }

  // again tells everything anew, to another session.
  again() {
    this.known.clear();
    this.look();
  }
}

const neutral = (pad) => ({
  pad, connected: true, buttons: 0, leftX: 0, leftY: 0, rightX: 0, rightY: 0, leftTrigger: 0, rightTrigger: 0,
});

function stateOf(p) {
  const axis = (i) => Math.round(Math.min(Math.max(p.axes[i] ?? 0, -1), 1) * STICK);
  const trigger = (i) => Math.round(Math.min(Math.max(p.buttons[i]?.value ?? 0, 0), 1) * TRIGGER);
  let buttons = 0;
  p.buttons.slice(0, BUTTONS).forEach((b, i) => {
    // Triggers are values; their bits are the host's to make.
    if (b.pressed && i !== LEFT_TRIGGER && i !== RIGHT_TRIGGER) buttons |= 1 << i;
  });
  return {
    ...neutral(p.index), buttons: buttons >>> 0,
    leftX: axis(0), leftY: axis(1), rightX: axis(2), rightY: axis(3),
    leftTrigger: trigger(LEFT_TRIGGER), rightTrigger: trigger(RIGHT_TRIGGER),
  };
}
