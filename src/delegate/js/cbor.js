// Deterministic CBOR (SPEC §3.6).
//
// null, false, true: themselves · integers: BigInt · floats: number · text: string · byte strings: Uint8Array ·
// arrays: Array · maps: Map, with keys of text and BigInt. In the lenient form, where keys are judged by whoever
// reads the claims (SPEC §4.1), a map is `Entries`, with the bytes of each key and value.

import { compareBytes, concat, textOf, utf8 } from "./bytes.js";
import { refuse } from "./refusal.js";
import * as limits from "./limits.js";

export class Entries {
  constructor() {
    this.list = []; // { key, value, keyBytes, valueBytes }
  }

  get size() {
    return this.list.length;
  }

  get(key) {
    return this.list.find((entry) => entry.key === key);
  }
}

// One item and nothing behind it.
export function decode(bytes, { lenient = false } = {}) {
  const reader = new Reader(bytes, lenient);
  const item = reader.item(1);
  if (reader.at !== bytes.length) refuse("not_canonical", "bytes after the item");
  return item;
}

// What a text decoder says of bytes whose last bits do not fit: do they end inside an item?
export function endsInside(bytes) {
  try {
    new Reader(bytes, true).item(1);
    return false;
  } catch (error) {
    if (error.reason === "truncated") return true;
    if (error.reason) return false;
    throw error;
  }
}

const MOST = 2n ** 63n;

export class Reader {
  constructor(bytes, lenient = false) {
    this.bytes = bytes;
    this.at = 0;
    this.lenient = lenient;
    this.itemsLeft = Infinity;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(count) {
    if (count > this.bytes.length - this.at) refuse("truncated", "the bytes end inside an item");
    const start = this.at;
    this.at += count;
    return start;
  }

  // The argument of a head: a number up to 2^53, else a BigInt.
  argument(additional) {
    if (additional < 24) return additional;
    if (additional > 27) refuse(additional === 31 ? "not_canonical" : "malformed", "a head that is not allowed");
    const size = 1 << (additional - 24);
    const start = this.take(size);
    let value;
    let least;
    if (size === 1) [value, least] = [this.bytes[start], 24];
    else if (size === 2) [value, least] = [this.view.getUint16(start), 0x100];
    else if (size === 4) [value, least] = [this.view.getUint32(start), 0x10000];
    else {
      const wide = this.view.getBigUint64(start);
      if (wide < 0x100000000n) refuse("not_canonical", "a head that is not the shortest");
      return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : wide;
    }
    if (value < least) refuse("not_canonical", "a head that is not the shortest");
    return value;
  }

  // An array of so many items at most, each read by `read`.
  arrayOf(most, read) {
    const initial = this.bytes[this.take(1)];
    if (initial >> 5 !== 4) refuse("malformed", "no array");
    const count = this.argument(initial & 31);
    if (count > most) refuse("limit_exceeded", "too many items");
    const items = [];
    for (let i = 0; i < count; i++) items.push(read(this));
    return items;
  }

  item(depth) {
    if (--this.itemsLeft < 0) refuse("malformed", "too many items");
    if (depth > limits.CBOR_DEPTH + 1) refuse("malformed", "nested too deep");
    const initial = this.bytes[this.take(1)];
    const major = initial >> 5;
    const additional = initial & 31;
    if (major === 6) refuse("malformed", "a tag");
    if (major === 7) return this.simple(additional);
    if (additional === 31 && major < 2) refuse("malformed", "no such head");
    const argument = this.argument(additional);
    if (major < 2) {
      const value = BigInt(argument);
      if (value >= MOST) refuse("malformed", "an integer beyond 64 bits");
      return major === 0 ? value : -1n - value;
    }
    if (major < 4) {
      const start = this.take(argument);
      const content = this.bytes.subarray(start, this.at);
      if (major === 2) return content;
      const text = textOf(content);
      if (text === null) refuse("malformed", "text that is not UTF-8");
      return text;
    }
    if (major === 4) {
      const items = [];
      for (let i = 0; i < argument; i++) items.push(this.item(depth + 1));
      return items;
    }
    return this.lenient ? this.entries(argument, depth) : this.map(argument, depth);
  }

  map(count, depth) {
    const map = new Map();
    let before = null;
    for (let i = 0; i < count; i++) {
      const start = this.at;
      const key = this.item(depth + 1);
      if (typeof key !== "string" && !(typeof key === "bigint" && key >= -24n && key < 24n)) {
        refuse("malformed", "a map key that is neither text nor a small integer");
      }
      const encoding = this.bytes.subarray(start, this.at);
      if (before !== null && compareBytes(before, encoding) >= 0) refuse("not_canonical", "map keys out of order");
      before = encoding;
      map.set(key, this.item(depth + 1));
    }
    return map;
  }

  entries(count, depth) {
    const entries = new Entries();
    const seen = new Set();
    for (let i = 0; i < count; i++) {
      const start = this.at;
      const key = this.item(depth + 1);
      const middle = this.at;
      const value = this.item(depth + 1);
      const keyBytes = this.bytes.subarray(start, middle);
      if (seen.size === seen.add(String(keyBytes)).size) refuse("not_canonical", "a map key twice");
      entries.list.push({ key, value, keyBytes, valueBytes: this.bytes.subarray(middle, this.at) });
    }
    return entries;
  }

  simple(additional) {
    if (additional === 20) return false;
    if (additional === 21) return true;
    if (additional === 22) return null;
    if (additional === 25) return this.float(half(this.view, this.take(2)), 2);
    if (additional === 26) return this.float(this.view.getFloat32(this.take(4)), 4);
    if (additional === 27) return this.float(this.view.getFloat64(this.take(8)), 8);
    if (additional === 24) this.take(1);
    refuse("malformed", "a simple value that is not allowed");
  }

  float(value, size) {
    if (!Number.isFinite(value)) refuse("malformed", "a float that is not finite");
    if (shortestFloat(value) < size) refuse("not_canonical", "a float that a shorter one equals");
    return value;
  }
}

function half(view, at) {
  const bits = view.getUint16(at);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 25) * (1024 + fraction) : sign * 2 ** -24 * fraction;
}

