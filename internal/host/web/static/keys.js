// Physical keys: KeyboardEvent.code to the protocol's key, which is a HID
// usage with its page. Layouts are the host's business.

import { key } from './wire.js';

const KEYBOARD = 0;
const CONSUMER = 1;
const SYSTEM = 2;
const BUTTON = 3;
export const MARKER = 4;

const runs = [
  [0x04, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('').map((c) => 'Key' + c)],
  [0x1e, '1234567890'.split('').map((c) => 'Digit' + c)],
  [0x28, ['Enter', 'Escape', 'Backspace', 'Tab', 'Space', 'Minus', 'Equal', 'BracketLeft', 'BracketRight', 'Backslash']],
  [0x33, ['Semicolon', 'Quote', 'Backquote', 'Comma', 'Period', 'Slash', 'CapsLock']],
  [0x3a, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((n) => 'F' + n)],
  [0x46, ['PrintScreen', 'ScrollLock', 'Pause', 'Insert', 'Home', 'PageUp', 'Delete', 'End', 'PageDown']],
  [0x4f, ['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp', 'NumLock']],
  [0x54, ['NumpadDivide', 'NumpadMultiply', 'NumpadSubtract', 'NumpadAdd', 'NumpadEnter']],
  [0x59, '1234567890'.split('').map((c) => 'Numpad' + c)],
  [0x63, ['NumpadDecimal', 'IntlBackslash', 'ContextMenu', 'Power', 'NumpadEqual']],
  [0x68, [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24].map((n) => 'F' + n)],
  [0x85, ['NumpadComma']],
  [0x87, ['IntlRo', 'KanaMode', 'IntlYen', 'Convert', 'NonConvert']],
  [0x90, ['Lang1', 'Lang2', 'Lang3', 'Lang4', 'Lang5']],
  [0xb6, ['NumpadParenLeft', 'NumpadParenRight']],
  [0xe0, ['ControlLeft', 'ShiftLeft', 'AltLeft', 'MetaLeft', 'ControlRight', 'ShiftRight', 'AltRight', 'MetaRight']],
];

const consumer = {
  AudioVolumeMute: 0xe2, AudioVolumeUp: 0xe9, AudioVolumeDown: 0xea,
  MediaPlayPause: 0xcd, MediaStop: 0xb7, MediaTrackNext: 0xb5, MediaTrackPrevious: 0xb6,
  BrowserSearch: 0x221, BrowserHome: 0x223, BrowserBack: 0x224, BrowserForward: 0x225, BrowserStop: 0x226,
  BrowserRefresh: 0x227, BrowserFavorites: 0x22a, LaunchMail: 0x18a, LaunchApp1: 0x194, LaunchApp2: 0x192,
  MediaSelect: 0x183, Eject: 0xb8,
};
const system = { Sleep: 0x82, WakeUp: 0x83 };

const codes = new Map();
for (const [first, names] of runs) names.forEach((name, i) => codes.set(name, key(KEYBOARD, first + i)));
for (const [name, usage] of Object.entries(consumer)) codes.set(name, key(CONSUMER, usage));
for (const [name, usage] of Object.entries(system)) codes.set(name, key(SYSTEM, usage));

// keyOf returns the key of a KeyboardEvent.code, undefined where it has none.
export const keyOf = (code) => codes.get(code);

// buttonOf returns the key of a MouseEvent.button: left, middle, right, back,
// forward there; the protocol counts left, right, middle.
export const buttonOf = (button) => key(BUTTON, [1, 3, 2, 4, 5][button] ?? button + 1);

// markerOf returns the key of marker n.
export const markerOf = (n) => key(MARKER, n & 0x1fff);

// buttonBits is what POINTER says of the buttons among held keys.
export function buttonBits(held) {
  let bits = 0;
  for (const k of held) {
    const usage = k & 0x1fff;
    if (k >> 13 === BUTTON && usage >= 1 && usage <= 32) bits |= 1 << (usage - 1);
  }
  return bits >>> 0;
}

const modifiers = new Set(runs.at(-1)[1]);
export const isModifier = (code) => modifiers.has(code);
export const isMeta = (code) => code === 'MetaLeft' || code === 'MetaRight';
