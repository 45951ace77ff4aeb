// Conditions as text: CEL in the profile of SPEC §6.7 and §6.8, as policies and the capabilities of roots are given.

import { characters, concat, utf8 } from "./bytes.js";
import * as limits from "./limits.js";
import { refuse } from "./refusal.js";
import { ACCESSORS, FOLD_NAMES, FUNCTIONS, METHODS, NAMESPACED, PRODUCTS, RELATIONS, SUMS } from "./syntax.js";
import * as tree from "./tree.js";

const wrong = (message) => refuse("malformed", message);

export function parseCondition(text, names = tree.NAMES) {
  if (characters(text) > limits.EXPRESSION_CHARACTERS) wrong("a condition is too long");
  const parser = new Parser(tokens(text), names);
  const root = parser.expression();
  if (parser.token.kind !== "end") wrong("something behind the condition");
  tree.checkBounds(root);
  return root;
}

// --- tokens: { kind, text, value } ---

const KEYWORDS = new Set(["in", "true", "false", "null"]);
const BLANK = /(?:[ \t\n\f\r]+|\/\/[^\n]*)+/y;
const WORD = /[_a-zA-Z][_a-zA-Z0-9]*/y;
const QUOTED_WORD = /`([A-Za-z0-9_.\-/ ]+)`/y;
const FLOAT = /(?:[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)/y;
const INTEGER = /0x[0-9a-fA-F]+|[0-9]+/y;
const OPERATOR = /&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}]/y;

function tokens(text) {
  const out = [];
  let at = 0;
  const take = (expression) => {
    expression.lastIndex = at;
    const found = expression.exec(text);
    if (found) at = expression.lastIndex;
    return found;
  };
  for (;;) {
    take(BLANK);
    if (at === text.length) break;
    const quoted = readQuoted(text, at);
    if (quoted) {
      at = quoted.end;
      out.push({ kind: "literal", value: quoted.value });
      continue;
    }
    let found;
    if ((found = take(WORD))) out.push({ kind: "word", text: found[0] });
    else if ((found = take(QUOTED_WORD))) out.push({ kind: "quoted word", text: found[1] });
    else if ((found = take(FLOAT))) out.push({ kind: "number", value: Number(found[0]) });
    else if ((found = take(INTEGER))) out.push({ kind: "number", value: BigInt(found[0]) });
    else if ((found = take(OPERATOR))) out.push({ kind: found[0] });
    else wrong("a character that has no meaning here");
    if (out[out.length - 1].kind === "number") {
      if (/[_a-zA-Z0-9]/.test(text[at] ?? "")) wrong("a number that runs into a word");
      if (out[out.length - 1].value === Infinity) wrong("a double out of range");
    }
  }
  out.push({ kind: "end" });
  return out;
}

