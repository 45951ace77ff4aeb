// A verifier: settings, and the decision in the order of SPEC §5.

import { hex } from "./bytes.js";
import { parseCapability } from "./capabilities.js";
import { evaluate, holds as comesToTrue } from "./evaluate.js";
import { ED25519, ESP256, isSeedOf, keyFromText, signatureHolds } from "./keys.js";
import * as limits from "./limits.js";
import { parseCondition } from "./parse_condition.js";
import { Pattern } from "./patterns.js";
import { Refusal, atHop, refuse } from "./refusal.js";
import { Request, normalised } from "./request.js";
import { RevocationStore, readRevocationList } from "./revocations.js";
import { Memory } from "./state.js";
import { ConditionError, OutOfSteps, SECOND, Steps, Timestamp } from "./values.js";
import { isConfirmed, walk } from "./verify.js";

const principal = ({ name, key }) => ({ name, key: typeof key === "string" ? keyFromText(key) : key });
const orNull = (value) => (value === undefined || value === null ? null : BigInt(value));

export class Verifier {
  // The settings of SPEC §5; keys as text (SPEC §2.4), times and durations in seconds. `directory` is what one answers
  // of each key that it knows (SPEC §10.5): { name, key, who, acts }.
  constructor(settings) {
    const given = (name, otherwise) => (settings[name] === undefined ? otherwise : settings[name]);
    this.audience = settings.audience;
    this.tenant = given("tenant", null);
    this.bearer = given("bearer", false);
    this.roots = new Map(settings.roots.map(rootOf).map((root) => [root.key.id, root]));
    this.principals = new Map(given("principals", []).map(principal).map(({ name, key }) => [key.id, name]));
    const answers = given("directory", []).map((each) => ({ who: new Map(), acts: true, ...each, ...principal(each) }));
    this.directory = new Map(answers.map((each) => [each.key.id, each]));
    this.requireKnown = given("requireKnown", false);
    this.policy = given("policy", []).map((text) => parseCondition(text));
    this.algorithms = new Set(given("algorithms", [ED25519, ESP256]).map(Number));
    this.maxLifetime = orNull(settings.maxLifetime);
    this.leeway = orNull(given("leeway", 30)) ?? 0n;
    this.proofWindow = orNull(given("proofWindow", 60));
    this.limits = { blocks: limits.BLOCKS, steps: limits.EVALUATION_STEPS, ...given("limits", {}) };
    this.revokers = given("revokers", []).map(principal);
    this.thirdParties = given("thirdParties", []).map(principal);
    this.maxRevocationAge = orNull(settings.maxRevocationAge);
    this.revocations = given("revocations", null);
    this.memory = given("memory", new Memory());
    this.ledger = given("ledger", false);
    this.parties = partiesOf(this.thirdParties, this.revokers);
  }

  // Who signed this chain, in time, for this service: SPEC §5.1 to §5.4. Resolves, or is refused.
  async check(presented, { now }) {
    return this.walked(presented, null, BigInt(now));
  }

  // The whole of SPEC §5. Resolves to what was authorised; rejects with a Refusal.
  async decide(presented, request, { now, env = new Map(), cost = {} }) {
    const asked = request instanceof Request ? request : new Request(request.action, request.resource ?? null, request.args);
    const moment = BigInt(now);
    const facts = normalised(env);
    const walked = await this.walked(presented, asked, moment);
    const scope = this.scope(walked.chain, asked, facts, moment);
    this.whatBlocksSay(walked, asked, scope);
    this.whatPolicySays(scope);
    if (walked.proof) this.claim(walked, cost, moment);
    return walked;
  }

