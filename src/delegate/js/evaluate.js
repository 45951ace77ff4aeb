// What a condition comes to, and the steps that it takes (SPEC §6.5).

import { characters, concat } from "./bytes.js";
import { globMatches, hostOf, netWithin, pathWithin, schemeOf } from "./places.js";
import { matches } from "./matches.js";
import { toBool, toBytes, toDouble, toDuration, toInt, toText, toTimestamp } from "./conversions.js";
import { accessor } from "./times.js";
import * as tree from "./tree.js";
import {
  ConditionError, Duration, Timestamp, equal, fail, inRange, kind, lesser, mapKey, order, per, sortedKeys,
} from "./values.js"; // prettier-ignore

// The value of a tree. `scope` is a Map of the names. Throws ConditionError, or OutOfSteps, which nothing absorbs.
export function evaluate(root, scope, steps) {
  steps.charge(root.cost);
  return new Evaluation(steps).value(root, scope);
}

// true, false, or null for an error or a value that is no bool; OutOfSteps goes through.
export function holds(root, scope, steps) {
  try {
    const value = evaluate(root, scope, steps);
    return typeof value === "boolean" ? value : null;
  } catch (error) {
    if (error instanceof ConditionError) return null;
    throw error;
  }
}

class Evaluation {
  constructor(steps) {
    this.steps = steps;
  }

  value(node, scope) {
    switch (node.op) {
      case tree.LITERAL:
        return node.value;
      case tree.PATH:
        return walk(scope, node.parts, node.parts.length);
      case tree.HAS: {
        const map = walk(scope, node.parts, node.parts.length - 1);
        if (!(map instanceof Map)) fail("`has` of what is no map");
        return map.has(node.parts[node.parts.length - 1]);
      }
      case tree.AND:
        return this.junction(node, scope, false);
      case tree.OR:
        return this.junction(node, scope, true);
      case tree.CONDITION:
        return this.condition(node, scope);
      case tree.ALL:
      case tree.EXISTS:
      case tree.EXISTS_ONE:
      case tree.MAP_EACH:
      case tree.MAP_SOME:
      case tree.FILTER:
        return this.fold(node, scope);
      case tree.MAP:
        return this.written(node, scope);
      default: {
        const values = node.kids.map((kid) => this.value(kid, scope));
        return this.apply(node, values);
      }
    }
  }

  segment(node, scope) {
    this.steps.charge(node.cost);
    return this.value(node, scope);
  }

  // A bool, or the error that stands for what is none.
  outcome(node, scope) {
    try {
      const value = this.value(node, scope);
      return typeof value === "boolean" ? value : new ConditionError("no bool");
    } catch (error) {
      if (error instanceof ConditionError) return error;
      throw error;
    }
  }

  junction(node, scope, decisive) {
    this.steps.charge(1);
    let first = null;
    for (const kid of node.kids) {
      this.steps.charge(kid.cost);
      const outcome = this.outcome(kid, scope);
      if (outcome === decisive) return decisive;
      if (typeof outcome !== "boolean") first ??= outcome;
    }
    if (first) throw first;
    return !decisive;
  }

  condition(node, scope) {
    const [test, then, otherwise] = node.kids;
    this.steps.charge(1 + test.cost);
    const value = this.value(test, scope);
    if (typeof value !== "boolean") fail("a test that is no bool");
    return this.segment(value ? then : otherwise, scope);
  }

