// The claims of a block (SPEC §4.1), read in the order of its steps.

import { characters, compareBytes } from "./bytes.js";
import { Entries, decode } from "./cbor.js";
import { keyFromCose } from "./keys.js";
import * as limits from "./limits.js";
import { BEARER, isName, isPlain, isServiceName, isTime, isUnit } from "./names.js";
import { refuse } from "./refusal.js";

const text = (value) => typeof value === "string";
const bytes = (value) => value instanceof Uint8Array;
const integer = (value) => typeof value === "bigint";
const array = (value) => Array.isArray(value);
const map = (value) => value instanceof Entries;

// key → [name, major kind, only in block 0], in the order of their encoding.
const TABLE = new Map([
  [1n, ["iss", text, true]],
  [2n, ["sub", text, false]],
  [3n, ["aud", array, false]],
  [4n, ["exp", integer, false]],
  [5n, ["nbf", integer, false]],
  [6n, ["iat", integer, false]],
  [7n, ["cti", bytes, true]],
  [8n, ["cnf", map, false]],
  ["if", ["if", bytes, false]],
  ["can", ["can", bytes, false]],
  ["for", ["for", text, true]],
  ["who", ["who", map, false]],
  ["why", ["why", text, false]],
  ["hops", ["hops", integer, false]],
  ["need", ["need", bytes, false]],
  ["fresh", ["fresh", integer, false]],
  ["budget", ["budget", map, false]],
  ["tenant", ["tenant", text, true]],
]);
const ORDER = new Map([...TABLE.keys()].map((key, place) => [key, place]));

// `key` is the holder's; `can`, `if` and `need` are the bytes of what is read later.
export function readClaims(payload, first) {
  const entries = decode(payload, { lenient: true });
  if (!map(entries)) refuse("malformed", "claims that are no map");
  const claims = {};
  let before = -1;
  for (const { key, value } of entries.list) {
    const row = TABLE.get(key);
    if (!row) refuse("unknown_claim", "a claim that this version does not have");
    const [name, kind, firstOnly] = row;
    if (ORDER.get(key) <= before) refuse("not_canonical", "claims out of order");
    before = ORDER.get(key);
    if (!kind(value)) refuse("malformed", `a claim of another type: ${name}`);
    if (firstOnly && !first) refuse("malformed", `a claim of block 0 alone: ${name}`);
    claims[name] = value;
  }
  const has = (name) => claims[name] !== undefined;
  if (has("cnf") && (claims.cnf.size !== 1 || claims.cnf.list[0].key !== 1n)) refuse("malformed", "cnf of another form");
  for (const name of ["sub", "iat", "cnf"]) if (!has(name)) refuse("malformed", `no ${name}`);
  if (claims.sub !== BEARER && !isName(claims.sub)) refuse("malformed", "sub is no name");
  for (const name of ["iat", "exp", "nbf"]) {
    if (has(name) && !isTime(claims[name])) refuse("malformed", `${name} is no time`);
  }
  if (has("hops") && (claims.hops < 0n || claims.hops > limits.HOPS_MAX)) refuse("malformed", "hops out of range");
  if (has("fresh") && (claims.fresh < 1n || claims.fresh > limits.TIME_MAX)) refuse("malformed", "fresh out of range");
  if (first) checkFirst(claims, has);
  if (has("why")) {
    if (claims.why === "" || !isPlain(claims.why)) refuse("malformed", "why is not plain");
    if (characters(claims.why) > limits.WHY_CHARACTERS) refuse("limit_exceeded", "why is too long");
  }
  for (const name of ["can", "if", "need"]) if (has(name) && !claims[name].length) refuse("malformed", `${name} is empty`);
  claims.key = keyFromCose(claims.cnf.list[0].valueBytes);
  if (has("aud")) checkAudiences(claims.aud);
  if (has("who")) checkFacts(claims.who);
  if (has("budget")) checkBudget(claims.budget);
  return claims;
}

function checkFirst(claims, has) {
  for (const name of ["iss", "exp", "cti", "can"]) if (!has(name)) refuse("malformed", `no ${name}`);
  if (!isName(claims.iss)) refuse("malformed", "iss is no name");
  if (claims.cti.length !== 8) refuse("malformed", "cti has another length");
  if (has("for")) {
    if (!isName(claims.for)) refuse("malformed", "for is no name");
    if (claims.for === claims.iss) refuse("not_canonical", "for is iss");
  }
  if (has("tenant") && !isServiceName(claims.tenant)) refuse("malformed", "no tenant's name");
}

function checkAudiences(audiences) {
  if (audiences.length > limits.AUDIENCES) refuse("limit_exceeded", "too many audiences");
  if (!audiences.length) refuse("malformed", "no audience");
  for (const name of audiences) if (!text(name) || !isServiceName(name)) refuse("malformed", "no service's name");
  if (new Set(audiences).size !== audiences.length) refuse("not_canonical", "an audience twice");
}

function checkOrder(entries) {
  for (let i = 1; i < entries.size; i++) {
    if (compareBytes(entries.list[i - 1].keyBytes, entries.list[i].keyBytes) >= 0) {
      refuse("not_canonical", "map keys out of order");
    }
  }
}

function checkFacts(facts) {
  if (facts.size > limits.WHO_ENTRIES) refuse("limit_exceeded", "too many facts");
  if (!facts.size) refuse("malformed", "no facts");
  for (const { key, value } of facts.list) {
    if (!text(key) || !text(value) || key === "" || !isPlain(key) || !isPlain(value)) refuse("malformed", "no fact");
  }
  for (const { key, value } of facts.list) {
    if (characters(key) > limits.WHO_CHARACTERS || characters(value) > limits.WHO_CHARACTERS) {
      refuse("limit_exceeded", "a fact is too long");
    }
  }
  checkOrder(facts);
}

function checkBudget(budget) {
  if (budget.size > limits.BUDGET_UNITS) refuse("limit_exceeded", "too many units");
  if (!budget.size) refuse("malformed", "no units");
  for (const { key, value } of budget.list) {
    if (!text(key) || !isUnit(key) || !integer(value) || value < 0n) refuse("malformed", "no budget");
  }
  checkOrder(budget);
}