const QUOTED_START = /([rR]|[bB][rR]?)?("""|'''|"|')/y;
const ESCAPES = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, "\\": 92, "?": 63, '"': 34, "'": 39, "`": 96 };
const ESCAPE_FORMS = [
  ["x", /[0-9a-fA-F]{2}/y, 16],
  ["X", /[0-9a-fA-F]{2}/y, 16],
  ["u", /[0-9a-fA-F]{4}/y, 16],
  ["U", /[0-9a-fA-F]{8}/y, 16],
];

// A string or bytes that begin at a place: { value, end }, or null.
function readQuoted(text, start) {
  QUOTED_START.lastIndex = start;
  const found = QUOTED_START.exec(text);
  if (!found) return null;
  const prefix = (found[1] ?? "").toLowerCase();
  const quote = found[2];
  const asBytes = prefix.includes("b");
  const raw = prefix.includes("r");
  const parts = [];
  let at = QUOTED_START.lastIndex;
  while (!text.startsWith(quote, at)) {
    if (at >= text.length) wrong("a text without end");
    if (text[at] === "\\" && !raw) {
      const escape = readEscape(text, at + 1, asBytes);
      parts.push(escape.part);
      at = escape.end;
      continue;
    }
    if (quote.length === 1 && (text[at] === "\n" || text[at] === "\r")) wrong("a line end in a text");
    const whole = String.fromCodePoint(text.codePointAt(at));
    parts.push(asBytes ? utf8(whole) : whole);
    at += whole.length;
  }
  return { value: asBytes ? concat(...parts) : parts.join(""), end: at + quote.length };
}

function readEscape(text, at, asBytes) {
  const letter = text[at];
  const end = { point: ESCAPES[letter], at: at + 1 };
  const octal = /[0-3][0-7]{2}/y;
  octal.lastIndex = at;
  const found = octal.exec(text);
  if (found) [end.point, end.at] = [parseInt(found[0], 8), at + 3];
  for (const [name, digits, base] of ESCAPE_FORMS) {
    if (letter !== name) continue;
    digits.lastIndex = at + 1;
    const read = digits.exec(text);
    if (!read || (asBytes && (name === "u" || name === "U"))) wrong("no such escape");
    [end.point, end.at] = [parseInt(read[0], base), at + 1 + read[0].length];
  }
  const { point } = end;
  if (point === undefined || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) wrong("no such escape");
  return { part: asBytes ? Uint8Array.of(point) : String.fromCodePoint(point), end: end.at };
}

// --- the grammar ---

class Parser {
  constructor(list, names) {
    this.list = list;
    this.at = 0;
    this.names = names;
    this.depth = 0;
  }

  get token() {
    return this.list[this.at];
  }

  take(kind) {
    if (this.token.kind !== kind) return null;
    return this.list[this.at++];
  }

  expect(kind) {
    return this.take(kind) ?? wrong(`expected ${kind}`);
  }

  nested(work, levels = 1) {
    this.depth += levels;
    if (this.depth > limits.SYNTAX_DEPTH) wrong("nested too deep");
    const result = work();
    this.depth -= levels;
    return result;
  }

  // or [ "?" or ":" expression ]
  expression() {
    const test = this.junction("||", tree.OR, () => this.junction("&&", tree.AND, () => this.relation()));
    if (!this.take("?")) return test;
    return this.nested(() => {
      const then = this.junction("||", tree.OR, () => this.junction("&&", tree.AND, () => this.relation()));
      this.expect(":");
      return tree.node(tree.CONDITION, [test, then, this.expression()]);
    });
  }

  junction(kind, op, operand) {
    const list = [operand()];
    while (this.take(kind)) list.push(operand());
    if (list.length === 1) return list[0];
    return tree.node(op, list.flatMap((each) => (each.op === op ? each.kids : [each])));
  }

  chain(table, operand) {
    let left = operand();
    for (;;) {
      const kind = this.token.kind === "word" ? this.token.text : this.token.kind;
      const op = table.get(kind);
      if (op === undefined) return left;
      this.at++;
      left = tree.node(op, [left, operand()]);
    }
  }

  relation() {
    return this.chain(RELATIONS, () => this.chain(SUMS, () => this.chain(PRODUCTS, () => this.unary())));
  }

  // Signs of one kind may follow each other: an even number of them is none.
  unary() {
    const { negated, op, count } = this.signs();
    const operand = this.nested(() => this.member(), count);
    return negated ? tree.node(op, [operand]) : operand;
  }

  signs() {
    const { kind } = this.token;
    let [negated, count] = [false, 0];
    if (kind !== "!" && kind !== "-") return { negated, op: null, count };
    while (this.token.kind === kind && !this.isNegativeNumber()) {
      this.at++;
      count++;
      negated = !negated;
    }
    return { negated, count, op: kind === "!" ? tree.NOT : tree.NEGATE };
  }

  isNegativeNumber() {
    return this.token.kind === "-" && this.list[this.at + 1].kind === "number";
  }

  member() {
    return this.selected().operand;
  }

  // A member, and where it ends in a field, what that is a field of.
  selected() {
    let operand = this.primary();
    let before = null;
    for (;;) {
      if (this.take(".")) {
        const word = this.take("quoted word") ?? this.expect("word");
        const isMethod = word.kind === "word" && this.token.kind === "(";
        if (word.kind === "word" && KEYWORDS.has(word.text)) wrong("a word that is no field");
        before = isMethod ? null : { operand, field: word.text };
        operand = isMethod ? this.method(operand, word.text) : tree.select(operand, word.text);
      } else if (this.take("[")) {
        const key = this.nested(() => this.expression());
        this.expect("]");
        const isField = key.op === tree.LITERAL && typeof key.value === "string";
        operand = isField ? tree.select(operand, key.value) : tree.node(tree.INDEX, [operand, key]);
        before = null;
      } else return { operand, before };
    }
  }

  method(receiver, name) {
    if (FOLD_NAMES.has(name)) return this.fold(receiver, name);
    const list = this.operands();
    if (METHODS.has(name) && list.length === 1) return tree.node(METHODS.get(name), [receiver, ...list]);
    if (ACCESSORS.has(name) && list.length <= 1) return tree.node(ACCESSORS.get(name), [receiver, ...list]);
    if (name === "size" && !list.length) return tree.node(tree.SIZE, [receiver]);
    return wrong("no such method");
  }

  operands() {
    this.expect("(");
    return this.nested(() => this.list_of(")", () => this.expression(), false));
  }

  // Items up to a closing sign; a comma may end a list that has one.
  list_of(end, item, mayEnd) {
    const list = [];
    if (this.take(end)) return list;
    for (;;) {
      list.push(item());
      if (this.take(end)) return list;
      this.expect(",");
      if (mayEnd && this.take(end)) return list;
    }
  }

  fold(range, name) {
    this.expect("(");
    return this.nested(() => {
      const variable = this.expect("word").text;
      if (!tree.isVariable(variable)) wrong("no variable");
      const outer = this.names;
      this.names = [...outer, variable];
      const bodies = [];
      while (this.take(",")) bodies.push(this.expression());
      this.expect(")");
      this.names = outer;
      const some = name === "map" && bodies.length === 2;
      if (bodies.length !== 1 && !some) wrong("another number of operands");
      return tree.fold(some ? tree.MAP_SOME : FOLD_NAMES.get(name), range, variable, bodies);
    });
  }

  primary() {
    const negative = this.isNegativeNumber();
    if (negative) this.at++;
    const { token } = this;
    this.at++;
    if (token.kind === "number") return numeric(token.value, negative);
    if (token.kind === "literal") return tree.literal(token.value);
    if (token.kind === "(") {
      const inner = this.nested(() => this.expression());
      this.expect(")");
      return inner;
    }
    if (token.kind === "[") return tree.node(tree.LIST, this.nested(() => this.list_of("]", () => this.expression(), true)));
    if (token.kind === "{") return this.map();
    if (token.kind !== "word") wrong("no operand");
    return this.word(token.text);
  }

  map() {
    const entry = () => {
      const key = this.expression();
      this.expect(":");
      return [key, this.expression()];
    };
    return tree.node(tree.MAP, this.nested(() => this.list_of("}", entry, true)).flat());
  }

  word(text) {
    if (text === "true" || text === "false") return tree.literal(text === "true");
    if (text === "null") return tree.literal(null);
    if (this.token.kind === "(") return this.call(text);
    const next = this.list[this.at + 1];
    if (this.token.kind === "." && next.kind === "word" && this.list[this.at + 2].kind === "(" && !this.names.includes(text)) {
      const [op, count] = NAMESPACED.get(`${text}.${next.text}`) ?? wrong("no such function");
      this.at += 2;
      const list = this.operands();
      if (list.length !== count) wrong("another number of operands");
      return tree.node(op, list);
    }
    if (KEYWORDS.has(text) || !this.names.includes(text)) wrong("a name that may not be read");
    return tree.path([text]);
  }

  call(name) {
    if (name === "has") return this.has();
    const list = this.operands();
    if (FUNCTIONS.has(name) && list.length === 1) return tree.node(FUNCTIONS.get(name), list);
    if (name === "matches" && list.length === 2) return tree.node(tree.MATCHES, list);
    return wrong("no such function");
  }

  // The operand must end in a field that is written as one.
  has() {
    this.expect("(");
    return this.nested(() => {
      if (this.signs().negated) wrong("`has` of what is no field");
      const { before } = this.selected();
      this.expect(")");
      if (before === null) wrong("`has` of what is no field");
      const { operand, field } = before;
      return operand.op === tree.PATH ? tree.has([...operand.parts, field]) : tree.node(tree.HAS_FIELD, [operand], { field });
    });
  }
}

function numeric(value, negative) {
  const signed = negative ? -value : value;
  if (typeof signed === "bigint" && (signed < limits.INTEGER_MIN || signed > limits.INTEGER_MAX)) wrong("an integer out of range");
  return tree.literal(signed);
}
