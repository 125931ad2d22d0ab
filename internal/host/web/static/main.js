// The page: what is shown when, the buttons, and when to try again. See
// session.js for the session and input.js for what a person does.

import { Sender } from './input.js';
import { Pads } from './pad.js';
import { Screen } from './screen.js';
import { Session } from './session.js';
import { Statistics, rows } from './stats.js';

const $ = (id) => document.getElementById(id);
const MAX_BACKOFF = 15; // seconds
const REST = 2500; // ms of stillness after which the bar goes away

const app = {
  state: 'idle', // idle, connecting, live, waiting
  token: '', // kept in memory only
  session: null,
  screens: [],
  host: '',
  closed: null, // the second screen while the person does not want to see it
  attempts: 0,
  relative: false,
  statistics: new Statistics(),
  figures: null,
  events: [], // endings, for whoever looks
};
globalThis.shadow = app; // for tests and the curious

const sender = new Sender({
  pointer: (p) => app.screens.forEach((s) => s.setSpot(p.visible && p.screen === s.index ? p : null)),
  leds: (lit) => $('leds').replaceChildren(...['Num', 'Caps', 'Scroll'].filter((_, i) => lit & (1 << i)).map(badge)),
});
app.sender = sender;
const pads = new Pads((state) => sender.pad(state));

const todo = {
  press: (key, down) => sender.press(key, down),
  move: (dx, dy) => sender.move(dx, dy),
  turn: (v, h) => sender.turn(v, h),
  place: (screen, x, y) => sender.place(screen, x, y),
  wantsKeys: () => app.state === 'live',
  hotkey,
};

function badge(text) {
  const e = document.createElement('span');
  e.textContent = text;
  return e;
}

// ---- The session ----

async function connect() {
  clearInterval(app.countdown);
  app.session?.leave();
  setState('connecting');
  const wanted = Number($('screens').value);
  const session = new Session({ token: app.token, screens: wanted, maxBps: Number($('rate').value) * 1e6 }, {
    stage: (text) => status(text, ''),
    track: (i, stream) => screenAt(i)?.show(stream),
    sound: (stream) => play(stream),
    welcome: (host, screens) => { app.host = host; nameScreens(screens); },
    screen: () => {},
    shape: (shape) => app.screens.forEach((s) => s.setShape(shape)),
    silent: (on) => toast(on ? 'The host has gone silent' : ''),
    live: () => live(session),
  }, sender);
  app.session = session;
  app.closed = null;
  for (let i = app.screens.length; i < wanted; i++) addScreen(i);
  const ending = await session.run();
  if (app.session !== session) return; // another one has begun meanwhile
  ended(ending);
}

function live(session) {
  if (app.session !== session) return;
  app.attempts = 0;
  app.statistics = new Statistics();
  setState('live');
  pads.again();
  focus();
  app.screens[0]?.frame.focus({ preventScroll: true });
}

function ended(ending) {
  app.session = null;
  app.events.push(ending.message);
  app.screens.forEach((s) => { s.freeze(); s.unlock(); });
  if (ending.token) {
    app.token = '';
    askToken(ending.message);
  } else if (ending.again) {
    wait(ending);
  } else {
    setState('idle');
    status(ending.message ? sentence(ending.message) : 'Disconnected.', '');
  }
}

// wait counts down to the next attempt: 1, 2, 4 s and so on, a little
// different each time so that many terminals do not come at once.
function wait(ending) {
  const backoff = Math.min(2 ** app.attempts, MAX_BACKOFF) * (0.8 + 0.4 * Math.random());
  app.attempts = Math.min(app.attempts + 1, 10);
  const until = performance.now() + Math.max(backoff, ending.after) * 1000;
  setState('waiting');
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (left <= 0) {
      connect();
      return;
    }
    status(sentence(ending.message), `Trying again in ${left} s`);
  };
  clearInterval(app.countdown);
  app.countdown = setInterval(tick, 200);
  tick();
}

function disconnect() {
  clearInterval(app.countdown);
  if (app.session) app.session.leave();
  else {
    setState('idle');
    status('Disconnected.', '');
  }
}

