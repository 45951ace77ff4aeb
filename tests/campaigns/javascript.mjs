// Answers for `tests/campaigns/javascript.py`: a line of JSON in, a line of JSON out.
//
// In: [kind, cases] · out: a list of texts, one a case. The kinds:
//   language  [tree, text, variables, limit]: trees and variables in base16; null where there is no text
//   regex     [pattern, text]
//   decide    a vector of `spec/vectors`, as JSON
//   list      a revocation list, as vectors have it
//   text      ["url", method, URL], ["target", method, origin, target] or ["capability", text, as it travels or null]
//   signature [key as COSE_Key, signature, message], in base16

import { createInterface } from "node:readline";

import { hex, unhex, utf8 } from "../../src/delegate/js/bytes.js";
import { decodeCapabilities, parseCapability } from "../../src/delegate/js/capabilities.js";
import { decode } from "../../src/delegate/js/cbor.js";
import { requestOfTarget, requestOfUrl } from "../../src/delegate/js/http.js";
import { parseJson } from "../../src/delegate/js/json.js";
import { evaluate } from "../../src/delegate/js/evaluate.js";
import { keyFromCose, signatureHolds } from "../../src/delegate/js/keys.js";
import { REGEX_WEIGHT } from "../../src/delegate/js/limits.js";
import { weigh } from "../../src/delegate/js/matches.js";
import { parseCondition } from "../../src/delegate/js/parse_condition.js";
import { printCondition } from "../../src/delegate/js/print_condition.js";
import { NotEvaluatedHere, Refusal } from "../../src/delegate/js/refusal.js";
import { PatternError, compile } from "../../src/delegate/js/regex.js";
import { decodeExpression } from "../../src/delegate/js/tree.js";
import { sha256 } from "../../src/delegate/js/sha256.js";
import { ConditionError, OutOfSteps, Steps, Timestamp, kind } from "../../src/delegate/js/values.js";
import { readList } from "../../src/delegate/js/verifier.js";
import { decided, presentable } from "../interop/vector.mjs";

// A value as text that tells types and signs apart.
function shown(value) {
  switch (kind(value)) {
    case "null":
      return "n";
    case "bool":
      return value ? "t" : "f";
    case "int":
      return `i${value}`;
    case "double": {
      if (Number.isNaN(value)) return "dnan";
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, value);
      return `d${hex(bytes)}`;
    }
    case "string":
      return `s${hex(utf8(value))}`;
    case "bytes":
      return `b${hex(value)}`;
    case "list":
      return `[${value.map(shown).join(",")}]`;
    case "map":
      return `{${[...value].map(([key, item]) => `${shown(key)}:${shown(item)}`).sort().join(",")}}`;
    default:
      return `${value instanceof Timestamp ? "T" : "D"}${value.nanoseconds}`;
  }
}

const flat = (tree) =>
  JSON.stringify(tree, (_, value) => {
    if (typeof value === "bigint" || typeof value === "number" || value instanceof Uint8Array) return shown(value);
    return value;
  });

const NAMES = [..."ijdstbylkm", "args", "list", "now", "missing"];

function language([treeHex, text, variablesHex, limit]) {
  const variables = decode(unhex(variablesHex));
  let tree;
  try {
    tree = decodeExpression(decode(unhex(treeHex)), NAMES);
    if (text !== null) {
      if (flat(parseCondition(text, NAMES)) !== flat(tree)) return "the text is another tree";
      if (flat(parseCondition(printCondition(tree), NAMES)) !== flat(tree)) return "printed as another tree";
    }
  } catch (error) {
    if (error instanceof Refusal) return `refused ${error.reason}`;
    throw error;
  }
  const steps = new Steps(limit);
  try {
    const value = evaluate(tree, variables, steps);
    return `${shown(value)} ${steps.left}`;
  } catch (error) {
    if (error instanceof ConditionError) return `error ${steps.left}`;
    if (error instanceof OutOfSteps) return "steps";
    throw error;
  }
}

function regex([pattern, text]) {
  const weight = weigh(pattern);
  if (weight > REGEX_WEIGHT) return `${weight} too heavy`;
  try {
    return `${weight} ${compile(pattern).matches(text)}`;
  } catch (error) {
    if (error instanceof PatternError) return `${weight} error`;
    throw error;
  }
}

// A vector as JSON.
async function decide(text) {
  try {
    await decided(parseJson(text));
    return "allow null";
  } catch (error) {
    if (error instanceof Refusal) return `${error.reason} ${error.hop}`;
    throw error;
  }
}

async function signature(given) {
  const [cose, signed, message] = given.map(unhex);
  try {
    return String(await signatureHolds(keyFromCose(cose), signed, message));
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

async function list(given) {
  try {
    const { sequence, keys, blocks } = await readList(presentable(given));
    const records = [...keys, ...blocks].map(({ subject, time, why }) => `${hex(subject)} ${time} ${why}`);
    return `accept ${sequence} ${hex(sha256(utf8(records.join(","))))}`;
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

function text([what, ...given]) {
  try {
    if (what === "url") return requestOfUrl(...given).describe();
    if (what === "target") return requestOfTarget(...given).describe();
    const [written, wire] = given;
    const capability = parseCapability(written);
    if (wire === null) return "accept";
    const [same] = decodeCapabilities(unhex(wire));
    const again = parseCapability(String(capability));
    return flat(capability) === flat(same) && flat(again) === flat(same) ? "accept" : `another capability: ${capability}`;
  } catch (error) {
    if (error instanceof Refusal) return error.reason;
    throw error;
  }
}

const kinds = { language, regex, decide, list, signature, text };

for await (const line of createInterface({ input: process.stdin })) {
  const [name, cases] = JSON.parse(line);
  const answers = [];
  for (const each of cases) {
    try {
      answers.push(await kinds[name](each));
    } catch (error) {
      answers.push(error instanceof NotEvaluatedHere ? error.message : `${error.name}: ${error.message} ${error.stack}`);
    }
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
