// The tree of a condition: opcodes, and reading it from what CBOR decoded (SPEC §6.3, §6.4).
//
// A node is `{ op, cost, own, … }`: flat forms become the general ones, a literal has the opcode LITERAL. `own` is the
// number of nodes that it counts for itself, `cost` the steps of the segment that begins with it (SPEC §6.5).

import * as limits from "./limits.js";
import { refuse } from "./refusal.js";

export const LITERAL = -1;
export const PATH = 0;
export const AND = 1;
export const OR = 2;
export const NOT = 3;
export const HAS = 18;
export const ALL = 19;
export const EXISTS = 20;
export const CONDITION = 21;
export const LIST = 22;
export const SIZE = 23;
export const EQ = 24;
export const NE = 25;
export const LT = 26;
export const LE = 27;
export const GT = 28;
export const GE = 29;
export const IN = 30;
export const STARTS_WITH = 31;
export const ENDS_WITH = 32;
export const CONTAINS = 33;
export const MATCHES = 34;
export const GLOB_MATCH = 35;
export const PATH_WITHIN = 36;
export const NET_WITHIN = 37;
export const ADD = 38;
export const SUBTRACT = 39;
export const MULTIPLY = 40;
export const DIVIDE = 41;
export const MODULO = 42;
export const NEGATE = 43;
export const INDEX = 44;
export const SELECT = 45;
export const HAS_FIELD = 46;
export const MAP = 47;
export const EXISTS_ONE = 48;
export const MAP_EACH = 49;
export const MAP_SOME = 50;
export const FILTER = 51;
export const INT = 52;
export const DOUBLE = 53;
export const STRING = 54;
export const BYTES = 55;
export const BOOL = 56;
export const TIMESTAMP = 57;
export const DURATION = 58;
export const DYN = 59;
export const URL_HOST = 60;
export const URL_SCHEME = 61;
export const GET_FULL_YEAR = 62;
export const GET_MILLISECONDS = 71;

const FLAT_FIRST = 4;
const FLAT_LAST = 17;
const FLAT_TO_GENERAL = 20;

export const FOLDS = new Set([ALL, EXISTS, EXISTS_ONE, MAP_EACH, MAP_SOME, FILTER]);
const UNARY = new Set([NOT, SIZE, NEGATE, INT, DOUBLE, STRING, BYTES, BOOL, TIMESTAMP, DURATION, DYN, URL_HOST, URL_SCHEME]);

// The names of SPEC §6.2. A need's condition may read `said` too.
export const NAMES = ["action", "resource", "args", "env", "now", "aud", "origin", "holder"];
export const NEED_NAMES = [...NAMES, "said"];

const RESERVED = new Set(
  ("in true false null as break const continue else for function if import let loop package namespace return var void " +
    "while").split(" "),
);
export const isVariable = (text) => /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(text) && !RESERVED.has(text);
export const isReserved = (text) => RESERVED.has(text);
export const isHasField = (text) => /^[A-Za-z0-9_.\-/ ]+$/.test(text);

export const isLiteral = (item) =>
  item === null ||
  typeof item === "boolean" ||
  typeof item === "bigint" ||
  typeof item === "number" ||
  typeof item === "string" ||
  item instanceof Uint8Array;

const malformed = (message) => refuse("malformed", message);

// --- making nodes: what the decoder and the parser share ---

const segment = (node) => node.cost;

export function literal(value) {
  return { op: LITERAL, value, own: 1, cost: 1 };
}

export function path(parts) {
  return { op: PATH, parts, own: parts.length, cost: parts.length };
}

export function has(parts) {
  return { op: HAS, parts, own: 1 + parts.length, cost: 1 + parts.length };
}

// `kids` are evaluated in order; `extra` is what else the node holds (a field, a variable and bodies).
export function node(op, kids, extra = {}) {
  const apart = op === AND || op === OR || op === CONDITION;
  // A flat `in` pays for its list with its segment.
  const flat = op === IN && kids[0].op === PATH && isFlatRight(op, kids[1]);
  const cost = apart ? 0 : kids.reduce((sum, kid) => sum + segment(kid), flat ? 1 + kids[1].kids.length : 1);
  return { op, kids, own: 1, cost, flat, ...extra };
}

export function fold(op, range, variable, bodies) {
  return { op, kids: [range], variable, bodies, own: 1, cost: 1 + segment(range) };
}

// The one tree of a selection: a field of a path is a longer path.
export function select(operand, field) {
  return operand.op === PATH ? path([...operand.parts, field]) : node(SELECT, [operand], { field });
}

// --- bounds ---

// SPEC §6.3: nodes, levels, comprehensions within one another.
export function checkBounds(root, depth = limits.EXPRESSION_DEPTH, nesting = limits.COMPREHENSION_DEPTH) {
  let nodes = 0;
  const visit = (item, level, folds) => {
    nodes += item.own;
    if (nodes > limits.EXPRESSION_NODES) refuse("limit_exceeded", "too many nodes");
    const deepest = item.op === HAS ? level + 1 : level;
    if (deepest > depth) refuse("limit_exceeded", "too deep");
    for (const kid of item.kids ?? []) visit(kid, level + 1, folds);
    if (!item.bodies) return;
    if (folds + 1 > nesting) refuse("limit_exceeded", "comprehensions nested too deep");
    for (const body of item.bodies) visit(body, level + 1, folds + 1);
  };
  visit(root, 1, 0);
  return nodes;
}

