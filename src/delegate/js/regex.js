// Regular expressions in the syntax of the RE2 library: parsed, compiled, and matched without backtracking.
//
// A text is matched as RE2 matches it: as UTF-8, so that `\B` holds between the bytes of a character and `\C` takes
// one of them. Only whether a pattern matches anywhere is asked, so that groups and greed mean nothing.

import { utf8 } from "./bytes.js";
import { LAST, PERL, POSIX, WORD, folded, negated, normalised, unicodeGroup, within } from "./character_classes.js";

export class PatternError extends Error {}

function wrong(message) {
  throw new PatternError(message);
}

const MOST_REPEATED = 1000;

// --- parsing: nodes are { is, … } ---

const assertion = (what) => ({ is: "assert", what });
const ASSERTIONS = { b: "boundary", B: "no boundary", A: "start", z: "end" };
const isName = (name) =>
  name !== "" &&
  [...name].every((character) =>
    ["L", "Mn", "Mc", "Nl", "Nd", "Pc"].some((group) => within(unicodeGroup(group), character.codePointAt(0))),
  );

class Parser {
  constructor(pattern) {
    this.text = [...pattern];
    this.at = 0;
    this.flags = { i: false, m: false, s: false };
    // Of each open group: its alternatives, the pieces of the one that is read, the flags behind it.
    this.open = [{ alternatives: [], pieces: [], flags: this.flags }];
  }

  get group() {
    return this.open[this.open.length - 1];
  }

  looking(text) {
    return [...text].every((character, i) => this.text[this.at + i] === character);
  }

  parse() {
    let repeated = false;
    while (this.at < this.text.length) {
      const wasRepeated = repeated;
      repeated = false;
      const character = this.text[this.at];
      if (character === "(") this.leftParenthesis();
      else if (character === ")") this.rightParenthesis();
      else if (character === "|") {
        this.at++;
        this.group.alternatives.push(this.group.pieces);
        this.group.pieces = [];
      } else if ("*+?".includes(character)) {
        this.at++;
        repeated = this.repeat(character === "+" ? 1 : 0, character === "?" ? 1 : -1, wasRepeated, false);
      } else if (character === "{") {
        const [least, most] = this.count() ?? [];
        if (least === undefined) {
          this.at++;
          this.literal(0x7b);
        } else repeated = this.repeat(least, most, wasRepeated, true);
      } else if (character === "[") this.characterClass();
      else if (character === "\\") this.backslash();
      else {
        this.at++;
        if (character === "^") this.group.pieces.push(assertion(this.flags.m ? "line start" : "start"));
        else if (character === "$") this.group.pieces.push(assertion(this.flags.m ? "line end" : "end"));
        else if (character === ".") this.group.pieces.push({ is: "class", ranges: this.flags.s ? [0, LAST] : negated([0x0a, 0x0a]) });
        else this.literal(character.codePointAt(0));
      }
    }
    if (this.open.length > 1) wrong("a group without end");
    return this.closed(this.group);
  }

  closed({ alternatives, pieces }) {
    const each = [...alternatives, pieces].map((list) => (list.length === 1 ? list[0] : { is: "sequence", list }));
    return each.length === 1 ? each[0] : { is: "choice", list: each };
  }

  literal(point) {
    this.group.pieces.push({ is: "class", ranges: this.flags.i ? folded([point, point]) : [point, point] });
  }

  leftParenthesis() {
    const group = { alternatives: [], pieces: [], flags: this.flags };
    if (!this.looking("(?")) {
      this.at++;
      this.open.push(group);
      return;
    }
    if (this.looking("(?P<") || this.looking("(?<")) {
      this.at += this.looking("(?P<") ? 4 : 3;
      const end = this.text.indexOf(">", this.at);
      const name = end < 0 ? "" : this.text.slice(this.at, end).join("");
      if (!isName(name)) wrong("no name of a group");
      this.at = end + 1;
      this.open.push(group);
      return;
    }
    this.at += 2;
    const flags = { ...this.flags };
    let set = true;
    let seen = false;
    for (;;) {
      const character = this.text[this.at++];
      if (character === "-" && set) [set, seen] = [false, false];
      else if (character !== undefined && "imsU".includes(character)) {
        flags[character] = set;
        seen = true;
      } else if (character === ":" || character === ")") {
        if (!set && !seen) wrong("no flags behind a minus");
        if (character === ":") this.open.push(group);
        this.flags = flags;
        return;
      } else wrong("no such flags");
    }
  }

  rightParenthesis() {
    if (this.open.length === 1) wrong("a parenthesis that closes nothing");
    this.at++;
    const group = this.open.pop();
    this.flags = group.flags;
    this.group.pieces.push(this.closed(group));
  }

  // `{n}`, `{n,}` or `{n,m}`, or null where the brace is a character like others.
  count() {
    const [whole, least, comma, most] =
      /^\{(0|[1-9][0-9]{0,8})(,(0|[1-9][0-9]{0,8})?)?\}/.exec(this.text.slice(this.at, this.at + 24).join("")) ?? [];
    if (whole === undefined) return null;
    this.at += whole.length;
    if (comma === undefined) return [Number(least), Number(least)];
    return [Number(least), most === undefined ? -1 : Number(most)];
  }

