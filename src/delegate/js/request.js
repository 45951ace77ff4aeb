// Requests: normalised once, their digest and their description (SPEC §7.1).

import { characters, compareText, concat, hasLoneSurrogate, hex, utf8 } from "./bytes.js";
import { encode } from "./cbor.js";
import * as limits from "./limits.js";
import { isPlain } from "./names.js";
import { isPlainForm } from "./patterns.js";
import { refuse } from "./refusal.js";
import { sha256 } from "./sha256.js";

const PURPOSE = utf8("delegate/1 request\0");
export const SPACES = /[\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/;

const wrong = (message) => refuse("malformed", message);

export class Request {
  #isPlain = null;

  constructor(action, resource = null, args = new Map()) {
    if (typeof action !== "string" || action === "") wrong("no action");
    if (characters(action) > limits.ACTION_CHARACTERS) refuse("limit_exceeded", "an action is too long");
    if (hasLoneSurrogate(action) || !isPlain(action) || SPACES.test(action)) wrong("an action that is not plain");
    if (resource !== null) {
      if (typeof resource !== "string" || hasLoneSurrogate(resource)) wrong("no resource");
      if (characters(resource) > limits.RESOURCE_CHARACTERS) refuse("limit_exceeded", "a resource is too long");
    }
    this.action = action;
    this.resource = resource;
    this.args = normalised(args);
    if (!(this.args instanceof Map)) wrong("arguments that are no map");
    const encoding = encode([this.action, this.resource, this.args]);
    if (encoding.length > limits.REQUEST_BYTES) refuse("limit_exceeded", "a request is too large");
    this.digest = sha256(concat(PURPOSE, encoding));
    Object.freeze(this);
  }

  // Is the resource in plain form? Found out once, however many capabilities ask.
  isPlain() {
    this.#isPlain ??= isPlainForm(this.resource);
    return this.#isPlain;
  }

  describe() {
    return `[${[this.action, this.resource, this.args].map(describe).join(", ")}]`;
  }
}

// A value in normal form. Objects of JavaScript are taken for maps.
export function normalised(value, depth = 1) {
  if (value === null || typeof value === "boolean" || value instanceof Uint8Array) return value;
  if (typeof value === "bigint") {
    return value >= limits.INTEGER_MIN && value <= limits.INTEGER_MAX ? value : wrong("an integer beyond 64 bits");
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) wrong("a number that is not finite");
    return Number.isInteger(value) && Math.abs(value) <= limits.EXACT_DOUBLE ? BigInt(value) : value;
  }
  if (typeof value === "string") return hasLoneSurrogate(value) ? wrong("a lone surrogate") : value;
  if (typeof value !== "object") wrong("no value of a request");
  if (depth > limits.REQUEST_DEPTH) refuse("limit_exceeded", "nested too deep");
  if (Array.isArray(value)) return value.map((item) => normalised(item, depth + 1));
  const out = new Map();
  for (const [key, item] of value instanceof Map ? value : Object.entries(value)) {
    if (typeof key !== "string" || hasLoneSurrogate(key)) wrong("no key of a map");
    out.set(key, normalised(item, depth + 1));
  }
  return out;
}

export const isNormal = (value) =>
  typeof value !== "number" || !(Number.isInteger(value) && Math.abs(value) <= limits.EXACT_DOUBLE);

function describe(value) {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return describeDouble(value);
  if (typeof value === "string") return describeText(value);
  if (value instanceof Uint8Array) return `h'${hex(value)}'`;
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  const keys = [...value.keys()].sort((a, b) => utf8(a).length - utf8(b).length || compareText(a, b));
  return `{${keys.map((key) => `${describeText(key)}: ${describe(value.get(key))}`).join(", ")}}`;
}

const SHORT = { '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function describeText(text) {
  let out = '"';
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (SHORT[text[i]]) out += SHORT[text[i]];
    else if (unit >= 0x20 && unit < 0x7f) out += text[i];
    else out += `\\u${unit.toString(16).padStart(4, "0")}`;
  }
  return `${out}"`;
}

// The shortest digits, from 10^16 on and below 10^-4 with an exponent of two digits at least.
function describeDouble(value) {
  const [, digits, sign, power] = /^(.*)e([+-])([0-9]+)$/.exec(value.toExponential());
  const exponent = Number(sign + power);
  if (exponent >= 16 || exponent < -4) return `${digits}e${sign}${power.padStart(2, "0")}`;
  const text = value.toString();
  return /[.e]/.test(text) ? text : `${text}.0`;
}
