// A proof is taken once, by verifiers with whichever windows; and text nests as deep as the specification says.

import assert from "node:assert/strict";
import { Memory } from "../../src/delegate/js/state.js";
import { parseCondition } from "../../src/delegate/js/parse_condition.js";

const claim = (memory, window, now) => memory.claim([{ id: "p", issued: 100n, until: 100n + window }], [], now).outcome;

const short = new Memory();
assert.equal(claim(short, 31n, 100n), "claimed");
assert.equal(claim(short, 91n, 131n), "replayed");
assert.equal(claim(short, 91n, 132n), "forgotten");

const long = new Memory();
assert.equal(claim(long, 91n, 100n), "claimed");
assert.equal(claim(long, 31n, 110n), "replayed");
assert.equal(claim(long, 31n, 191n), "replayed");
assert.equal(claim(long, 31n, 192n), "forgotten");

const nested = {
  parentheses: (n) => "(".repeat(n) + "true" + ")".repeat(n),
  not: (n) => "!".repeat(n) + "true",
  minus: (n) => "-".repeat(n) + "args.n",
  "minus, and that of a number": (n) => "-".repeat(n + 1) + "5",
  then: (n) => "true ? " + "(".repeat(n - 1) + "1" + ")".repeat(n - 1) + " : 2",
};
for (const [kind, text] of Object.entries(nested)) {
  parseCondition(text(32));
  assert.throws(() => parseCondition(text(33)), kind);
}
