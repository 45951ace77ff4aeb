// Capabilities: read, asked, and as text (SPEC §6.1, §6.7, §5.6).

import { characters, hasLoneSurrogate } from "./bytes.js";
import { decode } from "./cbor.js";
import { holds } from "./evaluate.js";
import * as limits from "./limits.js";
import { Pattern } from "./patterns.js";
import { parseCondition } from "./parse_condition.js";
import { globSteps } from "./places.js";
import { printCondition } from "./print_condition.js";
import { refuse } from "./refusal.js";
import * as tree from "./tree.js";

const wrong = (message) => refuse("malformed", message);

// `resource`: null, a Pattern, or { literal }. `condition`: a tree, or null.
export class Capability {
  constructor(action, resource, condition) {
    this.action = action;
    this.resource = resource;
    this.condition = condition;
  }

  permits(request, scope, steps) {
    const { action, resource } = this;
    if (action.wildcards > 1) steps.charge(globSteps(characters(request.action), action.length));
    if (!action.matches(request.action)) return false;
    if (!this.fits(request, steps)) return false;
    return this.condition === null || holds(this.condition, scope, steps) === true;
  }

  fits(request, steps) {
    const { resource } = this;
    const wanted = request.resource;
    if (resource === null || wanted === null) return resource === null && wanted === null;
    if (!(resource instanceof Pattern)) return resource.literal === wanted;
    if (!request.isPlain()) return false;
    if (resource.wildcards > 1) steps.charge(globSteps(characters(wanted), resource.length));
    return resource.matches(wanted);
  }

  toString() {
    const { resource } = this;
    const words = [printWord(this.action.text)];
    if (resource instanceof Pattern) words.push(printWord(resource.text));
    else if (resource !== null) words.push("exactly", printWord(resource.literal));
    if (this.condition !== null) words.push("if", printCondition(this.condition));
    return words.join(" ");
  }
}

function pattern(text, separator) {
  if (typeof text !== "string" || text === "") wrong("no pattern");
  return new Pattern(text, separator);
}

function literalResource(text) {
  if (characters(text) > limits.RESOURCE_CHARACTERS) refuse("limit_exceeded", "a resource is too long");
  return { literal: text };
}

function list(bytes, most, what) {
  const items = decode(bytes);
  if (!Array.isArray(items) || !items.length) wrong(`no list of ${what}`);
  if (items.length > most) refuse("limit_exceeded", `too many ${what}`);
  return items;
}

export function decodeCapabilities(bytes) {
  return list(bytes, limits.CAPABILITIES, "capabilities").map((item) => {
    if (!Array.isArray(item) || item.length < 1 || item.length > 3) wrong("no capability");
    const action = pattern(item[0], ".");
    let resource = null;
    const given = item[1];
    if (typeof given === "string") resource = pattern(given, "/");
    else if (Array.isArray(given)) {
      if (given.length !== 1 || typeof given[0] !== "string") wrong("no literal resource");
      resource = literalResource(given[0]);
    } else if (given !== undefined && !(given === null && item.length === 3)) wrong("no resource");
    return new Capability(action, resource, item.length === 3 ? tree.decodeExpression(item[2]) : null);
  });
}

export function decodeCaveats(bytes) {
  return list(bytes, limits.CAVEATS, "caveats").map((item) => tree.decodeExpression(item));
}

// `action(names) resource if condition`: the grammar of SPEC §6.7.
const SPACE = "\\t\\n\\f\\r ";
const BARE = `[^\\t-\\r\\x1c-\\x20"(),\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+`;
const isBare = (text) => new RegExp(`^${BARE}$`).test(text) && text !== "if" && text !== "exactly";
const printWord = (text) => (isBare(text) ? text : JSON.stringify(text));
const WORD = new RegExp(`(${BARE}|"(?:[^"\\\\\\x00-\\x1f]|\\\\[^])*")`, "y");
const OPENING = /\(/y;
const CLOSING = /\)/y;
const COMMA = /,/y;
const BLANKS = new RegExp(`[${SPACE}]*`, "y");
const CONDITION = new RegExp(`if[${SPACE}]+([^]+)`, "y");

export function parseCapability(text) {
  let at = 0;
  const take = (expression) => {
    expression.lastIndex = at;
    const found = expression.exec(text);
    if (found) at = expression.lastIndex;
    return found;
  };
  const blanks = () => take(BLANKS)[0].length > 0;
  const word = (expected) => wordOf((take(WORD) ?? wrong(`no ${expected}`))[1]);
  blanks();
  const action = pattern(word("action").text, ".");
  let names = null;
  if (take(OPENING)) {
    names = [];
    blanks();
    while (!take(CLOSING)) {
      if (names.length) {
        take(COMMA) ?? wrong("no comma between names");
        blanks();
      }
      names.push(word("name").text);
      blanks();
    }
    if (new Set(names).size !== names.length) wrong("a name twice");
  }
  let [resource, condition] = [null, null];
  let apart = blanks();
  if (apart && at < text.length && !text.startsWith("if", at)) [resource, apart] = readTarget(word, blanks);
  else if (apart && at < text.length) {
    const before = at;
    const first = word("target");
    if (first.bare && first.text === "if") at = before;
    else [resource, apart] = [pattern(first.text, "/"), blanks()];
  }
  if (apart && at < text.length) condition = parseCondition((take(CONDITION) ?? wrong("something behind the capability"))[1]);
  if (at < text.length) wrong("something behind the capability");
  return new Capability(action, resource, joined(names && closing(names), condition));
}

function readTarget(word, blanks) {
  let target = word("target");
  const exactly = target.bare && target.text === "exactly";
  if (exactly) {
    if (!blanks()) wrong("no target");
    target = word("target");
    if (target.bare && (target.text === "exactly" || target.text === "if")) wrong("a word that is no target");
  }
  return [exactly ? literalResource(target.text) : pattern(target.text, "/"), blanks()];
}

function wordOf(written) {
  if (!written.startsWith('"')) return { text: written, bare: true };
  try {
    const text = JSON.parse(written);
    return hasLoneSurrogate(text) ? wrong("a lone surrogate") : { text, bare: false };
  } catch (error) {
    if (error instanceof SyntaxError) wrong("no text in quotes");
    throw error;
  }
}

// The condition that a list of names stands for.
function closing(names) {
  const known = tree.node(tree.LIST, names.map((name) => tree.literal(name)));
  return tree.fold(tree.ALL, tree.path(["args"]), "k", [tree.node(tree.IN, [tree.path(["k"]), known])]);
}

function joined(first, second) {
  if (!first || !second) return first ?? second ?? null;
  const root = tree.node(tree.AND, [first, ...(second.op === tree.AND ? second.kids : [second])]);
  tree.checkBounds(root);
  return root;
}