  fold(node, scope) {
    const range = this.value(node.kids[0], scope);
    let items = range;
    if (range instanceof Map) {
      this.steps.charge(range.size);
      items = sortedKeys(range);
    } else if (!Array.isArray(range)) fail("a range that is neither list nor map");
    const [body, result] = node.bodies;
    const inner = new Map(scope);
    const each = (item) => {
      inner.set(node.variable, item);
      this.steps.charge(1 + body.cost);
    };
    switch (node.op) {
      case tree.ALL:
      case tree.EXISTS: {
        const decisive = node.op === tree.EXISTS;
        let first = null;
        for (const item of items) {
          each(item);
          const outcome = this.outcome(body, inner);
          if (outcome === decisive) return decisive;
          if (typeof outcome !== "boolean") first ??= outcome;
        }
        if (first) throw first;
        return !decisive;
      }
      case tree.EXISTS_ONE: {
        let count = 0;
        for (const item of items) {
          each(item);
          const value = this.value(body, inner);
          if (typeof value !== "boolean") fail("a body that is no bool");
          if (value) count++;
        }
        return count === 1;
      }
      default: {
        const out = [];
        for (const item of items) {
          each(item);
          const value = this.value(body, inner);
          if (node.op === tree.MAP_EACH) out.push(value);
          else if (typeof value !== "boolean") fail("a filter that is no bool");
          else if (value) out.push(node.op === tree.FILTER ? item : this.segment(result, inner));
        }
        return out;
      }
    }
  }

  written(node, scope) {
    const map = new Map();
    for (let i = 0; i < node.kids.length; i += 2) {
      const key = this.value(node.kids[i], scope);
      if (!["string", "int", "bool"].includes(kind(key))) fail("a key of another type");
      if (map.has(key)) fail("a key twice");
      map.set(key, this.value(node.kids[i + 1], scope));
    }
    return map;
  }

  apply(node, values) {
    const { steps } = this;
    const [a, b] = values;
    switch (node.op) {
      case tree.NOT:
        return typeof a === "boolean" ? !a : fail("`!` of what is no bool");
      case tree.EQ:
        return equal(a, b, steps);
      case tree.NE:
        return !equal(a, b, steps);
      case tree.LT:
        return order(a, b, steps) < 0;
      case tree.LE:
        return order(a, b, steps) <= 0;
      case tree.GT:
        return order(a, b, steps) > 0;
      case tree.GE:
        return order(a, b, steps) >= 0;
      case tree.IN:
        return contained(a, b, node.flat ? null : steps, steps);
      case tree.LIST:
        return values;
      case tree.SIZE:
        return size(a, steps);
      case tree.STARTS_WITH:
      case tree.ENDS_WITH: {
        texts(a, b);
        steps.charge(per(lesser(a, b), 64));
        return node.op === tree.STARTS_WITH ? a.startsWith(b) : a.endsWith(b);
      }
      case tree.CONTAINS: {
        texts(a, b);
        const n = characters(a);
        const m = characters(b);
        steps.charge(per(n + m, 64) + per(n * m, 4096));
        return a.includes(b);
      }
      case tree.MATCHES:
        texts(a, b);
        return matches(a, b, steps);
      case tree.GLOB_MATCH:
        texts(a, b);
        return globMatches(a, b, steps);
      case tree.PATH_WITHIN:
        texts(a, b);
        return pathWithin(a, b, steps);
      case tree.NET_WITHIN:
        texts(a, b);
        return netWithin(a, b, steps);
      case tree.ADD:
        return add(a, b, steps);
      case tree.SUBTRACT:
        return subtract(a, b);
      case tree.MULTIPLY:
      case tree.DIVIDE:
      case tree.MODULO:
        return arithmetic(node.op, a, b);
      case tree.NEGATE:
        return negate(a);
      case tree.INDEX:
        return index(a, b);
      case tree.SELECT:
        return field(a, node.field);
      case tree.HAS_FIELD:
        return a instanceof Map ? a.has(node.field) : fail("`has` of what is no map");
      case tree.INT:
        return toInt(a, steps);
      case tree.DOUBLE:
        return toDouble(a, steps);
      case tree.STRING:
        return toText(a, steps);
      case tree.BYTES:
        return toBytes(a, steps);
      case tree.BOOL:
        return toBool(a);
      case tree.TIMESTAMP:
        return toTimestamp(a, steps);
      case tree.DURATION:
        return toDuration(a, steps);
      case tree.DYN:
        return a;
      case tree.URL_HOST:
        if (typeof a !== "string") fail("no text");
        return hostOf(a, steps);
      case tree.URL_SCHEME:
        if (typeof a !== "string") fail("no text");
        return schemeOf(a, steps);
      default:
        return accessor(node.op - tree.GET_FULL_YEAR, values, steps);
    }
  }
}

