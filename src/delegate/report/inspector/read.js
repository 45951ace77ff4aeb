// What somebody pasted or dropped: what it is, and what it says. All of it is claimed until `check.js` has checked it.

import { hex } from "./bytes.js";
import { decode } from "./cbor.js";
import { inspect } from "./inspect.js";
import { escaped } from "./names.js";
import { readDischarge } from "./needs.js";
import { printCondition } from "./print_condition.js";
import { Request } from "./request.js";
import { fromText, trimEnds } from "./text_form.js";
import { NEED_NAMES, decodeExpression } from "./tree.js";

const SECRETS = [
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/, "a private key"],
  [/^PuTTY-User-Key-File/m, "a private key"],
  [/"d"\s*:\s*"[\w-]{40,}"/, "a private key (JWK)"],
  [/^(AGE-SECRET-KEY-|ghp_|sk-|AKIA)/m, "a secret"],
];
const KINDS = new Map([
  ["dlgt_", "token"],
  ["dlgb_", "bearer token"],
  ["dlgp_", "presentation"],
  ["dlgd_", "discharge"],
  ["dlgr_", "revocation list"],
  ["dlga_", "ask"],
]);
export const CHAINS = ["token", "bearer token", "presentation"];

// { kind, secret, text }: `secret` names what must not be shown.
export function identify(pasted) {
  const text = trimEnds(pasted);
  if (text === "") return { kind: null, text };
  for (const [pattern, what] of SECRETS) if (pattern.test(text)) return { kind: "secret", secret: what, text: "" };
  const kind = KINDS.get(text.slice(0, 5));
  if (kind) return { kind, text };
  if (/^(ed25519|esp256):\S+ \S+/.test(text)) return { kind: "root", text };
  return { kind: "unknown", text, isJwt: /^ey[\w-]+\.[\w-]+\./.test(text) };
}

export const describeChain = inspect;

// Of a discharge: who says what, for which need of which block.
export function describeDischarge(text) {
  const said = readDischarge(fromText(text, [5]).bytes);
  return {
    "confirmed by": said.name,
    says: printedValue(said.says),
    for: said.need === "fresh" ? "the whole chain: nothing of it has been revoked" : `need ${said.need} of its block`,
    block: said.block,
    request: said.req ? hex(said.req) : "any",
    issued: Number(said.issued),
    expires: Number(said.expires),
  };
}

// Of an ask: what is to be confirmed, for whom, and by whom (SPEC §14.3).
export function describeAsk(text) {
  const item = decode(fromText(text, [7]).bytes);
  const claims = Array.isArray(item) && item[0] === 7n && item[1] instanceof Uint8Array ? decode(item[1]) : null;
  if (!(claims instanceof Map)) throw new Error("not an ask of this format");
  const condition = decodeExpression(claims.get("if"), NEED_NAMES);
  const asked = claims.get("req");
  return {
    holder: escaped(String(claims.get(2n))),
    "on behalf of": escaped(String(claims.get("for"))),
    request: asked ? new Request(...asked).describe() : "any that the chain permits",
    ...(claims.has("can") ? { permits: claims.get("can").map((each) => escaped(String(each))) } : {}),
    ...(claims.has("why") ? { why: escaped(String(claims.get("why"))) } : {}),
    "must hold": printCondition(condition),
    wanted: `${claims.get("of")} of ${claims.get("by").length}`,
    keys: claims.get("by").map(hex),
  };
}

// A value for people, on one line.
export function printedValue(value) {
  if (value instanceof Uint8Array) return `h'${hex(value)}'`;
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${escaped(String(key))}: ${printedValue(item)}`).join(", ")}}`;
  if (Array.isArray(value)) return `[${value.map(printedValue).join(", ")}]`;
  if (typeof value === "string") return JSON.stringify(escaped(value));
  return String(value);
}

// `ed25519:… user:alice@example.com`, one a line; `#` begins a comment.
export function readRoots(text, speaksFor) {
  const patterns = speaksFor.split(/[\s,]+/).filter(Boolean);
  const lines = text.split("\n").map(trimEnds).filter((line) => line && !line.startsWith("#"));
  return lines.map((line) => {
    const [key, name, ...rest] = line.split(" ");
    if (!name || rest.length) throw new Error("a root is its key, a blank and its name: ed25519:\u2026 user:alice@example.com");
    return { key, name, speaksFor: patterns };
  });
}

// The text form of what a file held, if it holds bytes and no text.
export function asText(bytes) {
  const text = new TextDecoder().decode(bytes);
  const number = bytes.length > 1 && bytes[0] >= 0x82 && bytes[0] <= 0x84 ? bytes[1] : 0;
  const prefix = [...KINDS.keys()][{ 1: 0, 2: 1, 3: 2, 5: 3, 6: 4, 7: 5 }[number] ?? -1];
  if (!prefix) return text;
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return prefix + base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
