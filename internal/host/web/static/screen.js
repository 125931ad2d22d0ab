// One screen of the host: its video, the pointer over it, and what the person
// does there. It may be in the page or in a window of its own.

import { buttonOf, isMeta, isModifier, keyOf } from './keys.js';

const MAX_CSS_CURSOR = 120; // pixels; browsers ignore larger ones
const DETENT = 120;
const ALTGR = 15; // ms between the two keys that one makes

export class Screen {
  // frame is the element that holds the video; do: press, move, turn, place of
  // the Sender, hotkey(code) which returns whether it was one.
  constructor(index, frame, todo) {
    Object.assign(this, { index, frame, todo });
    this.video = frame.querySelector('video');
    this.still = frame.querySelector('canvas.still');
    this.cursor = frame.querySelector('canvas.cursor');
    this.window = frame.ownerDocument.defaultView;
    this.relative = false; // what the person wants
    this.shape = undefined;
    this.newest = null; // picture shown: RTP time, and when by performance.now()
    this.shown = 0;
    this.control = -Infinity; // when Control went down
    this.listen();
    this.watch();
  }

  get document() { return this.frame.ownerDocument; }

  get locked() { return this.document.pointerLockElement === this.frame; }

  show(stream) {
    this.video.srcObject = stream;
    this.video.play().catch(() => {}); // muted video always may
    this.still.hidden = true;
  }

  // freeze keeps the last picture when its stream goes away.
  freeze() {
    const { video, still } = this;
    if (!video.srcObject) return;
    if (video.videoWidth > 0) {
      still.width = video.videoWidth;
      still.height = video.videoHeight;
      still.getContext('2d').drawImage(video, 0, 0);
      still.hidden = false;
    }
    video.srcObject = null;
    this.shown = 0;
  }

