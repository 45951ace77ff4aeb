// COSE_Sign1 by its bytes, and what is signed (SPEC §3.3).

import { concat, utf8 } from "./bytes.js";
import { decode } from "./cbor.js";
import { ALGORITHM_BYTES } from "./keys.js";
import { refuse } from "./refusal.js";
import { sha256 } from "./sha256.js";

export const BLOCK = utf8("delegate/1 block\0");
export const PROOF = utf8("delegate/1 proof\0");
export const REVOCATION_LIST = utf8("delegate/1 revocations\0");
export const DISCHARGE = utf8("delegate/1 discharge\0");

// From here on nothing is decoded to find out what is wrong with it.
export const LONG = 65535;

const HEAD = concat(Uint8Array.of(0x84, 0x6a), utf8("Signature1"));

// `headered` and `payloaded` are the slices with the heads of their byte strings.
class Signed {
  constructor(algorithm, kid, headered, payloaded, payload, signature) {
    this.algorithm = algorithm;
    this.kid = kid;
    this.headered = headered;
    this.payloaded = payloaded;
    this.payload = payload;
    this.signature = signature;
  }

  // Sig_structure: the bytes that are signed.
  structure(purpose, place) {
    const size = purpose.length + place.length;
    return concat(HEAD, this.headered, Uint8Array.of(0x58, size), purpose, place, this.payloaded);
  }

  id(purpose, place) {
    return sha256(this.structure(purpose, place));
  }
}

export function readSigned(bytes, { long = false } = {}) {
  return framed(bytes, long) ?? faultOf(bytes);
}

const KID_SIZES = new Map([
  [0x43, 0],
  [0x4d, 8],
  [0x58, 32],
]);

function framed(bytes, long) {
  if (bytes[0] !== 0x84) return null;
  const kidSize = KID_SIZES.get(bytes[1]);
  if (kidSize === undefined) return null;
  let at = kidSize === 32 ? 3 : 2;
  if (kidSize === 32 && bytes[2] !== 0x26) return null;
  if (bytes[at++] !== (kidSize ? 0xa2 : 0xa1) || bytes[at++] !== 1) return null;
  const algorithm = ALGORITHM_BYTES.get(bytes[at++]);
  if (algorithm === undefined) return null;
  let kid = null;
  if (kidSize) {
    if (bytes[at++] !== 4) return null;
    if (kidSize === 8 ? bytes[at++] !== 0x48 : bytes[at++] !== 0x58 || bytes[at++] !== 0x20) return null;
    kid = bytes.subarray(at, at + kidSize);
    at += kidSize;
  }
  if (bytes[at++] !== 0xa0) return null;
  const headered = bytes.subarray(1, at - 1);
  const payloadAt = at;
  const size = payloadSize(bytes, at, long);
  if (size === null) return null;
  at += size.head;
  const payload = bytes.subarray(at, at + size.content);
  at += size.content;
  if (bytes[at] !== 0x58 || bytes[at + 1] !== 0x40 || bytes.length !== at + 66) return null;
  return new Signed(algorithm, kid, headered, bytes.subarray(payloadAt, at), payload, bytes.subarray(at + 2));
}

function payloadSize(bytes, at, long) {
  const sizes = { 0x58: [1, 24], 0x59: [2, 0x100], 0x5a: [4, 0x10000] }[bytes[at]];
  if (!sizes || (sizes[0] === 4 && !long) || bytes.length < at + 1 + sizes[0]) return null;
  let content = 0;
  for (let i = 1; i <= sizes[0]; i++) content = content * 256 + bytes[at + i];
  if (content < sizes[1] || content > bytes.length) return null;
  return { head: 1 + sizes[0], content };
}

// SPEC §5.2: what does not fit the bytes is decoded, and named by the first fault of the table.
function faultOf(bytes) {
  if (bytes.length > LONG) refuse("malformed", "no COSE_Sign1");
  const content = decode(bytes);
  const isBytes = (item) => item instanceof Uint8Array;
  if (!Array.isArray(content) || content.length !== 4) refuse("malformed", "no COSE_Sign1");
  const [header, unprotected, payload, signature] = content;
  if (!isBytes(header) || !(unprotected instanceof Map) || !isBytes(payload) || !isBytes(signature)) {
    refuse("malformed", "no COSE_Sign1");
  }
  const labels = decode(header);
  if (unprotected.size) refuse("malformed", "something is in the unprotected map");
  if (!(labels instanceof Map)) refuse("malformed", "a protected header that is no map");
  for (const label of labels.keys()) if (label !== 1n && label !== 4n) refuse("malformed", "another label");
  if (labels.get(1n) !== -19n && labels.get(1n) !== -9n) refuse("unsupported_algorithm", "no algorithm of this format");
  refuse("malformed", "no COSE_Sign1 of this format");
}
