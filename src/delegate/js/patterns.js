// Patterns of actions and resources (SPEC §6.1), and plain form (SPEC §7.2).

import { characters } from "./bytes.js";
import * as limits from "./limits.js";
import { refuse } from "./refusal.js";

const MANY = Symbol("**");
const SPECIAL = "*\\?[]{}";

// A pattern: its segments, each `MANY` or a list of texts with a `*` between any two.
export class Pattern {
  constructor(text, separator) {
    this.text = text;
    this.separator = separator;
    this.length = characters(text);
    if (this.length > limits.PATTERN_CHARACTERS) refuse("limit_exceeded", "a pattern is too long");
    this.segments = splitPattern(text, separator).map(readSegment);
    this.wildcards = countWildcards(this.segments);
  }

  matches(text) {
    const parts = text.split(this.separator);
    // Greedy: what stands between two `**` matches as early as it can; no choice is taken back but the last one.
    let p = 0;
    let t = 0;
    let backP = -1;
    let backT = 0;
    while (t < parts.length) {
      if (p < this.segments.length && this.segments[p] === MANY) {
        backP = ++p;
        backT = t;
      } else if (p < this.segments.length && segmentMatches(this.segments[p], parts[t])) {
        p++;
        t++;
      } else if (backP >= 0) {
        p = backP;
        t = ++backT;
      } else return false;
    }
    while (p < this.segments.length && this.segments[p] === MANY) p++;
    return p === this.segments.length;
  }
}

function splitPattern(text, separator) {
  // A backslash is never before a separator: that is refused when its segment is read.
  return text.split(separator);
}

function readSegment(text) {
  if (text === "**") return MANY;
  const pieces = [""];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "*") {
      if (text[i + 1] === "*") refuse("malformed", "`**` beside another character");
      pieces.push("");
    } else if (character === "\\") {
      i++;
      if (i === text.length || !SPECIAL.includes(text[i])) refuse("malformed", "a backslash before nothing to escape");
      pieces[pieces.length - 1] += text[i];
    } else if (SPECIAL.includes(character)) refuse("malformed", "a character that must be escaped");
    else pieces[pieces.length - 1] += character;
  }
  return pieces;
}

function countWildcards(segments) {
  let count = 0;
  segments.forEach((segment, i) => {
    if (segment !== MANY) count += segment.length - 1;
    else if (segments[i - 1] !== MANY) count++;
  });
  return count;
}

function segmentMatches(pieces, text) {
  if (pieces.length === 1) return pieces[0] === text;
  const first = pieces[0];
  const last = pieces[pieces.length - 1];
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (let i = 1; i < pieces.length - 1; i++) {
    const found = text.indexOf(pieces[i], at);
    if (found < 0 || found + pieces[i].length > end) return false;
    at = found + pieces[i].length;
  }
  return at <= end;
}

// --- plain form ---

const UNNEEDED = new Set(["20", "22", "3C", "3E", "5B", "5D", "5E", "60", "7B", "7C", "7D"]);
const SLASHES = /[\\\u2100\u2101\u2105\u2106\uff0f\ufe68\uff3c]/u;
const DOTS = new Set([".", " ", "\u2024", "\u2025", "\u2026", "\ufe19", "\ufe30", "\ufe52", "\uff0e"]);
const DEFAULT_PORTS = { http: "80", ws: "80", https: "443", wss: "443" };

export function isPlainForm(resource) {
  if (resource === "" || /[\u0000-\u001f\u007f-\u009f?#;]/.test(resource) || SLASHES.test(resource)) return false;
  const decoded = unescapeResource(resource);
  if (decoded === null || SLASHES.test(decoded)) return false;
  for (const segment of decoded.split("/")) {
    if (segment !== "" && [...segment].every((character) => DOTS.has(character))) return false;
  }
  const start = /^([a-z][a-z0-9+.-]*):\/\/(?!\/)/.exec(resource);
  const rest = start ? resource.slice(start[0].length) : resource;
  if (rest.includes("//")) return false;
  const segments = resource.split("/");
  for (let i = 1; i < segments.length; i++) {
    if (/^[A-Za-z]:/.test(segments[i]) && !(start && i === 2)) return false;
  }
  return !start || isPlainHost(start[1], rest.split("/")[0]);
}

// The text with its percent signs decoded, or null where one is not as SPEC §7.2 has it.
function unescapeResource(resource) {
  let out = "";
  for (let i = 0; i < resource.length; ) {
    if (resource[i] !== "%") {
      out += resource[i++];
      continue;
    }
    const run = [];
    while (resource[i] === "%") {
      const digits = resource.slice(i + 1, i + 3);
      if (!/^[0-9A-F]{2}$/.test(digits)) return null;
      const byte = parseInt(digits, 16);
      if (byte < 0x80 && !UNNEEDED.has(digits)) return null;
      run.push(byte);
      i += 3;
    }
    const text = utf8Text(run);
    if (text === null || /[\u0080-\u009f]/.test(text)) return null;
    out += text;
  }
  return out;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
function utf8Text(run) {
  try {
    return strictUtf8.decode(Uint8Array.from(run));
  } catch {
    return null;
  }
}

function isPlainHost(scheme, host) {
  if (!/^[\u0021-\u007e]*$/.test(host) || /[@%A-Z]/.test(host)) return false;
  if (/[.:]$/.test(host) || host.includes(".:")) return false;
  const port = /:([^:\]]*)$/.exec(host);
  if (!port) return true;
  return !port[1].startsWith("0") && DEFAULT_PORTS[scheme] !== port[1];
}