// How many bytes the shortest float has that equals a finite one.
function shortestFloat(value) {
  if (Math.fround(value) !== value) return 8;
  const magnitude = Math.abs(value);
  if (magnitude > 65504) return 4;
  // 11 bits of precision, and nothing finer than 2^-24.
  const unit = magnitude < 2 ** -14 ? 2 ** -24 : 2 ** (Math.floor(Math.log2(magnitude)) - 10);
  return Number.isInteger(magnitude / unit) ? 2 : 4;
}

export function encode(item) {
  const parts = [];
  write(item, parts);
  return concat(...parts);
}

function head(major, argument) {
  const first = major << 5;
  const value = BigInt(argument);
  if (value < 24n) return Uint8Array.of(first | Number(value));
  if (value < 0x100n) return Uint8Array.of(first | 24, Number(value));
  const size = value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8;
  const out = new Uint8Array(1 + size);
  out[0] = first | (size === 2 ? 25 : size === 4 ? 26 : 27);
  let rest = value;
  for (let i = size; i > 0; i--) {
    out[i] = Number(rest & 255n);
    rest >>= 8n;
  }
  return out;
}

function write(item, parts) {
  if (item === null) parts.push(Uint8Array.of(0xf6));
  else if (item === false || item === true) parts.push(Uint8Array.of(item ? 0xf5 : 0xf4));
  else if (typeof item === "bigint") parts.push(item >= 0n ? head(0, item) : head(1, -1n - item));
  else if (typeof item === "number") parts.push(writeFloat(item));
  else if (typeof item === "string") {
    const content = utf8(item);
    parts.push(head(3, content.length), content);
  } else if (item instanceof Uint8Array) parts.push(head(2, item.length), item);
  else if (Array.isArray(item)) {
    parts.push(head(4, item.length));
    for (const each of item) write(each, parts);
  } else {
    parts.push(head(5, item.size));
    const entries = [...item].map(([key, value]) => [encode(key), value]);
    entries.sort(([a], [b]) => compareBytes(a, b));
    for (const [key, value] of entries) {
      parts.push(key);
      write(value, parts);
    }
  }
}

function writeFloat(value) {
  const size = shortestFloat(value);
  const out = new Uint8Array(1 + size);
  const view = new DataView(out.buffer);
  out[0] = size === 8 ? 0xfb : size === 4 ? 0xfa : 0xf9;
  if (size === 8) view.setFloat64(1, value);
  else if (size === 4) view.setFloat32(1, value);
  else view.setUint16(1, halfBits(value));
  return out;
}

function halfBits(value) {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  return sign | ((exponent + 15) << 10) | (magnitude / 2 ** (exponent - 10) - 1024);
}