const sentence = (s) => `${s[0].toUpperCase()}${s.slice(1)}${/[.!?]$/.test(s) ? '' : '.'}`;

function askToken(why) {
  setState('idle');
  $('token-row').hidden = false;
  status(sentence(why), '');
  $('token').focus();
}

// ---- Screens ----

const screenAt = (i) => app.screens[i];

function addScreen(index) {
  const frame = $('frame').content.firstElementChild.cloneNode(true);
  $('stage').append(frame);
  const screen = new Screen(index, frame, todo);
  screen.relative = app.relative;
  app.screens.push(screen);
  return screen;
}

// nameScreens takes away the screens that the host does not have.
function nameScreens(known) {
  for (const s of app.screens.splice(Math.max(known.length, 1))) {
    s.frame.remove();
    if (s.window !== window) s.window.close();
  }
  document.title = app.host ? `${app.host} – Shadow Terminal` : 'Shadow Terminal';
  secondButtons();
}

function secondButtons() {
  const open = app.screens.length > 1;
  $('apart').hidden = !open;
  $('second').hidden = !open && !app.closed;
  $('second').setAttribute('aria-pressed', open);
}

// closeSecond takes the second screen away, and the host pauses it.
function closeSecond() {
  const old = app.screens[1];
  if (!old) return;
  app.closed = { stream: old.video.srcObject, shape: old.shape };
  app.screens.length = 1;
  if (old.window !== window) old.window.close();
  else old.frame.remove();
  app.session?.show([true, false]);
  secondButtons();
}

function toggleSecond() {
  if (!app.closed) {
    closeSecond();
    return;
  }
  back(app.closed.stream, app.closed.shape);
  app.closed = null;
  app.session?.show([true, true]);
  secondButtons();
}

// apart moves the second screen to a window of its own, for another monitor.
function apart() {
  const old = app.screens[1];
  if (!old || old.window !== window) return;
  const win = open('/web/screen.html', 'shadow-screen-2', 'popup,width=1280,height=720');
  if (!win) {
    toast('The browser blocked the window');
    return;
  }
  win.addEventListener('load', () => {
    const frame = win.document.getElementById('second');
    const screen = new Screen(1, frame, todo);
    screen.relative = app.relative;
    screen.show(old.video.srcObject);
    screen.setShape(old.shape);
    app.screens[1] = screen;
    old.frame.remove();
    win.addEventListener('focus', focus);
    win.addEventListener('blur', focus);
    win.addEventListener('pagehide', () => { if (app.screens[1] === screen) closeSecond(); });
  });
}

function back(stream, shape) {
  app.screens.length = 1;
  const screen = addScreen(1);
  if (stream) screen.show(stream);
  screen.setShape(shape);
}

// ---- Sound ----

function play(stream) {
  const audio = $('audio');
  audio.srcObject = stream;
  audio.volume = Number($('volume').value) / 100;
  audio.play().catch(() => toast('Click anywhere to hear the sound'));
}

// ---- Focus ----

// focus tells the host whether what the person does is meant for it.
function focus() {
  const documents = [document, ...app.screens.filter((s) => s.window !== window).map((s) => s.document)];
  const typing = document.activeElement?.closest?.('input, select');
  sender.focus(app.state === 'live' && documents.some((d) => d.hasFocus() && !d.hidden) && !typing);
}

// ---- What the person asks for ----

function hotkey(code) {
  const what = { KeyZ: catchMouse, KeyM: toggleRelative, KeyS: toggleStatistics, KeyX: fullScreen, KeyQ: disconnect }[code];
  if (!what) return false;
  sender.release(); // Ctrl+Alt+Shift went to the host
  what();
  return true;
}

function toggleRelative() {
  app.relative = !app.relative;
  $('mouse').setAttribute('aria-pressed', app.relative);
  for (const s of app.screens) {
    s.relative = app.relative;
    if (!app.relative) s.unlock();
    s.drawCursor();
  }
  if (app.relative) catchMouse();
  toast(app.relative ? 'Relative mouse: the host sees motion. Ctrl+Alt+Shift+Z lets it go' : 'Absolute mouse');
}