function walk(scope, parts, count) {
  let value = scope.get(parts[0]);
  if (value === undefined) fail("a name without a value");
  for (let i = 1; i < count; i++) value = field(value, parts[i]);
  return value;
}

function field(value, name) {
  if (!(value instanceof Map)) fail("a field of what is no map");
  const found = value.get(name);
  return found === undefined ? fail("no such field") : found;
}

function texts(a, b) {
  if (typeof a !== "string" || typeof b !== "string") fail("no texts");
}

// `forItems`: who pays for the items, where their segment has not.
function contained(item, range, forItems, steps) {
  if (range instanceof Map) {
    const key = mapKey(item);
    return key !== undefined && range.has(key);
  }
  if (!Array.isArray(range)) fail("`in` of what is neither list nor map");
  forItems?.charge(range.length);
  return range.some((each) => equal(item, each, steps));
}

function size(value, steps) {
  if (typeof value === "string") {
    const count = characters(value);
    steps.charge(per(count, 64));
    return BigInt(count);
  }
  if (value instanceof Map) return BigInt(value.size);
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length);
  fail("no size");
}

function add(a, b, steps) {
  const left = kind(a);
  const right = kind(b);
  if (left === "timestamp" && right === "duration") return new Timestamp(a.nanoseconds + b.nanoseconds);
  if (left === "duration" && right === "timestamp") return new Timestamp(a.nanoseconds + b.nanoseconds);
  if (left !== right) fail("no sum of these types");
  switch (left) {
    case "int":
      return inRange(a + b);
    case "double":
      return a + b;
    case "string":
      steps.charge(per(characters(a) + characters(b), 64));
      return a + b;
    case "bytes":
      steps.charge(per(a.length + b.length, 64));
      return concat(a, b);
    case "list":
      steps.charge(a.length + b.length);
      return [...a, ...b];
    case "duration":
      return new Duration(a.nanoseconds + b.nanoseconds);
    default:
      fail("no sum of this type");
  }
}

function subtract(a, b) {
  const left = kind(a);
  const right = kind(b);
  if (left === "timestamp" && right === "duration") return new Timestamp(a.nanoseconds - b.nanoseconds);
  if (left !== right) fail("no difference of these types");
  if (left === "int") return inRange(a - b);
  if (left === "double") return a - b;
  if (left === "duration" || left === "timestamp") return new Duration(a.nanoseconds - b.nanoseconds);
  fail("no difference of this type");
}

function arithmetic(op, a, b) {
  if (typeof a !== typeof b) fail("numbers of two types");
  if (typeof a === "number") {
    if (op === tree.MULTIPLY) return a * b;
    return op === tree.DIVIDE ? a / b : fail("a remainder of doubles");
  }
  if (typeof a !== "bigint") fail("no numbers");
  if (op === tree.MULTIPLY) return inRange(a * b);
  if (b === 0n) fail("division by zero");
  const quotient = inRange(a / b);
  return op === tree.DIVIDE ? quotient : a % b;
}

function negate(a) {
  if (typeof a === "bigint") return inRange(-a);
  return typeof a === "number" ? -a : fail("no number");
}

function index(container, key) {
  if (container instanceof Map) {
    const found = mapKey(key);
    if (found === undefined || !container.has(found)) fail("no such key");
    return container.get(found);
  }
  if (!Array.isArray(container)) fail("an index of what is neither list nor map");
  if (typeof key !== "bigint" && !(typeof key === "number" && Number.isInteger(key))) fail("no index");
  if (key < 0 || key >= container.length) fail("an index out of range");
  return container[Number(key)];
}