// --- decoding ---

export function decodeExpression(item, names = NAMES) {
  const root = new Decoder().expression(item, names, 1);
  checkBounds(root);
  return root;
}

class Decoder {
  constructor() {
    this.nodes = 0;
  }

  // Counted on the way, so that no tree is made that is far beyond its bounds.
  expression(item, names, level) {
    if (++this.nodes > limits.EXPRESSION_NODES) refuse("limit_exceeded", "too many nodes");
    if (level > limits.EXPRESSION_DEPTH) refuse("limit_exceeded", "too deep");
    if (isLiteral(item)) return literal(item);
    if (!Array.isArray(item) || typeof item[0] !== "bigint") malformed("no expression");
    const op = Number(item[0]);
    const below = (operand, scope = names) => this.expression(operand, scope, level + 1);
    if (op === PATH) return path(readPath(item.slice(1), names, 1));
    if (op === HAS) {
      const parts = readPath(item.slice(1), names, 2);
      if (!isHasField(parts[parts.length - 1])) malformed("a field that `has` does not take");
      return has(parts);
    }
    if (op === AND || op === OR) return this.junction(op, item, below);
    if (op >= FLAT_FIRST && op <= FLAT_LAST) return this.flat(op + FLAT_TO_GENERAL, item, names, level);
    if (op >= EQ && op <= MODULO) return this.binary(op, item, below);
    if (FOLDS.has(op)) return this.fold(op, item, names, below);
    if (UNARY.has(op)) return node(op, operands(item, 1).map((operand) => below(operand)));
    if (op === CONDITION) return node(op, operands(item, 3).map((operand) => below(operand)));
    if (op === LIST) return node(op, item.slice(1).map((operand) => below(operand)));
    if (op === INDEX) return this.index(item, below);
    if (op === SELECT || op === HAS_FIELD) return this.selection(op, item, below);
    if (op === MAP) return this.map(item, below);
    if (op >= GET_FULL_YEAR && op <= GET_MILLISECONDS) {
      return node(op, operands(item, item.length === 3 ? 2 : 1).map((operand) => below(operand)));
    }
    malformed("no such opcode");
  }

  junction(op, item, below) {
    const kids = item.slice(1);
    if (kids.length < 2 || kids.length > 256) malformed("another number of operands");
    const operandNodes = kids.map((operand) => below(operand));
    if (operandNodes.some((kid) => kid.op === op)) refuse("not_canonical", "`&&` in `&&`, or `||` in `||`");
    return node(op, operandNodes);
  }

  flat(op, item, names, level) {
    if (item.length < 3) malformed("another number of operands");
    const parts = readPath(item.slice(1, -1), names, 1);
    const last = item[item.length - 1];
    if (op !== IN) {
      if (!isLiteral(last)) malformed("no literal");
      return node(op, [path(parts), literal(last)]);
    }
    if (!Array.isArray(last) || !last.every(isLiteral)) malformed("no list of literals");
    return node(op, [path(parts), node(LIST, last.map(literal))]);
  }

  binary(op, item, below) {
    const [left, right] = operands(item, 2).map((operand) => below(operand));
    if (op <= NET_WITHIN && left.op === PATH && isFlatRight(op, right)) refuse("not_canonical", "an operator with a flat form");
    return node(op, [left, right]);
  }

  fold(op, item, names, below) {
    const [range, variable, ...bodies] = operands(item, op === MAP_SOME ? 4 : 3);
    const rangeNode = below(range);
    if (typeof variable !== "string" || !isVariable(variable)) malformed("no variable");
    const scope = [...names, variable];
    return fold(op, rangeNode, variable, bodies.map((body) => below(body, scope)));
  }

  index(item, below) {
    const [operand, key] = operands(item, 2).map((each) => below(each));
    if (key.op === LITERAL && typeof key.value === "string") refuse("not_canonical", "an index that is a field");
    return node(INDEX, [operand, key]);
  }

  selection(op, item, below) {
    const [operand, field] = operands(item, 2);
    const operandNode = below(operand);
    if (typeof field !== "string") malformed("no field");
    if (op === HAS_FIELD && !isHasField(field)) malformed("a field that `has` does not take");
    if (operandNode.op === PATH) refuse("not_canonical", "a selection of a path");
    return node(op, [operandNode], { field });
  }

  map(item, below) {
    const kids = [];
    for (const entry of item.slice(1)) {
      if (!Array.isArray(entry) || entry.length !== 2) malformed("no entry of a map");
      kids.push(below(entry[0]), below(entry[1]));
    }
    return node(MAP, kids);
  }
}

export const isFlatRight = (op, right) =>
  op === IN ? right.op === LIST && right.kids.every((kid) => kid.op === LITERAL) : right.op === LITERAL;

function operands(item, count) {
  if (item.length !== count + 1) malformed("another number of operands");
  return item.slice(1);
}

function readPath(parts, names, least) {
  if (parts.length < least || !parts.every((part) => typeof part === "string")) malformed("no path");
  if (!names.includes(parts[0])) malformed("a name that may not be read");
  return parts;
}