  repeat(least, most, wasRepeated, counted) {
    if (this.text[this.at] === "?") this.at++;
    if (wasRepeated) wrong("a repetition of a repetition");
    if (counted && (least > MOST_REPEATED || most > MOST_REPEATED || (most >= 0 && most < least))) wrong("no such count");
    const { pieces } = this.group;
    if (!pieces.length) wrong("a repetition of nothing");
    const node = { is: "repeat", of: pieces.pop(), least, most, counted };
    if (counted && (least >= 2 || most >= 2) && !countsFit(node, MOST_REPEATED)) wrong("counts that multiply too far");
    pieces.push(node);
    return true;
  }

  backslash() {
    const next = this.text[this.at + 1];
    if (next === undefined) wrong("a backslash at the end");
    if (ASSERTIONS[next]) {
      this.at += 2;
      this.group.pieces.push(assertion(ASSERTIONS[next]));
    } else if (next === "C") {
      this.at += 2;
      this.group.pieces.push({ is: "byte" });
    } else if (next === "Q") {
      this.at += 2;
      while (this.at < this.text.length && !this.looking("\\E")) this.literal(this.text[this.at++].codePointAt(0));
      this.at += 2;
    } else {
      const ranges = this.namedClass();
      if (ranges) this.group.pieces.push({ is: "class", ranges });
      else this.literal(this.escape());
    }
  }

  // `\pL`, `\p{Greek}`, `\d` and the like; null where there is none.
  namedClass() {
    const letter = this.text[this.at + 1];
    if (letter === undefined || !"pPdDsSwW".includes(letter)) return null;
    let ranges;
    let negative = letter < "a";
    this.at += 2;
    if (letter === "p" || letter === "P") {
      let name = this.text[this.at++] ?? wrong("no group of Unicode");
      if (name === "{") {
        const end = this.text.indexOf("}", this.at);
        if (end < 0) wrong("a group of Unicode without end");
        name = this.text.slice(this.at, end).join("");
        this.at = end + 1;
      }
      if (name.startsWith("^")) {
        negative = !negative;
        name = name.slice(1);
      }
      ranges = unicodeGroup(name) ?? wrong("no such group of Unicode");
    } else ranges = PERL[letter.toLowerCase()];
    return this.signed(ranges, negative);
  }

  signed(ranges, negative) {
    const all = this.flags.i ? folded(ranges) : ranges;
    return negative ? negated(all) : all;
  }

  // The code point of an escape.
  escape() {
    const rest = this.text.slice(this.at + 1, this.at + 4).join("");
    const octal = /^(?:[1-7][0-7]{1,2}|0[0-7]{0,2})/.exec(rest);
    if (octal) {
      this.at += 1 + octal[0].length;
      return parseInt(octal[0], 8);
    }
    if (rest[0] === "x") return this.hexadecimal();
    const character = this.text[this.at + 1];
    if (character === undefined) wrong("a backslash at the end");
    const point = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }[character];
    if (point === undefined && !/^[^0-9A-Za-z\u0080-\u{10ffff}]$/u.test(character)) wrong("no such escape");
    this.at += 2;
    return point ?? character.codePointAt(0);
  }

  hexadecimal() {
    let digits;
    if (this.text[this.at + 2] === "{") {
      const end = this.text.indexOf("}", this.at);
      digits = end < 0 ? "" : this.text.slice(this.at + 3, end).join("");
      this.at = end + 1;
    } else {
      digits = this.text.slice(this.at + 2, this.at + 4).join("");
      if (digits.length !== 2) wrong("no such escape");
      this.at += 4;
    }
    const point = /^[0-9a-fA-F]+$/.test(digits) ? parseInt(digits, 16) : LAST + 1;
    return point > LAST ? wrong("no such escape") : point;
  }

  characterClass() {
    this.at++;
    const negative = this.text[this.at] === "^";
    if (negative) this.at++;
    let ranges = [];
    for (let first = true; first || this.text[this.at] !== "]"; first = false) {
      if (this.at >= this.text.length) wrong("a class without end");
      const named = this.posixClass() ?? (this.text[this.at] === "\\" ? this.namedClass() : null);
      ranges = ranges.concat(named ?? this.range());
    }
    this.at++;
    ranges = normalised(ranges);
    this.group.pieces.push({ is: "class", ranges: negative ? negated(ranges) : ranges });
  }

  posixClass() {
    if (!this.looking("[:")) return null;
    let end = this.at + 2;
    while (end + 1 < this.text.length && !(this.text[end] === ":" && this.text[end + 1] === "]")) end++;
    if (end + 1 >= this.text.length) return null;
    const name = this.text.slice(this.at + 2, end).join("");
    this.at = end + 2;
    const negative = name.startsWith("^");
    const bare = negative ? name.slice(1) : name;
    return Object.hasOwn(POSIX, bare) ? this.signed(POSIX[bare], negative) : wrong("no such class");
  }

  range() {
    const first = this.member();
    let last = first;
    if (this.text[this.at] === "-" && this.at + 1 < this.text.length && this.text[this.at + 1] !== "]") {
      this.at++;
      last = this.member();
      if (last < first) wrong("a range that runs backwards");
    }
    return this.flags.i ? folded([first, last]) : [first, last];
  }

  member() {
    if (this.at >= this.text.length) wrong("a class without end");
    return this.text[this.at] === "\\" ? this.escape() : this.text[this.at++].codePointAt(0);
  }
}

