// The one way to say no: a reason of SPEC §9.1, and the hop where one block is at fault.

export class Refusal extends Error {
  constructor(reason, message, hop = null) {
    super(message);
    this.name = "Refusal";
    this.reason = reason;
    this.hop = hop;
  }

  at(hop) {
    if (this.hop === null) this.hop = hop;
    return this;
  }
}

// What this implementation leaves out is no verdict: neither allowed nor refused by the specification.
export class NotEvaluatedHere extends Error {
  constructor(what) {
    super(`not evaluated here: ${what}`);
    this.name = "NotEvaluatedHere";
  }
}

export function refuse(reason, message, hop = null) {
  throw new Refusal(reason, message, hop);
}

// Everything that `work` refuses is refused at `hop`.
export function atHop(hop, work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) error.hop = hop;
    throw error;
  }
}
