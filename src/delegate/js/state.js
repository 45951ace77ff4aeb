// What one page or process remembers: proofs that were used, and budgets that were charged (SPEC §10.1, §10.3).

export class Memory {
  constructor({ began = 0n } = {}) {
    this.began = began;
    this.until = new Map();
    this.spent = new Map();
  }

  // In one step: all ids are claimed and all pools charged, or nothing is.
  // `ids`: { id, issued, until, … } · `charges`: { pool, amount, limit, … }. Answers { outcome, at }.
  claim(ids, charges, now) {
    const inCall = new Set();
    for (const [at, { id }] of ids.entries()) {
      if (inCall.has(id) || (this.until.get(id) ?? -1n) >= now) return { outcome: "replayed", at };
      inCall.add(id);
    }
    // An id whose time is over may still be good by another verifier's window: it was used all the same.
    for (const [at, { id, issued, until }] of ids.entries()) {
      if (issued < this.began || until < now || this.until.has(id)) return { outcome: "forgotten", at };
    }
    for (const [at, { pool, amount, limit }] of charges.entries()) {
      if ((this.spent.get(pool) ?? 0n) + amount > limit) return { outcome: "exhausted", at };
    }
    for (const { id, until } of ids) this.until.set(id, until);
    for (const { pool, amount } of charges) this.spent.set(pool, (this.spent.get(pool) ?? 0n) + amount);
    return { outcome: "claimed", at: null };
  }
}
