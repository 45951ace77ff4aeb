// Time zones (SPEC §6.6): an offset, or a name of the time zone database.

import { daysOf } from "./calendar.js";
import { NotEvaluatedHere } from "./refusal.js";
import { fail } from "./values.js";
import { ZONES } from "./zone_tables.js";

const byName = new Map(ZONES.flatMap(([names, zone]) => names.split(" ").map((name) => [name, zone])));
const read = new Map();

// How many seconds a zone is ahead of UTC at an instant.
export function zoneOffset(zone, seconds) {
  const found = /^([+-]?)([0-9]{2}):([0-9]{2})$/.exec(zone);
  if (found) {
    const [hours, minutes] = [Number(found[2]), Number(found[3])];
    if (hours > 23 || minutes > 59) fail("no zone");
    return (hours * 3600 + minutes * 60) * (found[1] === "-" ? -1 : 1);
  }
  if (!ZONES.length) throw new NotEvaluatedHere("time zones by their names");
  if (!byName.has(zone)) fail("no zone");
  if (!read.has(zone)) read.set(zone, readZone(byName.get(zone)));
  const { first, moments, offsets, last, rule } = read.get(zone);
  if (rule && seconds >= last) return ruleOffset(rule, seconds);
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seconds >= moments[middle]) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? first : offsets[low - 1];
}

function readZone(packed) {
  const [table, last, rule] = packed.split("|");
  const [first, ...transitions] = table.split(" ");
  const moments = [];
  const offsets = [];
  let moment = 0;
  for (const each of transitions) {
    const [since, offset] = each.split(":").map((digits) => parseInt(digits, 36));
    moment += since;
    moments.push(moment);
    offsets.push(offset);
  }
  return {
    first: parseInt(first, 36),
    moments,
    offsets,
    last: last === "" ? -Infinity : parseInt(last, 36),
    rule: rule === "" ? null : readRule(rule),
  };
}

// --- the rule of a zone: `CET-1CEST,M3.5.0,M10.5.0/3` ---

const RULE = /^(?:<[^>]+>|[A-Za-z]+)([-+0-9:]+)(?:(?:<[^>]+>|[A-Za-z]+)([-+0-9:]*),([^,]+),([^,]+))?$/;

function readRule(rule) {
  const [, standard, summer, begins, ends] = RULE.exec(rule);
  const offset = -readClock(standard);
  if (begins === undefined) return { offset, summer: null };
  return { offset, summer: summer === "" ? offset + 3600 : -readClock(summer), begins: readDay(begins), ends: readDay(ends) };
}

// Hours, minutes and seconds as seconds.
function readClock(text) {
  const [hours, minutes = 0, seconds = 0] = text.replace(/^[-+]/, "").split(":").map(Number);
  return (hours * 3600 + minutes * 60 + seconds) * (text.startsWith("-") ? -1 : 1);
}

function readDay(text) {
  const [, month, week, day, clock] = /^M([0-9]+)\.([0-9]+)\.([0-9]+)(?:\/(.+))?$/.exec(text);
  return { month: Number(month), week: Number(week), day: Number(day), clock: clock === undefined ? 7200 : readClock(clock) };
}

// Seconds since 1970 by a clock that shows local time.
function localMoment({ month, week, day, clock }, year) {
  const first = daysOf(year, month, 1);
  const weekday = (((first + 4) % 7) + 7) % 7;
  let days = first + ((day - weekday + 7) % 7) + (week - 1) * 7;
  const next = month === 12 ? daysOf(year + 1, 1, 1) : daysOf(year, month + 1, 1);
  if (days >= next) days -= 7;
  return days * 86400 + clock;
}

function ruleOffset({ offset, summer, begins, ends }, seconds) {
  if (summer === null) return offset;
  const year = new Date((seconds + offset) * 1000).getUTCFullYear();
  const start = localMoment(begins, year) - offset;
  const end = localMoment(ends, year) - summer;
  const inside = start < end ? seconds >= start && seconds < end : seconds >= start || seconds < end;
  return inside ? summer : offset;
}
