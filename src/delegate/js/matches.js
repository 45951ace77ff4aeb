// `matches`: what a pattern weighs, told from its text alone, and what it costs (SPEC §6.5, §6.6).

import { characters } from "./bytes.js";
import * as limits from "./limits.js";
import { PatternError, compile } from "./regex.js";
import { fail, per } from "./values.js";

const compiled = new Map();
const KEPT = 64;

export function matches(text, pattern, steps) {
  const size = characters(pattern);
  steps.charge(32 + per(size, 2));
  if (size > limits.REGEX_CHARACTERS) fail("a pattern is too long");
  const weight = weigh(pattern);
  if (weight > limits.REGEX_WEIGHT) fail("a pattern is too heavy");
  steps.charge(8 * weight + per((characters(text) + 1) * (weight + 15), 128));
  let program = compiled.get(pattern);
  if (!program) {
    try {
      program = compile(pattern);
    } catch (error) {
      if (error instanceof PatternError) fail(error.message);
      throw error;
    }
    if (compiled.size >= KEPT) compiled.delete(compiled.keys().next().value);
    compiled.set(pattern, program);
  }
  return program.matches(text);
}

const TOO_MUCH = limits.REGEX_WEIGHT + 1;
const FOLDED = 4;
const GROUP_OF_UNICODE = 256;
const beyond = (character) => character.codePointAt(0) > 0x7f;
const atMost = (weight) => Math.min(weight, TOO_MUCH);

const UNICODE_GROUP = /\\[pP](?:\{[^}]*(?:\}|$)|[^])?/uy;
const QUOTED = /\\Q([^]*?)(?:\\E|$)/uy;
const HEX = /\\x(?:\{[^}]*(?:\}|$))?/uy;
const ESCAPE = /\\[^]/uy;
const CLASS = /\[(\^?\]?(?:\[:\^?[a-z]{1,12}:\]|\\[^]|[^\]])*)(?:\]|$)/uy;
const CLASS_PIECE = /\[:(\^?)[a-z]{1,12}:\]|\\([^])|[^]/uy;
const FLAGS = /\(\?([a-zA-Z-]*)\)/uy;
const OPENING = /\((?:\?([a-zA-Z-]*):|\?P?<[^>]*>)?/uy;
const COUNT = /\{([0-9]+)(?:,([0-9]*))?\}/uy;

export function weigh(pattern) {
  const open = [];
  let sum = 0;
  let last = 0;
  let factor = 1;
  let at = 0;
  let found;
  const take = (expression) => {
    expression.lastIndex = at;
    found = expression.exec(pattern);
    if (found) at = expression.lastIndex;
    return found !== null;
  };
  const piece = (weight) => {
    last = atMost(weight);
    sum = atMost(sum + last);
  };
  const aside = () => {
    sum = atMost(sum + 1);
  };
  while (at < pattern.length) {
    const character = pattern[at];
    if (character === "\\") {
      if (take(UNICODE_GROUP)) piece(GROUP_OF_UNICODE);
      else if (take(QUOTED)) {
        if (found[1] === "") aside();
        else piece(factor * [...found[1]].reduce((total, each) => total + (beyond(each) ? 4 : 1), 0));
      } else if (take(HEX)) piece(factor * 4);
      else if (take(ESCAPE)) piece(factor * ("DSWC".includes(found[0][1]) ? 4 : 1));
      else {
        at++;
        piece(factor);
      }
    } else if ("*+?".includes(character)) {
      at++;
      aside();
    } else if (character === "[") {
      take(CLASS);
      piece(weighClass(found[1], factor));
    } else if (character === "(") {
      if (take(FLAGS)) aside();
      else {
        take(OPENING);
        open.push(sum);
        sum = 0;
        last = 0;
      }
      if (found[1]?.split("-")[0].includes("i")) factor = FOLDED;
    } else if (character === ")") {
      at++;
      if (!open.length) piece(factor);
      else {
        last = Math.max(sum, 1);
        sum = atMost(open.pop() + last);
      }
    } else if (character === "{" && take(COUNT)) {
      const times = Math.max(Number(found[1]), Number(found[2] ?? 0), 1);
      sum = atMost(sum + last * (times - 1));
      last = atMost(last * times);
    } else {
      const whole = String.fromCodePoint(pattern.codePointAt(at));
      at += whole.length;
      piece(factor * (whole === "." || beyond(whole) ? 4 : 1));
    }
  }
  while (open.length) sum = atMost(open.pop() + Math.max(sum, 1));
  return Math.max(sum, 1);
}

function weighClass(content, factor) {
  let count = 0;
  let wide = 0;
  let base = content.startsWith("^") ? 4 : 1;
  let groups = 0;
  let at = 0;
  while (at < content.length) {
    CLASS_PIECE.lastIndex = at;
    const found = CLASS_PIECE.exec(content);
    at = CLASS_PIECE.lastIndex;
    for (const each of found[0]) {
      count++;
      if (beyond(each)) wide++;
    }
    if (found[1]) base = Math.max(base, 4);
    if (found[2] === undefined) continue;
    if (found[2] === "x") base = 8;
    else if ("DSWC".includes(found[2])) base = Math.max(base, 4);
    else if ("pP".includes(found[2])) groups = GROUP_OF_UNICODE;
  }
  if (wide) base = 8;
  return factor * (base + per(count, 4) + 2 * wide) + groups;
}
