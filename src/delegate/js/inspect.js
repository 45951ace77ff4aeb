// What a chain says, before anything of it is checked: all of it is claimed (SPEC §2.2).

import { hex } from "./bytes.js";
import { decodeCapabilities, decodeCaveats } from "./capabilities.js";
import { readClaims } from "./claims.js";
import { readEnvelope } from "./envelope.js";
import { escaped } from "./names.js";
import { decodeNeeds } from "./needs.js";
import { printCondition } from "./print_condition.js";
import { atHop } from "./refusal.js";
import { BLOCK, readSigned } from "./sign1.js";

const seconds = (time) => (time === undefined ? null : Number(time));
const facts = (entries) => Object.fromEntries((entries?.list ?? []).map(({ key, value }) => [escaped(key), escaped(value)]));

// Plain data for people, every text in it escaped; or a Refusal, of what has not the form of a chain.
export function inspect(presented) {
  const envelope = readEnvelope(presented);
  let place = null;
  const blocks = envelope.blocks.map((bytes, hop) =>
    atHop(hop, () => {
      const signed = readSigned(bytes);
      place ??= signed.kid ?? new Uint8Array(32);
      const signer = hop === 0 && signed.kid ? hex(signed.kid) : null;
      place = signed.id(BLOCK, place);
      return { id: hex(place), signer, ...said(readClaims(signed.payload, hop === 0)) };
    }),
  );
  return { envelope: envelope.number, blocks, discharges: envelope.discharges.length };
}

function said(claims) {
  const capabilities = claims.can ? decodeCapabilities(claims.can) : null;
  const budget = claims.budget?.list.map(({ key, value }) => [key, value]);
  return {
    issuer: claims.iss ?? null,
    originator: claims.for ?? null,
    holder: claims.sub,
    key: claims.key.id,
    audience: claims.aud ?? null,
    tenant: claims.tenant ?? null,
    issued: seconds(claims.iat),
    begins: seconds(claims.nbf),
    expires: seconds(claims.exp),
    hops: seconds(claims.hops),
    fresh: seconds(claims.fresh),
    why: claims.why ?? null,
    who: facts(claims.who),
    budget: Object.fromEntries(budget ?? []),
    can: capabilities && capabilities.map((each) => escaped(String(each))),
    if: claims.if ? decodeCaveats(claims.if).map(printCondition) : [],
    needs: (claims.need ? decodeNeeds(claims.need) : []).map((need) => ({
      ...need,
      age: seconds(need.age ?? undefined),
      condition: printCondition(need.condition),
    })),
  };
}
