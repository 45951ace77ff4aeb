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
  const needed = first ? ["iss", "sub", "exp", "iat", "cti", "cnf", "can"] : ["sub", "iat", "cnf"];
  for (const name of needed) if (claims[name] === undefined) refuse("malformed", `no ${name}`);
  for (const [name] of TABLE.values()) if (claims[name] !== undefined) CHECKS[name](claims[name], claims, name);
  if (claims.for !== undefined && claims.for === claims.iss) refuse("not_canonical", "for is iss");
  return claims;
}

const named = (value, _, name) => isName(value) || refuse("malformed", `${name} is no name`);
const timed = (value, _, name) => isTime(value) || refuse("malformed", `${name} is no time`);
const held = (value, _, name) => value.length > 0 || refuse("malformed", `${name} is empty`);

const CHECKS = {
  iss: named,
  sub: (value) => value === BEARER || isName(value) || refuse("malformed", "sub is no name"),
  aud: checkAudiences,
  exp: timed,
  nbf: timed,
  iat: timed,
  cti: (value) => value.length === 8 || refuse("malformed", "cti has another length"),
  cnf(value, claims) {
    if (value.size !== 1 || value.list[0].key !== 1n) refuse("malformed", "cnf of another form");
    claims.key = keyFromCose(value.list[0].valueBytes);
  },
  if: held,
  can: held,
  for: named,
  who: checkFacts,
  why(value) {
    if (value === "" || !isPlain(value)) refuse("malformed", "why is not plain");
    if (characters(value) > limits.WHY_CHARACTERS) refuse("limit_exceeded", "why is too long");
  },
  hops: (value) => (value >= 0n && value <= limits.HOPS_MAX) || refuse("malformed", "hops out of range"),
  need: held,
  fresh: (value) => (value >= 1n && value <= limits.TIME_MAX) || refuse("malformed", "fresh out of range"),
  budget: checkBudget,
  tenant: (value) => isServiceName(value) || refuse("malformed", "no tenant's name"),
};

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
