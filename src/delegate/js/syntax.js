// The words that conditions have in text: what the parser and the printer share (SPEC §6.4, §6.7).

import * as tree from "./tree.js";

export const RELATIONS = new Map([
  ["==", tree.EQ],
  ["!=", tree.NE],
  ["<", tree.LT],
  ["<=", tree.LE],
  [">", tree.GT],
  [">=", tree.GE],
  ["in", tree.IN],
]);
export const SUMS = new Map([
  ["+", tree.ADD],
  ["-", tree.SUBTRACT],
]);
export const PRODUCTS = new Map([
  ["*", tree.MULTIPLY],
  ["/", tree.DIVIDE],
  ["%", tree.MODULO],
]);

export const FUNCTIONS = new Map([
  ["size", tree.SIZE],
  ["int", tree.INT],
  ["double", tree.DOUBLE],
  ["string", tree.STRING],
  ["bytes", tree.BYTES],
  ["bool", tree.BOOL],
  ["timestamp", tree.TIMESTAMP],
  ["duration", tree.DURATION],
  ["dyn", tree.DYN],
]);
export const NAMESPACED = new Map([
  ["glob.match", [tree.GLOB_MATCH, 2]],
  ["path.within", [tree.PATH_WITHIN, 2]],
  ["net.within", [tree.NET_WITHIN, 2]],
  ["url.host", [tree.URL_HOST, 1]],
  ["url.scheme", [tree.URL_SCHEME, 1]],
]);
export const METHODS = new Map([
  ["startsWith", tree.STARTS_WITH],
  ["endsWith", tree.ENDS_WITH],
  ["contains", tree.CONTAINS],
  ["matches", tree.MATCHES],
]);
export const ACCESSORS = new Map(
  (
    "getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds getMilliseconds"
  )
    .split(" ")
    .map((name, i) => [name, tree.GET_FULL_YEAR + i]),
);
export const FOLD_NAMES = new Map([
  ["all", tree.ALL],
  ["exists", tree.EXISTS],
  ["exists_one", tree.EXISTS_ONE],
  ["map", tree.MAP_EACH],
  ["filter", tree.FILTER],
]);

const turned = (map) => new Map([...map].map(([name, op]) => [Array.isArray(op) ? op[0] : op, name]));
export const OPERATOR_TEXT = new Map([...turned(RELATIONS), ...turned(SUMS), ...turned(PRODUCTS)]);
export const FUNCTION_TEXT = new Map([...turned(FUNCTIONS), ...turned(NAMESPACED)]);
export const METHOD_TEXT = new Map([...turned(METHODS), ...turned(ACCESSORS)]);
export const FOLD_TEXT = new Map([...turned(FOLD_NAMES), [tree.MAP_SOME, "map"]]);