  async walked(presented, request, now) {
    const needed = new Map();
    const collect = (name, key, signature, message) => {
      needed.set(name, message === null ? isSeedOf(signature, key) : signatureHolds(key, signature, message));
      return true;
    };
    try {
      walk(presented, request, this, now, collect);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
    const names = [...needed.keys()];
    const verdicts = await Promise.all(needed.values());
    const answers = new Map(names.map((name, i) => [name, verdicts[i]]));
    return walk(presented, request, this, now, (name) => answers.get(name) === true);
  }

  // SPEC §6.2.
  scope(chain, request, env, now) {
    const last = chain.blocks[chain.blocks.length - 1];
    const first = chain.blocks[0].claims;
    const holder = new Map([["key", last.holder.id]]);
    if (isConfirmed(last.holder, last.claims.sub, this)) {
      holder.set("name", last.claims.sub);
      if (this.directory.has(last.holder.id)) holder.set("who", this.directory.get(last.holder.id).who);
    }
    return new Map([
      ["action", request.action],
      ["resource", request.resource],
      ["args", request.args],
      ["env", env],
      ["now", new Timestamp(now * SECOND)],
      ["aud", this.audience],
      ["origin", first.for ?? first.iss],
      ["holder", holder],
    ]);
  }

  // SPEC §5.6.
  whatBlocksSay({ chain, discharges }, request, scope) {
    const steps = new Steps(this.limits.steps);
    const permitted = (capabilities) => capabilities.some((capability) => capability.permits(request, scope, steps));
    const turn = (hop, work) => atHop(hop, () => limited(work));
    turn(0, () => {
      if (chain.root.can && !permitted(chain.root.can)) refuse("capability_missing", "the root may not give this");
    });
    chain.blocks.forEach((block, hop) =>
      turn(hop, () => {
        if (block.capabilities && !permitted(block.capabilities)) refuse("capability_missing", "no capability permits this");
        for (const caveat of block.caveats) {
          const value = outcome(caveat, scope, steps);
          if (value === false) refuse("caveat_failed", "a caveat is false");
          if (value !== true) refuse("caveat_error", "a caveat came to an error, or to no bool");
        }
      }),
    );
    chain.blocks.forEach((block, hop) => turn(hop, () => whatOthersSay(block, discharges, scope, steps)));
  }

  // SPEC §5.7.
  whatPolicySays(scope) {
    const steps = new Steps(this.limits.steps);
    const held = this.policy.every((condition) => {
      try {
        return comesToTrue(condition, scope, steps) === true;
      } catch (error) {
        if (error instanceof OutOfSteps) return false;
        throw error;
      }
    });
    if (!held) refuse("policy_failed", "the service's policy did not hold");
  }

  // SPEC §5.8.
  claim({ chain, proof, discharges }, cost, now) {
    const charges = this.charges(chain, cost);
    const last = chain.blocks.length - 1;
    const ids = [{ id: proof.id, issued: proof.issued, until: proof.issued + this.proofWindow + this.leeway, hop: last }];
    for (const one of discharges) {
      if (one.req === null) continue; // a standing need's, which serves again
      const need = chain.blocks[one.hop].needs[Number(one.need)];
      const ends = [one.expires, ...(need.age === null ? [] : [one.issued + need.age])];
      ids.push({ id: one.id, issued: one.issued, until: ends.reduce((a, b) => (a < b ? a : b)), hop: one.hop });
    }
    const { outcome: answer, at } = this.memory.claim(ids, charges, now);
    if (answer === "replayed") refuse("replayed", "used before", ids[at].hop);
    if (answer === "forgotten") refuse("proof_expired", "older than what is remembered", last);
    if (answer === "exhausted") refuse("budget_exhausted", "not enough is left", charges[at].hop);
  }

  charges(chain, cost) {
    const priced = new Map([["calls", 1n]]);
    for (const [unit, amount] of cost instanceof Map ? cost : Object.entries(cost)) priced.set(unit, BigInt(amount));
    const charges = [];
    chain.blocks.forEach((block, hop) => {
      for (const { key: unit, value: limit } of block.claims.budget?.list ?? []) {
        if (!this.ledger) refuse("budget_unavailable", "no ledger", hop);
        if (!priced.has(unit)) refuse("budget_unpriced", "no cost in a unit", hop);
        charges.push({ pool: `${block.id} ${unit}`, amount: priced.get(unit), limit, hop });
      }
    });
    return charges;
  }
}

function rootOf(settings) {
  return {
    ...principal(settings),
    speaksFor: (settings.speaksFor ?? []).map((text) => new Pattern(text, "/")),
    tenants: settings.tenants ?? null,
    can: settings.can ? settings.can.map(parseCapability) : null,
    notBefore: orNull(settings.notBefore),
    notAfter: orNull(settings.notAfter),
  };
}

// By the first 8 bytes of their thumbprints: no two have the same.
function partiesOf(thirdParties, revokers) {
  const parties = new Map();
  const add = (role, { name, key }) => {
    const kid = hex(key.thumbprint.subarray(0, 8));
    parties.set(kid, { third: false, revoker: false, ...parties.get(kid), name, key, [role]: true });
  };
  thirdParties.forEach((each) => add("third", each));
  revokers.forEach((each) => add("revoker", each));
  return parties;
}

function limited(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof OutOfSteps) refuse("limit_exceeded", "the steps ran out");
    throw error;
  }
}

// The value of a condition, or undefined for an error.
function outcome(condition, scope, steps) {
  try {
    return evaluate(condition, scope, steps);
  } catch (error) {
    if (error instanceof ConditionError) return undefined;
    throw error;
  }
}

// SPEC §5.6 step 3: all that is said is asked before the answer.
function whatOthersSay(block, discharges, scope, steps) {
  block.needs.forEach((need, at) => {
    const answers = discharges.filter((one) => one.block === block.id && one.need === BigInt(at));
    const values = answers.map((one) => outcome(need.condition, new Map(scope).set("said", one.says), steps));
    if (!values.every((value) => value === true)) refuse("discharge_refused", "what was said does not meet the condition");
    if (answers.length < need.of) refuse("discharge_missing", "too few confirmed");
  });
}

// Reads a revocation list (SPEC §10.2), its signature checked.
export async function readList(presented) {
  let needed = Promise.resolve(true);
  const collect = (key, signature, message) => {
    needed = signatureHolds(key, signature, message);
    return true;
  };
  let refusal = null;
  try {
    readRevocationList(presented, collect);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusal = error;
  }
  const held = await needed;
  if (held && refusal) throw refusal;
  return readRevocationList(presented, () => held);
}

export { RevocationStore };
