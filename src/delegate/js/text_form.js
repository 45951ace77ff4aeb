// The text form of an envelope (SPEC §3.2).

import { endsInside } from "./cbor.js";
import * as limits from "./limits.js";
import { refuse } from "./refusal.js";

export const PREFIXES = new Map([
  ["dlgt_", [1, limits.TOKEN_BYTES]],
  ["dlgb_", [2, limits.TOKEN_BYTES]],
  ["dlgp_", [3, limits.PRESENTATION_BYTES]],
  ["dlgd_", [5, limits.DISCHARGE_BYTES + 5]],
  ["dlgr_", [6, limits.REVOCATIONS_BYTES]],
  ["dlga_", [7, limits.ASK_BYTES + 7]],
]);

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

// The bytes, and the number of the prefix.
export function fromText(pasted, numbers) {
  const text = trimEnds(pasted);
  const kind = PREFIXES.get(text.slice(0, 5));
  if (!kind || !numbers.includes(kind[0])) refuse("malformed", "no text form of this kind");
  const body = text.slice(5);
  if (body.length > Math.floor((kind[1] * 4) / 3) + 3) refuse("limit_exceeded", "the text is too long");
  const bytes = fromBase64url(body);
  return { number: kind[0], bytes };
}

// Linear, where a pattern with a `+` before `$` is not.
export function trimEnds(text) {
  const blank = (unit) => unit === 0x20 || unit === 0x09 || unit === 0x0d || unit === 0x0a;
  let start = 0;
  let end = text.length;
  while (start < end && blank(text.charCodeAt(start))) start++;
  while (end > start && blank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function fromBase64url(body) {
  let end = body.length;
  while (end > 0 && body[end - 1] === "=") end--;
  for (let i = 0; i < end; i++) {
    const unit = body.charCodeAt(i);
    if (unit > 127 || VALUES[unit] < 0) refuse("malformed", "a character that base64url does not have");
  }
  if (end < body.length) refuse("not_canonical", "padding");
  if (body.length % 4 === 1) refuse("truncated", "the text ends inside a byte");
  const { bytes, rest } = unbase64(body);
  if (rest) refuse(endsInside(bytes) ? "truncated" : "not_canonical", "bits after the last byte");
  return bytes;
}

// `rest` are the bits after the last byte.
function unbase64(body) {
  const bytes = new Uint8Array(Math.floor((body.length * 3) / 4));
  let bits = 0;
  let count = 0;
  let at = 0;
  for (let i = 0; i < body.length; i++) {
    bits = ((bits << 6) | VALUES[body.charCodeAt(i)]) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[at++] = (bits >> count) & 255;
    }
  }
  return { bytes, rest: bits & ((1 << count) - 1) };
}

// The bytes of unpadded base64url, or null: for keys.
export function base64urlOrNull(body) {
  for (let i = 0; i < body.length; i++) {
    const unit = body.charCodeAt(i);
    if (unit > 127 || VALUES[unit] < 0) return null;
  }
  if (body.length % 4 === 1) return null;
  const { bytes, rest } = unbase64(body);
  return rest ? null : bytes;
}

export function toBase64url(bytes) {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    out += ALPHABET[word >> 18] + ALPHABET[(word >> 12) & 63];
    if (i + 1 < bytes.length) out += ALPHABET[(word >> 6) & 63];
    if (i + 2 < bytes.length) out += ALPHABET[word & 63];
  }
  return out;
}
