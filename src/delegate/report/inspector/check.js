// What is checked: who signed a chain, and whether it would allow a request, hop by hop.

import { evaluate } from "./evaluate.js";
import { requestOfUrl } from "./http.js";
import { parseJson } from "./json.js";
import { printCondition } from "./print_condition.js";
import { printedValue } from "./read.js";
import { NotEvaluatedHere, Refusal } from "./refusal.js";
import { Request, normalised } from "./request.js";
import { ConditionError, OutOfSteps, Steps } from "./values.js";
import { RevocationStore, Verifier, readList } from "./verifier.js";

// The service that the chain claims to be for: what every hop that names services names.
export function claimedAudience(blocks) {
  const named = blocks.filter((block) => block.audience).map((block) => block.audience);
  if (!named.length) return "service";
  return named.reduce((left, names) => left.filter((name) => names.includes(name)))[0] ?? named[0][0];
}

function verifierOf(settings, blocks, revocations) {
  return new Verifier({
    audience: settings.audience || claimedAudience(blocks),
    tenant: blocks[0].tenant,
    roots: settings.roots,
    bearer: true,
    ledger: true,
    revocations,
  });
}

async function revocationsOf(lists) {
  if (!lists.length) return null;
  const store = new RevocationStore();
  for (const list of lists) store.add(await readList(list));
  return store;
}

const failed = (error) => {
  if (error instanceof Refusal) return { reason: error.reason, hop: error.hop, message: error.message };
  if (error instanceof NotEvaluatedHere) return { reason: "not evaluated here", hop: null, message: error.message };
  throw error;
};

// { chain, failure }: the verified chain, or why it is none.
export async function checkChain(text, blocks, settings) {
  try {
    const verifier = verifierOf(settings, blocks, await revocationsOf(settings.lists));
    const { chain } = await verifier.check(text, { now: settings.now });
    return { chain, failure: null, audience: verifier.audience };
  } catch (error) {
    return { chain: null, failure: failed(error) };
  }
}

function readJsonMap(text, what) {
  const value = text.trim() === "" ? new Map() : parseJson(text);
  if (!(value instanceof Map)) throw new Error(`${what} are a JSON object, such as {"amount": 5}`);
  return value;
}

// `GET https://…` is the request that a service makes of it (SPEC §7.4).
export function readRequest({ action, resource, args }) {
  const [, method, url] = /^([A-Za-z]+) (https?:\/\/\S+)$/.exec(action) ?? [];
  if (method) return requestOfUrl(method, url);
  return new Request(action, resource === "" ? null : resource, readJsonMap(args, "arguments"));
}

// What a genuine chain says of one request: every hop's own verdict, and the whole's.
export async function askChain(text, blocks, settings, asked, env) {
  const verifier = verifierOf(settings, blocks, await revocationsOf(settings.lists));
  let facts;
  try {
    facts = normalised(readJsonMap(env, "facts of the service"));
    const { chain } = await verifier.check(text, { now: settings.now });
    const scope = verifier.scope(chain, asked, facts, BigInt(settings.now));
    const hops = chain.blocks.map((block) => hopVerdict(block, asked, scope, verifier.limits.steps));
    return { hops, failure: await whole(verifier, text, chain, asked, scope, facts, settings) };
  } catch (error) {
    return { hops: [], failure: failed(error) };
  }
}

// A presentation is decided, its proof and what others confirmed included; a bare chain is looked at without them.
async function whole(verifier, text, chain, asked, scope, env, { now }) {
  try {
    const free = new Map(chain.blocks.flatMap(({ claims }) => (claims.budget?.list ?? []).map(({ key }) => [key, 0n])));
    if (text.startsWith("dlgp_")) await verifier.decide(text, asked, { now, env, cost: free });
    else verifier.whatBlocksSay({ chain, discharges: [] }, asked, scope);
    return null;
  } catch (error) {
    return failed(error);
  }
}

function hopVerdict(block, asked, scope, most) {
  const steps = new Steps(most);
  const permitted = block.capabilities?.map((each) => ({ text: String(each), holds: told(() => each.permits(asked, scope, steps)) }));
  const conditions = block.caveats.map((condition) => ({
    text: printCondition(condition),
    holds: told(() => evaluate(condition, scope, steps)),
    values: valuesIn(printCondition(condition), scope),
  }));
  const grants = !permitted || permitted.some(({ holds }) => holds === true);
  return { grants, permitted: permitted ?? [], conditions, allows: grants && conditions.every(({ holds }) => holds === true) };
}

// true, false, or a word for what is neither.
function told(work) {
  try {
    const value = work();
    return typeof value === "boolean" ? value : "no yes or no";
  } catch (error) {
    if (error instanceof ConditionError) return "an error";
    if (error instanceof OutOfSteps) return "too much work";
    if (error instanceof NotEvaluatedHere) return error.message;
    throw error;
  }
}

// The values of what a condition reads, for people.
function valuesIn(text, scope) {
  const found = new Map();
  for (const [path] of text.matchAll(/\b(?:args|env|holder)(?:\.[A-Za-z_]\w*)+|\b(?:action|resource|aud|origin)\b/g)) {
    let value = scope;
    for (const part of path.split(".")) value = value instanceof Map ? value.get(part) : undefined;
    if (!found.has(path)) found.set(path, value === undefined ? "not given" : printedValue(value));
  }
  return [...found];
}
