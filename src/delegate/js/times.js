// Timestamps and durations as text, and their parts (SPEC §6.6).

import { calendarOf, daysOf } from "./calendar.js";
import { zoneOffset } from "./zones.js";
import { Duration, SECOND, Timestamp, fail } from "./values.js";

const TIME_CHARACTERS = 128;

const monthDays = (year, month) => daysOf(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - daysOf(year, month, 1);

const TIMESTAMP = new RegExp(
  "^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$",
);

export function timestampFromText(text, count) {
  const found = count <= TIME_CHARACTERS ? TIMESTAMP.exec(text) : null;
  if (!found) fail("no timestamp");
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const [zoneHour, zoneMinute] = found[8] ? [Number(found[9]), Number(found[10])] : [0, 0];
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) fail("no such day");
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) fail("no such time");
  const offset = (zoneHour * 3600 + zoneMinute * 60) * (found[8] === "-" ? -1 : 1);
  const seconds = daysOf(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
  return new Timestamp(BigInt(seconds) * SECOND + BigInt((found[7] ?? "").padEnd(9, "0")));
}

// Whole units, toward minus infinity, and what is left.
function split(nanoseconds, unit) {
  let whole = nanoseconds / unit;
  let rest = nanoseconds % unit;
  if (rest < 0n) {
    whole -= 1n;
    rest += unit;
  }
  return [Number(whole), Number(rest)];
}

// 0, 3, 6 or 9 digits, as few as hold it.
function fraction(nanoseconds) {
  if (nanoseconds === 0) return "";
  const digits = String(nanoseconds).padStart(9, "0");
  return `.${digits.endsWith("000000") ? digits.slice(0, 3) : digits.endsWith("000") ? digits.slice(0, 6) : digits}`;
}

const two = (number) => String(number).padStart(2, "0");

export function timestampText(timestamp) {
  const [seconds, rest] = split(timestamp.nanoseconds, SECOND);
  const days = Math.floor(seconds / 86400);
  const { year, month, day } = calendarOf(days);
  const second = seconds - days * 86400;
  const time = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map(two).join(":");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${time}${fraction(rest)}Z`;
}

const UNITS = { h: 3600n * SECOND, m: 60n * SECOND, s: SECOND, ms: 1000000n, us: 1000n, ns: 1n };
const DURATION_PART = /([0-9]{0,20})(?:\.([0-9]{0,20}))?(ms|us|ns|h|m|s)/y;

export function durationFromText(text, count) {
  if (count > TIME_CHARACTERS) fail("no duration");
  const sign = text[0] === "-" ? -1n : 1n;
  const body = text[0] === "-" || text[0] === "+" ? text.slice(1) : text;
  if (body === "0") return new Duration(0n);
  let sum = 0n;
  let at = 0;
  while (at < body.length || at === 0) {
    DURATION_PART.lastIndex = at;
    const found = DURATION_PART.exec(body);
    if (!found || (found[1] === "" && !found[2])) fail("no duration");
    sum += partOf(found[1], found[2] ?? "", UNITS[found[3]]);
    at = DURATION_PART.lastIndex;
  }
  return new Duration(sign * sum);
}

function partOf(whole, decimals, unit) {
  const scaled = BigInt(whole + decimals || "0") * unit;
  const scale = 10n ** BigInt(decimals.length);
  if (scaled % scale) fail("a duration finer than a nanosecond");
  return scaled / scale;
}

export function durationText(duration) {
  const { nanoseconds } = duration;
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  return `${nanoseconds < 0n ? "-" : ""}${magnitude / SECOND}${fraction(Number(magnitude % SECOND))}s`;
}

const HOURS = 6;

// Accessors, numbered from `getFullYear` 0 to `getMilliseconds` 9.
export function accessor(which, [receiver, zone], steps) {
  if (receiver instanceof Duration) {
    if (which < HOURS || zone !== undefined) fail("no such part of a duration");
    const { nanoseconds } = receiver;
    if (which === 9) return (nanoseconds % SECOND) / 1000000n;
    return nanoseconds / (SECOND * [3600n, 60n, 1n][which - HOURS]);
  }
  if (!(receiver instanceof Timestamp)) fail("neither timestamp nor duration");
  const [seconds, rest] = split(receiver.nanoseconds, SECOND);
  let offset = 0;
  if (zone !== undefined) {
    if (typeof zone !== "string") fail("a zone that is no text");
    steps.charge(4);
    offset = zoneOffset(zone, seconds);
  }
  return BigInt(partOfTime(which, seconds + offset, rest));
}

function partOfTime(which, seconds, nanoseconds) {
  const days = Math.floor(seconds / 86400);
  const second = seconds - days * 86400;
  const { year, month, day } = calendarOf(days);
  switch (which) {
    case 0:
      return year;
    case 1:
      return month - 1;
    case 2:
      return day;
    case 3:
      return day - 1;
    case 4:
      return (((days + 4) % 7) + 7) % 7;
    case 5:
      return days - daysOf(year, 1, 1);
    case 6:
      return Math.floor(second / 3600);
    case 7:
      return Math.floor(second / 60) % 60;
    case 8:
      return second % 60;
    default:
      return Math.floor(nanoseconds / 1000000);
  }
}