  // watch notes each picture that is shown.
  watch() {
    const { video } = this;
    if (!video.requestVideoFrameCallback) return;
    const each = (now, meta) => {
      this.shown = meta.presentedFrames;
      // A compositor that is late still says when it should have shown it.
      this.newest = { rtp: meta.rtpTimestamp, display: Math.max(meta.expectedDisplayTime, meta.presentationTime) };
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  }

  // area is where the picture is in the window, without its bars.
  area() {
    const box = this.video.getBoundingClientRect();
    const [w, h] = [this.video.videoWidth || 16, this.video.videoHeight || 9];
    const scale = Math.min(box.width / w, box.height / h);
    return {
      left: box.left + (box.width - w * scale) / 2, top: box.top + (box.height - h * scale) / 2,
      width: w * scale, height: h * scale, scale,
    };
  }

  listen() {
    const { frame, window: win, document: doc } = this;
    const on = (target, names, handler, options) => names.split(' ').forEach((n) => target.addEventListener(n, handler, options));
    on(frame, 'onpointerrawupdate' in win ? 'pointerrawupdate' : 'pointermove', (e) => this.moved(e));
    on(frame, 'pointerdown', (e) => this.grip(e));
    on(frame, 'mousedown mouseup', (e) => this.button(e, e.type === 'mousedown'));
    on(frame, 'wheel', (e) => this.wheel(e), { passive: false });
    on(frame, 'contextmenu dragstart selectstart auxclick', (e) => e.preventDefault());
    on(win, 'keydown keyup', (e) => this.key(e, e.type === 'keydown'));
    on(doc, 'pointerlockchange', () => this.drawCursor());
    on(win, 'resize', () => this.drawCursor());
    on(this.video, 'resize', () => this.drawCursor());
  }

  moved(e) {
    if (this.locked) {
      this.todo.move(Math.round(e.movementX), Math.round(e.movementY));
      return;
    }
    if (!this.relative) this.placed(e);
  }

  placed(e) {
    const a = this.area();
    const at = (v, from, size) => Math.min(Math.max(Math.floor(((v - from) / size) * 65536), 0), 65535);
    this.todo.place(this.index, at(e.clientX, a.left, a.width), at(e.clientY, a.top, a.height));
  }

  // grip keeps a drag that leaves the picture. What button it was comes as a
  // mouse event: a second one while one is held is no pointerdown.
  grip(e) {
    if (this.document.activeElement !== this.frame) this.frame.focus({ preventScroll: true });
    if (!this.locked && e.pointerType === 'mouse') this.frame.setPointerCapture(e.pointerId);
  }

  button(e, down) {
    e.preventDefault();
    if (down && this.relative && !this.locked) {
      this.lock();
      return; // the click that catches the mouse is not the host's
    }
    if (!this.locked && !this.relative) this.placed(e);
    this.todo.press(buttonOf(e.button), down);
  }

  wheel(e) {
    e.preventDefault();
    const per = e.deltaMode === 1 ? DETENT / 3 : e.deltaMode === 2 ? DETENT : DETENT / 100;
    this.rest ??= { v: 0, h: 0 };
    const steps = (name, delta) => {
      this.rest[name] += delta * per;
      const whole = Math.trunc(this.rest[name]);
      this.rest[name] -= whole;
      return whole;
    };
    this.todo.turn(-steps('v', e.deltaY), steps('h', e.deltaX));
  }

  key(e, down) {
    if (down && e.ctrlKey && e.altKey && e.shiftKey && !e.repeat && this.todo.hotkey(e.code)) {
      e.preventDefault();
      return;
    }
    // Fields of the page keep their keys.
    const key = keyOf(e.code);
    if (key === undefined || !this.todo.wantsKeys() || e.target?.closest?.('input, select')) return;
    e.preventDefault();
    // Windows makes AltGr of Control and Alt; the host wants the one key.
    if (e.code === 'AltRight' && e.getModifierState('AltGraph') && e.timeStamp - this.control < ALTGR) {
      this.todo.press(keyOf('ControlLeft'), false);
    }
    if (e.code === 'ControlLeft' && down) this.control = e.timeStamp;
    this.todo.press(key, down);
    this.afterMeta(e, down);
  }

  // afterMeta lets go of what macOS never says is let go: keys pressed while
  // Command is held.
  afterMeta(e, down) {
    this.under ??= new Set();
    if (down && e.metaKey && !isModifier(e.code)) this.under.add(e.code);
    if (down || !isMeta(e.code)) return;
    for (const code of this.under) this.todo.press(keyOf(code), false);
    this.under.clear();
  }

  // lock catches the mouse, without the system's acceleration where that can
  // be had.
  async lock() {
    try {
      await this.frame.requestPointerLock({ unadjustedMovement: true });
    } catch (e) {
      if (e.name === 'NotSupportedError') await this.frame.requestPointerLock();
    }
  }

  unlock() {
    if (this.locked) this.document.exitPointerLock();
  }

  // setShape takes the host's pointer: null for nothing to see, undefined
  // where the host has said nothing.
  setShape(shape) {
    this.shape = shape;
    if (shape) {
      const source = this.document.createElement('canvas');
      source.width = shape.width;
      source.height = shape.height;
      source.getContext('2d').putImageData(shape.pixels, 0, 0);
      this.picture = source;
    }
    this.drawCursor();
  }

  // setSpot takes where the host's pointer is, or null: not over this screen.
  setSpot(spot) {
    this.spot = spot;
    this.drawSpot();
  }

  // drawCursor shows the shape: as the browser's own pointer while that leads,
  // which costs no delay, and as a picture where the host leads.
  drawCursor() {
    const { shape, frame, cursor } = this;
    const { scale } = this.area();
    const [w, h] = shape ? [Math.max(Math.round(shape.width * scale), 1), Math.max(Math.round(shape.height * scale), 1)] : [0, 0];
    const own = shape && !this.relative && Math.max(w, h) <= MAX_CSS_CURSOR;
    if (shape) {
      cursor.width = w;
      cursor.height = h;
      cursor.getContext('2d').drawImage(this.picture, 0, 0, w, h);
    }
    if (own) {
      const hot = [shape.hotX, shape.hotY].map((v) => Math.round(v * scale));
      frame.style.cursor = `url(${cursor.toDataURL()}) ${hot[0]} ${hot[1]}, default`;
    } else {
      frame.style.cursor = shape === undefined && !this.relative ? 'default' : 'none';
    }
    this.drawn = Boolean(shape) && !own;
    this.drawSpot();
  }

  drawSpot() {
    const { cursor, shape, spot } = this;
    cursor.hidden = !this.drawn || !spot;
    if (cursor.hidden) return;
    const a = this.area();
    const box = this.frame.getBoundingClientRect();
    const x = a.left - box.left + (spot.x / 65536) * a.width - shape.hotX * a.scale;
    const y = a.top - box.top + (spot.y / 65536) * a.height - shape.hotY * a.scale;
    cursor.style.transform = `translate(${x}px, ${y}px)`;
  }
}
