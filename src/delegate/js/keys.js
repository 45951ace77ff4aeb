// Keys and signatures (SPEC §3.4, §3.5). What WebCrypto would take and the specification does not is refused before it.

import { concat, hex, sameBytes, startsWithBytes, unhex, utf8 } from "./bytes.js";
import { NotEvaluatedHere, refuse } from "./refusal.js";
import { sha256 } from "./sha256.js";
import { base64urlOrNull, toBase64url } from "./text_form.js";

export const ED25519 = -19;
export const ESP256 = -9;

// AL of SPEC §3.3.
export const ALGORITHM_BYTES = new Map([
  [0x32, ED25519],
  [0x28, ESP256],
]);

const ED25519_HEAD = Uint8Array.of(0xa3, 1, 1, 0x20, 6, 0x21, 0x58, 0x20);
const P256_HEAD = Uint8Array.of(0xa4, 1, 2, 0x20, 1, 0x21, 0x58, 0x20);
const P256_MIDDLE = Uint8Array.of(0x22, 0x58, 0x20);
const AKP_HEAD = Uint8Array.of(0xa3, 1, 7, 3);

const FIELD = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const P256_FIELD = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const P256_B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

// The points of low order, the sign bit cleared: each is taken with both signs.
const LOW_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

function withoutSign(encoding) {
  const copy = Uint8Array.from(encoding);
  copy[31] &= 0x7f;
  return copy;
}

const bigEndian = (bytes) => BigInt(`0x${hex(bytes)}`);
const littleEndian = (bytes) => bigEndian(Uint8Array.from(bytes).reverse());
const isLowOrder = (encoding) => LOW_ORDER.has(hex(withoutSign(encoding)));

// `cose` is the COSE_Key as it travels, `material` the 32 bytes of Ed25519 or x and y of P-256.
export class Key {
  constructor(algorithm, cose, material) {
    this.algorithm = algorithm;
    this.cose = cose;
    this.material = material;
    this.thumbprint = sha256(cose);
    this.id = hex(this.thumbprint);
    this.imported = null;
  }
}

export function keyFromCose(cose) {
  if (cose.length === 40 && startsWithBytes(cose, ED25519_HEAD)) return ed25519Key(cose.subarray(8), cose);
  if (cose.length === 75 && startsWithBytes(cose, P256_HEAD) && sameBytes(cose.subarray(40, 43), P256_MIDDLE)) {
    return p256Key(concat(cose.subarray(8, 40), cose.subarray(43)), cose);
  }
  if (startsWithBytes(cose, AKP_HEAD)) refuse("unsupported_algorithm", "a kind of key that is not accepted");
  for (const form of [ED25519_HEAD, P256_HEAD]) {
    if (startsWithBytes(cose, form.subarray(0, 4)) && cose.length > 4 && cose[4] !== form[4]) {
      refuse("unsupported_algorithm", "a curve that is not accepted");
    }
  }
  refuse("malformed", "no key of either form");
}

function ed25519Key(material, cose = concat(ED25519_HEAD, material)) {
  if (littleEndian(withoutSign(material)) >= FIELD) refuse("weak_key", "a key that is not canonically encoded");
  if (isLowOrder(material)) refuse("weak_key", "a key of low order");
  return new Key(ED25519, cose, material);
}

function p256Key(material, cose) {
  const x = bigEndian(material.subarray(0, 32));
  const y = bigEndian(material.subarray(32));
  if (x >= P256_FIELD || y >= P256_FIELD) refuse("weak_key", "a coordinate beyond the field");
  if ((y * y - (x * x * x - 3n * x + P256_B)) % P256_FIELD !== 0n) refuse("weak_key", "not a point of the curve");
  const whole = cose ?? concat(P256_HEAD, material.subarray(0, 32), P256_MIDDLE, material.subarray(32));
  return new Key(ESP256, whole, material);
}

