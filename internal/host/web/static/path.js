// What changes of a session's descriptions when it takes another path
// (RFC 8840; docs/PROTOCOL.md, "Another path"), and the servers that help.

export const FRAGMENT = 'application/trickle-ice-sdpfrag';

const ICE = /^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)[:\r\n]/;

const lines = (sdp) => sdp.split('\n').map((l) => l.replace(/\r$/, '')).filter((l) => l !== '').map((l) => `${l}\r\n`);
const rejected = (m) => m.split(' ')[1] === '0';

// fragment is the ICE part of our description; all sections are bundled.
export function fragment(sdp) {
  const all = lines(sdp);
  const first = (start) => all.find((l) => l.startsWith(start)) ?? '';
  return [
    first('m='), first('a=mid:'), first('a=ice-ufrag:'), first('a=ice-pwd:'),
    ...new Set(all.filter((l) => l.startsWith('a=candidate:'))), 'a=end-of-candidates\r\n',
  ].join('');
}

// withPath is the host's answer with the ICE part of a fragment in place of its
// own.
export function withPath(answer, frag) {
  const ice = lines(frag).filter((l) => ICE.test(l));
  const names = ice.filter((l) => l.startsWith('a=ice-'));
  const sections = lines(answer).filter((l) => !ICE.test(l)).join('').split(/^(?=m=)/m);
  let first = true;
  return sections.map((s) => {
    if (!s.startsWith('m=') || rejected(s)) return s;
    const more = first ? ice : names;
    first = false;
    return s + more.join('');
  }).join('');
}

// servers reads the STUN and TURN servers that the host names (RFC 8288 links
// with rel="ice-server").
export function servers(link) {
  const all = [];
  for (const [, url, params] of (link ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*"|\s*;\s*[\w-]+=[^\s;,"]*)*)/g)) {
    const p = {};
    for (const [, name, quoted, plain] of params.matchAll(/;\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))/g)) {
      p[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    }
    if (p.rel !== 'ice-server' || !/^(stun|turn)s?:/.test(url)) continue;
    all.push(p.username === undefined ? { urls: url } : { urls: url, username: p.username, credential: p.credential ?? '' });
  }
  return all.slice(0, 8);
}
