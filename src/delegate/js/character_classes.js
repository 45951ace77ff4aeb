// Classes of characters: sorted ranges [first, last, first, last, …] of code points, as the RE2 library has them.

import { GROUPS, ORBITS } from "./unicode_tables.js";

export const LAST = 0x10ffff;

export function normalised(ranges) {
  const pairs = [];
  for (let i = 0; i < ranges.length; i += 2) pairs.push([ranges[i], ranges[i + 1]]);
  pairs.sort((a, b) => a[0] - b[0]);
  const out = [];
  for (const [first, last] of pairs) {
    if (out.length && first <= out[out.length - 1] + 1) out[out.length - 1] = Math.max(out[out.length - 1], last);
    else out.push(first, last);
  }
  return out;
}

export function negated(ranges) {
  const out = [];
  let next = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i] > next) out.push(next, ranges[i] - 1);
    next = ranges[i + 1] + 1;
  }
  if (next <= LAST) out.push(next, LAST);
  return out;
}

export function within(ranges, point) {
  let low = 0;
  let high = ranges.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (point > ranges[2 * middle + 1]) low = middle + 1;
    else high = middle;
  }
  return 2 * low < ranges.length && point >= ranges[2 * low];
}

// Numbers as spec/generate_unicode.py packs them.
function unpacked(text) {
  const out = [];
  let value = 0;
  for (let i = 0; i < text.length; ) {
    const more = "ABCD".indexOf(text[i]);
    const size = more < 0 ? 1 : more + 2;
    if (more >= 0) i++;
    value += parseInt(text.slice(i, i + size), 36);
    i += size;
    out.push(value);
  }
  return out;
}

let orbits = null;
function orbitsOf() {
  orbits ??= ORBITS.split(" ").map(unpacked);
  return orbits;
}

export function folded(ranges) {
  const out = [...ranges];
  for (const orbit of orbitsOf()) {
    if (orbit.some((point) => within(ranges, point))) for (const point of orbit) out.push(point, point);
  }
  return normalised(out);
}

const groups = new Map([["Any", [0, LAST]]]);
// What `\p{name}` stands for, or null.
export function unicodeGroup(name) {
  if (!groups.has(name)) {
    if (!Object.hasOwn(GROUPS, name)) return null;
    // Packed are the first code point and that after the last.
    groups.set(name, unpacked(GROUPS[name]).map((edge, i) => edge - (i % 2)));
  }
  return groups.get(name);
}

const DIGIT = [0x30, 0x39];
const SPACE = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];
export const WORD = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
export const PERL = { d: DIGIT, s: SPACE, w: WORD };
export const POSIX = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  ascii: [0x00, 0x7f],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0x00, 0x1f, 0x7f, 0x7f],
  digit: DIGIT,
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  word: WORD,
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
};