function catchMouse() {
  const caught = app.screens.find((s) => s.locked);
  if (caught) caught.unlock();
  else if (app.relative) app.screens[0]?.lock().catch(() => toast('Click the picture to catch the mouse'));
}

async function fullScreen() {
  if (document.fullscreenElement) {
    await document.exitFullscreen();
    return;
  }
  try {
    await $('page').requestFullscreen({ navigationUI: 'hide' });
    // Every key goes to the host, Escape and Alt+Tab too; holding Escape leaves.
    await navigator.keyboard?.lock?.();
  } catch (e) {
    toast(`Full screen is not possible: ${e.message}`);
  }
}

function toggleStatistics() {
  const on = $('statistics').hidden;
  $('statistics').hidden = !on;
  $('stats').setAttribute('aria-pressed', on);
}

// ---- What is shown ----

function setState(state) {
  app.state = state;
  document.body.dataset.state = state;
  $('connect').textContent = { idle: 'Connect', connecting: 'Cancel', waiting: 'Try now', live: '' }[state];
  $('give-up').hidden = state !== 'waiting';
  focus();
}

function status(title, detail) {
  $('title').textContent = title;
  $('detail').textContent = detail;
}

function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = text === '';
  clearTimeout(app.toasting);
  if (text && text !== 'The host has gone silent') app.toasting = setTimeout(() => toast(''), 4000);
}

async function measure() {
  const { session } = app;
  if (app.state !== 'live' || !session) return;
  app.figures = await app.statistics.read(session, app.screens);
  if ($('statistics').hidden) return;
  const list = $('figures');
  list.replaceChildren(...rows(app.figures, app.host).flatMap(([name, value]) => {
    const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
    dt.textContent = name;
    dd.textContent = value;
    return [dt, dd];
  }));
}

function wake() {
  document.body.classList.add('awake');
  clearTimeout(app.resting);
  app.resting = setTimeout(() => document.body.classList.remove('awake'), REST);
}

// ---- Wiring ----

$('start').addEventListener('submit', (e) => {
  e.preventDefault();
  if (app.state === 'connecting') {
    disconnect();
    return;
  }
  if ($('token').value) app.token = $('token').value.trim();
  $('token').value = '';
  $('token-row').hidden = true;
  connect();
});
$('give-up').addEventListener('click', disconnect);
for (const [id, what] of Object.entries({
  mouse: toggleRelative, full: fullScreen, stats: toggleStatistics, second: toggleSecond, apart, leave: disconnect,
})) $(id).addEventListener('click', what);
// Buttons of the bar leave the keyboard where it is.
$('bar').addEventListener('mousedown', (e) => { if (!e.target.closest('input')) e.preventDefault(); });
$('volume').addEventListener('input', () => { $('audio').volume = Number($('volume').value) / 100; });
$('volume').addEventListener('change', () => { $('volume').blur(); focus(); });
document.addEventListener('pointerdown', () => { if ($('audio').paused && $('audio').srcObject) $('audio').play().catch(() => {}); });
document.addEventListener('pointermove', wake);
for (const name of ['focus', 'blur', 'focusin', 'focusout']) addEventListener(name, focus);
document.addEventListener('visibilitychange', focus);
document.addEventListener('fullscreenchange', () => $('full').setAttribute('aria-pressed', Boolean(document.fullscreenElement)));
addEventListener('pagehide', () => app.session?.close());
addEventListener('online', () => app.session?.network());
navigator.connection?.addEventListener?.('change', () => app.session?.network());
addEventListener('beforeunload', (e) => { if (app.state === 'live' && document.fullscreenElement) e.preventDefault(); });
setInterval(measure, 1000);
setState('idle');
status('Shadow Terminal', 'The screens, sound and keyboard of this PC, in your browser.');
if (!('RTCPeerConnection' in globalThis)) status('This browser has no WebRTC', 'Use a current Chromium, Edge, Firefox or Safari.');
document.body.classList.add('awake');
