// Prints what `inspect` says of a text, as JSON: a text a line in, a line out.

import { createInterface } from "node:readline";

import { Refusal, inspect } from "../../src/delegate/js/index.js";

const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = inspect(line);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    answer = { reason: error.reason, hop: error.hop };
  }
  console.log(JSON.stringify(answer, plain));
}