// RE2 takes a product of nested counts up to 1000.
function countsFit(node, left) {
  let rest = left;
  if (node.is === "repeat" && node.counted) {
    const times = node.most < 0 ? node.least : node.most;
    if (times > 0) rest = Math.floor(rest / times);
  }
  if (rest === 0) return false;
  if (node.is === "repeat") return countsFit(node.of, rest);
  return (node.list ?? []).every((each) => countsFit(each, rest));
}

// --- compiling: instructions are { is, ranges | what, to, or } ---

const MOST_INSTRUCTIONS = 100000;

function program(root) {
  const instructions = [{ is: "match" }];
  const add = (instruction) =>
    instructions.length < MOST_INSTRUCTIONS ? instructions.push(instruction) - 1 : wrong("a pattern is too large");
  // The instruction where `node` begins, when `next` is what follows it.
  const emit = (node, next) => {
    switch (node.is) {
      case "sequence":
        return node.list.reduceRight((behind, each) => emit(each, behind), next);
      case "choice":
        return node.list.map((each) => emit(each, next)).reduceRight((or, to) => add({ is: "split", to, or }));
      case "repeat": {
        let behind = next;
        if (node.most < 0) {
          const loop = add({ is: "split", to: 0, or: next });
          instructions[loop].to = emit(node.of, loop);
          behind = loop;
        } else for (let i = node.least; i < node.most; i++) behind = add({ is: "split", to: emit(node.of, behind), or: next });
        for (let i = 0; i < node.least; i++) behind = emit(node.of, behind);
        return behind;
      }
      default:
        return add({ ...node, to: next });
    }
  };
  return { start: emit(root, 0), instructions };
}

export function compile(pattern) {
  return new Program(program(new Parser(pattern).parse()));
}

const isWord = (byte) => byte !== undefined && byte < 0x80 && within(WORD, byte);

class Program {
  constructor({ start, instructions }) {
    this.start = start;
    this.instructions = instructions;
    // For each of the next five places: which instructions wait there, and for which place that was said.
    this.marks = Array.from({ length: 5 }, () => new Int32Array(instructions.length).fill(-1));
  }

  matches(text) {
    const bytes = utf8(text);
    const lists = [[], [], [], [], []];
    for (const marks of this.marks) marks.fill(-1);
    for (let at = 0; at <= bytes.length; at++) {
      const list = lists[at % 5];
      if (this.follow(this.start, at, bytes, list)) return true;
      const { point, size } = characterAt(bytes, at);
      // `list` holds what waits at this place, followed through all that takes no character.
      for (const instruction of list) {
        const { is, ranges, to } = this.instructions[instruction];
        if (at === bytes.length) break;
        const step = is === "byte" ? 1 : size && within(ranges, point) ? size : 0;
        if (step && this.follow(to, at + step, bytes, lists[(at + step) % 5])) return true;
      }
      list.length = 0;
    }
    return false;
  }

  // Adds to `list` what an instruction leads to at a place. Is that a match?
  follow(first, at, bytes, list) {
    const marks = this.marks[at % 5];
    const stack = [first];
    while (stack.length) {
      const index = stack.pop();
      if (index === 0) return true;
      if (marks[index] === at) continue;
      marks[index] = at;
      const instruction = this.instructions[index];
      if (instruction.is === "split") stack.push(instruction.or, instruction.to);
      else if (instruction.is !== "assert") list.push(index);
      else if (asserted(instruction.what, bytes, at)) stack.push(instruction.to);
    }
    return false;
  }
}

function asserted(what, bytes, at) {
  switch (what) {
    case "start":
      return at === 0;
    case "end":
      return at === bytes.length;
    case "line start":
      return at === 0 || bytes[at - 1] === 0x0a;
    case "line end":
      return at === bytes.length || bytes[at] === 0x0a;
    default:
      return (isWord(bytes[at - 1]) !== isWord(bytes[at])) === (what === "boundary");
  }
}

// The character that begins at a place, and its bytes: none in the middle of one.
function characterAt(bytes, at) {
  const first = bytes[at];
  if (first === undefined || (first >= 0x80 && first < 0xc0)) return { point: 0, size: 0 };
  if (first < 0x80) return { point: first, size: 1 };
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let point = first & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) point = point * 64 + (bytes[at + i] & 63);
  return { point, size };
}