// `ed25519:…` or `esp256:…` (SPEC §2.4).
export function keyFromText(text) {
  const [, kind, rest] = /^(ed25519|esp256):([A-Za-z0-9_-]*)$/.exec(text) ?? refuse("malformed", "no key");
  const material = base64urlOrNull(rest);
  if (material === null || material.length !== (kind === "ed25519" ? 32 : 64)) refuse("malformed", "no key");
  return kind === "ed25519" ? ed25519Key(material) : p256Key(material);
}

// What can be told of a signature without a curve.
export function mayHold(key, signature) {
  if (key.algorithm === ED25519) {
    return littleEndian(signature.subarray(32)) < ORDER && !isLowOrder(signature.subarray(0, 32));
  }
  const r = bigEndian(signature.subarray(0, 32));
  const s = bigEndian(signature.subarray(32));
  return r > 0n && r < P256_ORDER && s > 0n && s < P256_ORDER;
}

// Two signatures over `delegate` that tell an engine with the equation of SPEC §3.5 from others: the first, under a key of
// prime order, holds with the cofactor alone; the second, under a key of mixed order, without it, the hash modulo L.
const PROBES = [
  [
    "62244e218f4deae680de9a6832ab808cbda6da6451c5caae6be7eca4d466b5d9",
    "7cab2ea826b593b2ff454de1a691b2ec84001eec148bca9fab56d4bc3b60f87385b534d9ed24fab10fc96acd88d14c9334752880ba9b1154d6cc112ef46cce0f",
    false,
  ],
  [
    "bd714bc26817786bc082589a0814771ac15a981628f57dc7304c30a8d7e29dd7",
    "055d3067657e15526df39cd85ea81d5469b34db9d1cff8ee5a1bb6710b7cecbd0a0a1613074f23c1754685cc6a44aa589ee2bbf6906175c6ae417178df0ead0a",
    true,
  ],
];

let strict = null;

// Is this engine's Ed25519 that of the specification? Asked once, before its first answer is believed.
function isStrict() {
  strict ??= Promise.all(PROBES.map(([key, signature]) => asked(ed25519Key(unhex(key)), unhex(signature), utf8("delegate")))).then(
    (answers) => answers.every((answer, i) => answer === PROBES[i][2]),
  );
  return strict;
}

async function importedKey(key) {
  const { subtle } = globalThis.crypto;
  if (key.algorithm === ED25519) return subtle.importKey("raw", key.material, { name: "Ed25519" }, false, ["verify"]);
  const raw = concat(Uint8Array.of(4), key.material);
  return subtle.importKey("raw", raw, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
}

// Does the signature hold over the message? A key that does not decode to a point makes none hold.
export async function signatureHolds(key, signature, message) {
  if (!mayHold(key, signature)) return false;
  if (key.algorithm === ED25519 && !(await isStrict())) throw new NotEvaluatedHere("Ed25519, which this engine takes otherwise");
  return asked(key, signature, message);
}

async function asked(key, signature, message) {
  const algorithm = key.algorithm === ED25519 ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
  try {
    key.imported ??= await importedKey(key);
    return await globalThis.crypto.subtle.verify(algorithm, key.imported, signature, message);
  } catch (error) {
    // An engine that has no Ed25519 answers nothing; one that refuses the key answers no.
    if (error?.name === "NotSupportedError") throw new NotEvaluatedHere("signatures of this algorithm");
    return false;
  }
}

const PKCS8_ED25519 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

// Is this the Ed25519 seed of that key (RFC 8032 §5.1.5)?
export async function isSeedOf(seed, key) {
  if (key.algorithm !== ED25519) return false;
  const { subtle } = globalThis.crypto;
  const secret = await subtle.importKey("pkcs8", concat(PKCS8_ED25519, seed), { name: "Ed25519" }, true, ["sign"]);
  const { x } = await subtle.exportKey("jwk", secret);
  return x === toBase64url(key.material);
}
