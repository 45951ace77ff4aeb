// `int`, `double`, `string` and the like (SPEC §6.6), and what they cost (SPEC §6.5).

import { characters, textOf, utf8 } from "./bytes.js";
import { doubleFromText, doubleText, intFromText } from "./numbers.js";
import { durationFromText, durationText, timestampFromText, timestampText } from "./times.js";
import { Duration, SECOND, Timestamp, fail, kind, per } from "./values.js";

export function toInt(a, steps) {
  switch (kind(a)) {
    case "int":
      return a;
    case "bool":
      return a ? 1n : 0n;
    case "double": {
      if (!(a > -(2 ** 63) && a < 2 ** 63)) fail("a double out of range");
      return BigInt(Math.trunc(a));
    }
    case "string":
      steps.charge(per(characters(a), 64));
      return intFromText(a);
    case "timestamp": {
      const whole = a.nanoseconds / SECOND;
      return a.nanoseconds % SECOND < 0n ? whole - 1n : whole;
    }
    default:
      fail("no int");
  }
}

export function toDouble(a, steps) {
  if (typeof a === "number") return a;
  if (typeof a === "bigint") return Number(a);
  if (typeof a !== "string") fail("no double");
  steps.charge(per(characters(a), 64));
  return doubleFromText(a);
}

export function toText(a, steps) {
  switch (kind(a)) {
    case "string":
      return a;
    case "bool":
      return String(a);
    case "int":
      return a.toString();
    case "double":
      steps.charge(4);
      return doubleText(a);
    case "bytes": {
      steps.charge(per(a.length, 64));
      const text = textOf(a);
      return text === null ? fail("bytes that are not UTF-8") : text;
    }
    case "timestamp":
      steps.charge(4);
      return timestampText(a);
    case "duration":
      steps.charge(4);
      return durationText(a);
    default:
      fail("no text of this type");
  }
}

export function toBytes(a, steps) {
  if (a instanceof Uint8Array) return a;
  if (typeof a !== "string") fail("no bytes");
  steps.charge(per(characters(a), 64));
  return utf8(a);
}

const TRUE_TEXTS = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE_TEXTS = new Set(["0", "f", "F", "false", "FALSE", "False"]);

export function toBool(a) {
  if (typeof a === "boolean") return a;
  if (TRUE_TEXTS.has(a)) return true;
  return FALSE_TEXTS.has(a) ? false : fail("no bool");
}

export function toTimestamp(a, steps) {
  if (a instanceof Timestamp) return a;
  if (typeof a === "bigint") return new Timestamp(a * SECOND);
  if (typeof a !== "string") fail("no timestamp");
  const count = characters(a);
  steps.charge(4 + per(count, 4));
  return timestampFromText(a, count);
}

export function toDuration(a, steps) {
  if (a instanceof Duration) return a;
  if (typeof a !== "string") fail("no duration");
  const count = characters(a);
  steps.charge(4 + per(count, 4));
  return durationFromText(a, count);
}
