// The text of a condition (SPEC §6.7): parsing it gives the same tree.

import { doubleText } from "./numbers.js";
import { isPlainCharacter } from "./names.js";
import { FOLD_TEXT, FUNCTION_TEXT, METHOD_TEXT, OPERATOR_TEXT } from "./syntax.js";
import * as tree from "./tree.js";

// How tightly a node binds: a looser operand stands in parentheses.
const [CHOICE, EITHER, BOTH, RELATION, SUM, PRODUCT, SIGN, MEMBER] = [0, 1, 2, 3, 4, 5, 6, 7];

function tightness({ op, value }) {
  if (op === tree.CONDITION) return CHOICE;
  if (op === tree.OR) return EITHER;
  if (op === tree.AND) return BOTH;
  if (op >= tree.EQ && op <= tree.IN) return RELATION;
  if (op === tree.ADD || op === tree.SUBTRACT) return SUM;
  if (op >= tree.MULTIPLY && op <= tree.MODULO) return PRODUCT;
  if (op === tree.NOT || op === tree.NEGATE) return SIGN;
  return op === tree.LITERAL && isNegative(value) ? SIGN : MEMBER;
}

const isNegative = (value) => (typeof value === "number" || typeof value === "bigint") && (value < 0 || Object.is(value, -0));

export function printCondition(node) {
  return print(node);
}

function within(node, least) {
  const text = print(node);
  return tightness(node) < least ? `(${text})` : text;
}

function print(node) {
  const { op, kids } = node;
  if (op === tree.LITERAL) return printValue(node.value);
  if (op === tree.PATH) return printPath(node.parts);
  if (op === tree.HAS) return `has(${printPath(node.parts.slice(0, -1))}.${printHasField(node.parts[node.parts.length - 1])})`;
  if (op === tree.CONDITION) return `${within(kids[0], EITHER)} ? ${within(kids[1], EITHER)} : ${within(kids[2], CHOICE)}`;
  if (op === tree.AND || op === tree.OR) {
    const least = tightness(node) + 1;
    return kids.map((kid) => within(kid, least)).join(op === tree.AND ? " && " : " || ");
  }
  if (op === tree.NOT) return `!${within(kids[0], MEMBER)}`;
  if (op === tree.NEGATE) {
    // A sign directly before a number would be part of it.
    const operand = within(kids[0], MEMBER);
    return /^[0-9.]/.test(operand) ? `-(${operand})` : `-${operand}`;
  }
  if (OPERATOR_TEXT.has(op)) {
    const level = tightness(node);
    return `${within(kids[0], level)} ${OPERATOR_TEXT.get(op)} ${within(kids[1], level + 1)}`;
  }
  if (op === tree.LIST) return `[${kids.map(print).join(", ")}]`;
  if (op === tree.MAP) return `{${pairs(kids).map(([key, value]) => `${print(key)}: ${print(value)}`).join(", ")}}`;
  if (op === tree.INDEX) return `${within(kids[0], MEMBER)}[${print(kids[1])}]`;
  if (op === tree.SELECT) return `${within(kids[0], MEMBER)}${printField(node.field)}`;
  if (op === tree.HAS_FIELD) return `has(${within(kids[0], MEMBER)}.${printHasField(node.field)})`;
  if (tree.FOLDS.has(op)) {
    const bodies = node.bodies.map(print).join(", ");
    return `${within(kids[0], MEMBER)}.${FOLD_TEXT.get(op)}(${node.variable}, ${bodies})`;
  }
  if (FUNCTION_TEXT.has(op)) return `${FUNCTION_TEXT.get(op)}(${kids.map(print).join(", ")})`;
  return `${within(kids[0], MEMBER)}.${METHOD_TEXT.get(op)}(${kids.slice(1).map(print).join(", ")})`;
}

const pairs = (kids) => kids.flatMap((kid, i) => (i % 2 ? [] : [[kid, kids[i + 1]]]));
const isWord = (text) => /^[_a-zA-Z][_a-zA-Z0-9]*$/.test(text);
const isField = (text) => isWord(text) && !["in", "true", "false", "null"].includes(text);
const printField = (field) => (isField(field) ? `.${field}` : `[${printText(field)}]`);
const printHasField = (field) => (isField(field) ? field : `\`${field}\``);
const printPath = ([name, ...fields]) => name + fields.map(printField).join("");

export function printValue(value) {
  if (typeof value === "string") return printText(value);
  if (typeof value === "number") {
    const text = doubleText(value);
    return /[.e]/.test(text) ? text : `${text}.0`;
  }
  if (value instanceof Uint8Array) return `b"${[...value].map(printByte).join("")}"`;
  return String(value);
}

const SHORT = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function printText(text) {
  let out = '"';
  for (const character of text) {
    const point = character.codePointAt(0);
    if (SHORT[character]) out += SHORT[character];
    else if (isPlainCharacter(point)) out += character;
    else if (point > 0xffff) out += `\\U${point.toString(16).padStart(8, "0")}`;
    else out += `\\u${point.toString(16).padStart(4, "0")}`;
  }
  return `${out}"`;
}

function printByte(byte) {
  const character = String.fromCharCode(byte);
  if (byte > 0x1f && byte < 0x7f && !SHORT[character]) return character;
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}
