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

// The algorithm of SPEC §6.6, on an array of code points.
const TOO_MUCH = limits.REGEX_WEIGHT + 1;
const atMost = (weight) => Math.min(weight, TOO_MUCH);
const isBeyond = (character) => character > "\x7f";
const isDigit = (character) => character >= "0" && character <= "9";
const isSmall = (character) => character >= "a" && character <= "z";
const isFlag = (character) => isSmall(character) || (character >= "A" && character <= "Z") || character === "-";

export function weigh(pattern) {
  const text = [...pattern];
  const open = [0]; // the weight of each group that is open, what is in none first
  let last = 0; // what a count would repeat
  let times = 1; // 4 behind a flag `i`, to the end of the pattern
  const inside = (weight) => {
    open[open.length - 1] = atMost(open[open.length - 1] + weight);
  };
  for (let at = 0; at < text.length; ) {
    const end = endOfPiece(text, at);
    const piece = text.slice(at, end).join("");
    at = end;
    if (["*", "+", "?", "\\Q", "\\Q\\E"].includes(piece)) inside(1);
    else if (piece.length > 1 && piece[0] === "{") {
      const count = greatestCount(piece);
      last = atMost(last * count);
      inside(last - Math.floor(last / count));
    } else if (piece === ")" && open.length > 1) {
      last = Math.max(1, open.pop());
      inside(last);
    } else if (piece[0] === "(") {
      if (!piece.includes("<") && piece.split("-")[0].includes("i")) times = 4;
      if (piece.endsWith(")")) inside(1);
      else open.push(0);
    } else {
      last = weightOfPiece(piece, times);
      inside(last);
    }
  }
  return atMost(Math.max(1, open.reduce((sum, weight) => sum + weight)));
}

const run = (text, from, belongs) => {
  let at = from;
  while (at < text.length && belongs(text[at])) at++;
  return at;
};

// Behind a sign, or behind a backslash and `E`, from two characters on; else at the end.
function behind(text, at, first, second = null) {
  for (let i = at + 2; i < text.length; i++) {
    if (text[i] !== first || (second !== null && text[i + 1] !== second)) continue;
    return second === null ? i + 1 : i + 2;
  }
  return text.length;
}

function endOfPiece(text, at) {
  const [first, second, third] = [text[at], text[at + 1], text[at + 2]];
  const shortened = (end) => Math.min(end, text.length);
  if (first === "\\") {
    if (third === "{" && (second === "p" || second === "P" || second === "x")) return behind(text, at, "}");
    if (second === "p" || second === "P") return shortened(at + 3);
    return second === "Q" ? behind(text, at, "\\", "E") : shortened(at + 2);
  }
  if (first === "[") return endOfClass(text, at + 1);
  if (first === "(" && second === "?") return endOfOpening(text, at);
  if (first === "{") {
    const least = run(text, at + 1, isDigit);
    const most = run(text, text[least] === "," ? least + 1 : least, isDigit);
    if (least > at + 1 && text[most] === "}") return most + 1;
  }
  return at + 1;
}

function endOfOpening(text, at) {
  const flags = run(text, at + 2, isFlag);
  if (text[flags] === ")" || text[flags] === ":") return flags + 1;
  const head = text[at + 2] === "<" ? 3 : text[at + 2] === "P" && text[at + 3] === "<" ? 4 : 0;
  if (!head) return at + 1;
  const end = run(text, at + head, (character) => !"()<>".includes(character));
  return text[end] === ">" ? end + 1 : at + 1;
}

function endOfClass(text, from) {
  let at = from;
  if (text[at] === "^") at++;
  if (text[at] === "]") at++;
  while (at < text.length && text[at] !== "]") {
    const first = text[at + 2] === "^" ? at + 3 : at + 2;
    const isName = text[at] === "[" && text[at + 1] === ":";
    const name = isName ? run(text, first, isSmall) : first;
    if (name - first >= 1 && name - first <= 12 && text[name] === ":" && text[name + 1] === "]") at = name + 2;
    else at += text[at] === "\\" ? 2 : 1;
  }
  return Math.min(at + 1, text.length);
}

const WIDE = ["[^", "[:^", "\\D", "\\S", "\\W", "\\C"];

function weightOfPiece(piece, times) {
  const all = [...piece];
  const beyond = all.filter(isBeyond).length;
  if (piece.startsWith("\\Q")) {
    const inner = all.length - 2 - (piece.endsWith("\\E") ? 2 : 0);
    return atMost((inner + 3 * beyond) * times);
  }
  const heavy = piece.includes("\\p") || piece.includes("\\P") ? 256 : 0;
  const wide = WIDE.some((part) => piece.includes(part));
  if (piece[0] === "[" && all.length > 1) {
    const base = beyond || piece.includes("\\x") ? 8 : wide ? 4 : 1;
    return atMost(heavy + (base + per(all.length - 2, 4) + 2 * beyond) * times);
  }
  if (heavy) return heavy;
  return (piece === "." || wide || isBeyond(all[0]) || piece.startsWith("\\x") ? 4 : 1) * times;
}

function greatestCount(piece) {
  const counts = piece.slice(1, -1).split(",").filter((digits) => digits !== "").map((digits) => atMost(Number(digits)));
  return Math.max(1, ...counts);
}
