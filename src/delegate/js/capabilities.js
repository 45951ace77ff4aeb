// Capabilities: read, asked, and as text (SPEC §6.1, §6.7, §5.6).

import { characters } from "./bytes.js";
import { decode } from "./cbor.js";
import { holds } from "./evaluate.js";
import * as limits from "./limits.js";
import { Pattern, isPlainForm } from "./patterns.js";
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
    if (!this.fits(request.resource, steps)) return false;
    return this.condition === null || holds(this.condition, scope, steps) === true;
  }

  fits(wanted, steps) {
    const { resource } = this;
    if (resource === null || wanted === null) return resource === null && wanted === null;
    if (!(resource instanceof Pattern)) return resource.literal === wanted;
    if (!isPlainForm(wanted)) return false;
    if (resource.wildcards > 1) steps.charge(globSteps(characters(wanted), resource.length));
    return resource.matches(wanted);
  }

  toString() {
    const { resource } = this;
    const where = resource === null ? "" : resource instanceof Pattern ? ` ${printResource(resource.text)}` : ` exactly ${printResource(resource.literal)}`;
    return this.action.text + where + (this.condition === null ? "" : ` if ${printCondition(this.condition)}`);
  }
}

const printResource = (text) => (/^[^\s"(),]+$/.test(text) ? text : JSON.stringify(text));

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

// `action(names) resource if condition`: see SPEC §6.7.
const BLANK = "[ \\t\\r\\n]";
const ACTION = /([^\s"(),]+)/y;
const NAMES = new RegExp(`${BLANK}*\\(([^()]*)\\)`, "y");
const EXACTLY = new RegExp(`${BLANK}+exactly(?=${BLANK}+[^\\s(),])`, "y");
const RESOURCE = new RegExp(`${BLANK}+(?!if${BLANK})("(?:[^"\\\\]|\\\\[^])*"|[^\\s"(),]+)`, "y");
const CONDITION = new RegExp(`${BLANK}+if${BLANK}+([^]*)`, "y");

export function parseCapability(text) {
  let at = /^\s*/.exec(text)[0].length;
  const take = (expression) => {
    expression.lastIndex = at;
    const found = expression.exec(text);
    if (found) at = expression.lastIndex;
    return found;
  };
  const [, action] = take(ACTION) ?? wrong("no action");
  const named = take(NAMES);
  const exactly = take(EXACTLY) !== null;
  const found = take(RESOURCE);
  if (exactly && !found) wrong("no resource");
  const condition = take(CONDITION);
  if (text.slice(at).trim() !== "") wrong("something behind the capability");
  let resource = null;
  if (found) {
    const written = found[1].startsWith('"') ? fromJson(found[1]) : found[1];
    resource = exactly ? literalResource(written) : pattern(written, "/");
  }
  return new Capability(pattern(action, "."), resource, joined(named && closing(named[1]), condition && parseCondition(condition[1])));
}

function fromJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return wrong("no quoted resource");
  }
}

// The condition that a list of names stands for.
function closing(names) {
  const list = names.trim() === "" ? [] : names.split(",").map((name) => name.trim());
  for (const name of list) if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name)) wrong("no name of an argument");
  const known = tree.node(tree.LIST, list.map(tree.literal));
  return tree.fold(tree.ALL, tree.path(["args"]), "k", [tree.node(tree.IN, [tree.path(["k"]), known])]);
}

function joined(first, second) {
  if (!first || !second) return first ?? second ?? null;
  const root = tree.node(tree.AND, [first, ...(second.op === tree.AND ? second.kids : [second])]);
  tree.checkBounds(root);
  return root;
}
