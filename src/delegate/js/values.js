// Values of conditions (SPEC §6.2): null, boolean, BigInt for int, number for double, string, Uint8Array, Array, Map,
// Timestamp, Duration. Equality and order, and what they cost (SPEC §6.5).

import { characters, compareBytes, compareText, sameBytes } from "./bytes.js";
import * as limits from "./limits.js";

// An error is a value of a condition: it is thrown, and `&&` and `||` may absorb it.
export class ConditionError {
  constructor(message) {
    this.message = message;
  }
}

export class OutOfSteps {}

export function fail(message) {
  throw new ConditionError(message);
}

export class Steps {
  constructor(most) {
    this.left = most;
  }

  charge(count) {
    if (count > this.left) throw new OutOfSteps();
    this.left -= count;
  }
}

export const SECOND = 1000000000n;

// Nanoseconds since 1970-01-01T00:00:00Z.
export class Timestamp {
  constructor(nanoseconds) {
    if (nanoseconds < Timestamp.LEAST || nanoseconds > Timestamp.MOST) fail("a timestamp out of range");
    this.nanoseconds = nanoseconds;
  }

  static LEAST = -62135596800n * SECOND;
  static MOST = 253402300799n * SECOND + 999999999n;
}

export class Duration {
  constructor(nanoseconds) {
    this.nanoseconds = inRange(nanoseconds);
  }
}

// An int of 64 bits, or an error.
export function inRange(value) {
  if (value < limits.INTEGER_MIN || value > limits.INTEGER_MAX) fail("overflow");
  return value;
}

export function kind(value) {
  if (value === null) return "null";
  const type = typeof value;
  if (type === "bigint") return "int";
  if (type === "number") return "double";
  if (type !== "object") return type === "boolean" ? "bool" : type;
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "map";
  return value instanceof Timestamp ? "timestamp" : "duration";
}

// The lesser number of code points, or of bytes, in time linear in the lesser.
export function lesser(a, b) {
  if (typeof a !== "string") return Math.min(a.length, b.length);
  if (b.length >= 2 * a.length) return characters(a);
  if (a.length >= 2 * b.length) return characters(b);
  return Math.min(characters(a), characters(b));
}

export const per = (count, unit) => Math.floor(count / unit);

export function equal(a, b, steps) {
  const left = kind(a);
  const right = kind(b);
  if (left !== right) {
    if (left === "int" && right === "double") return Number(a) === b;
    if (left === "double" && right === "int") return a === Number(b);
    return false;
  }
  switch (left) {
    case "string":
      steps.charge(per(lesser(a, b), 64));
      return a === b;
    case "bytes":
      steps.charge(per(lesser(a, b), 64));
      return sameBytes(a, b);
    case "list":
      if (a.length !== b.length) return false;
      steps.charge(a.length);
      return a.every((item, i) => equal(item, b[i], steps));
    case "map": {
      if (a.size !== b.size) return false;
      steps.charge(a.size);
      for (const key of a.keys()) if (!b.has(key)) return false;
      let same = true;
      for (const [key, value] of a) if (!equal(value, b.get(key), steps)) same = false;
      return same;
    }
    case "timestamp":
    case "duration":
      return a.nanoseconds === b.nanoseconds;
    default:
      return a === b;
  }
}

// Below 0, 0 or above it; NaN where the two have no order.
export function order(a, b, steps) {
  const left = kind(a);
  const right = kind(b);
  const number = (what) => what === "int" || what === "double";
  if (number(left) && number(right)) {
    if (left === "int" && right === "int") return a < b ? -1 : a > b ? 1 : 0;
    const x = Number(a);
    const y = Number(b);
    return x < y ? -1 : x > y ? 1 : x === y ? 0 : NaN;
  }
  if (left !== right) fail("these types have no order");
  switch (left) {
    case "string":
      steps.charge(per(lesser(a, b), 64));
      return compareText(a, b);
    case "bytes":
      steps.charge(per(lesser(a, b), 64));
      return compareBytes(a, b);
    case "bool":
      return Number(a) - Number(b);
    case "timestamp":
    case "duration":
      return a.nanoseconds < b.nanoseconds ? -1 : a.nanoseconds > b.nanoseconds ? 1 : 0;
    default:
      fail("this type has no order");
  }
}

// The key that a value is in a map, or undefined where it is the key of nothing.
export function mapKey(value) {
  switch (kind(value)) {
    case "string":
    case "int":
    case "bool":
      return value;
    case "double":
      if (!Number.isInteger(value)) return undefined;
      return value >= -(2 ** 63) && value < 2 ** 63 ? BigInt(value) : undefined;
    default:
      fail("no key of a map");
  }
}

// The keys of a map: bools first, then ints, then strings, each ascending.
export function sortedKeys(map) {
  const rank = { bool: 0, int: 1, string: 2 };
  return [...map.keys()].sort((a, b) => {
    const difference = rank[kind(a)] - rank[kind(b)];
    if (difference) return difference;
    if (typeof a === "string") return compareText(a, b);
    return a < b ? -1 : a > b ? 1 : 0;
  });
}
