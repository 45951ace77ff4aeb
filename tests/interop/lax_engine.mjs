// What is said where the engine's Ed25519 takes what the specification refuses: here, everything.

import { utf8 } from "../../src/delegate/js/bytes.js";
import { keyFromText, signatureHolds } from "../../src/delegate/js/keys.js";

globalThis.crypto.subtle.verify = async () => true;

const key = keyFromText("ed25519:luupPQpK6QgPxIUkEpwloU7GoSb8Dv34xUuxk8FedzY");
try {
  const signature = new Uint8Array(64).fill(7);
  console.log(await signatureHolds(key, signature.fill(0, 60), utf8("message")));
} catch (error) {
  console.log(error.message);
}
