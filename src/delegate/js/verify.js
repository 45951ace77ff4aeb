// Who signed a chain, in time, for this service, and who presents it (SPEC §5.1 to §5.5).
//
// The walk is synchronous: it asks `holds` for each signature by a name of its own. It is walked twice. The first time
// every answer is yes, only to learn which signatures are needed; then these are checked, all of them, and the second
// walk has the answers. Nothing of the first is shown.

import { hex, sameBytes } from "./bytes.js";
import { decodeCapabilities, decodeCaveats } from "./capabilities.js";
import { decode } from "./cbor.js";
import { readClaims } from "./claims.js";
import { BEARER_TOKEN, TOKEN, readEnvelope } from "./envelope.js";
import { BEARER, isTime } from "./names.js";
import { decodeNeeds, judgeDischarges } from "./needs.js";
import { atHop, refuse } from "./refusal.js";
import { BLOCK, PROOF, readSigned } from "./sign1.js";

const wrong = (message) => refuse("malformed", message);

// SPEC §5.2. Answers { root, blocks }: of each block `signer` and `holder` (keys), `claims`, `id`, and what it says.
export function verifyBlocks(envelope, verifier, holds) {
  if (envelope.blocks.length > verifier.limits.blocks) refuse("limit_exceeded", "more blocks than this verifier takes");
  const chain = { root: null, blocks: [], names: new Map(), changesLeft: 0n };
  envelope.blocks.forEach((bytes, hop) => atHop(hop, () => chain.blocks.push(verifyBlock(bytes, hop, chain, verifier, holds))));
  return chain;
}

function verifyBlock(bytes, hop, chain, verifier, holds) {
  const first = hop === 0;
  const above = first ? null : chain.blocks[hop - 1];
  const signed = readSigned(bytes);
  if (first ? signed.kid?.length !== 32 : signed.kid !== null) wrong("a kid where none belongs, or none where one does");
  if (first) chain.root = rootOf(signed.kid, verifier);
  const signer = first ? chain.root.key : above.holder;
  if (signed.algorithm !== signer.algorithm || !verifier.algorithms.has(signed.algorithm)) {
    refuse("unsupported_algorithm", "not the key's algorithm, or not accepted");
  }
  const structure = signed.structure(BLOCK, first ? signer.thumbprint : above.idBytes);
  if (!holds(`block ${hop}`, signer, signed.signature, structure)) refuse("bad_signature", "the signature of a block");
  const claims = readClaims(signed.payload, first);
  if (first) checkRoot(claims, chain.root);
  mayFollow(claims, hop, chain);
  const idBytes = signed.id(BLOCK, first ? signer.thumbprint : above.idBytes);
  return {
    claims,
    signer,
    holder: claims.key,
    issued: claims.iat,
    idBytes,
    id: hex(idBytes),
    isBearer: claims.sub === BEARER,
    capabilities: claims.can ? decodeCapabilities(claims.can) : null,
    caveats: claims.if ? decodeCaveats(claims.if) : [],
    needs: claims.need ? decodeNeeds(claims.need) : [],
  };
}

function rootOf(kid, verifier) {
  const root = verifier.roots.get(hex(kid));
  if (!root) refuse("unknown_root", "nobody whom this verifier trusts");
  if (verifier.tenant !== null && root.tenants && !root.tenants.includes(verifier.tenant)) refuse("unknown_root", "not for this tenant");
  return root;
}

function checkRoot(claims, root) {
  if (claims.iss !== root.name) refuse("unknown_root", "not under this name");
  if (claims.for !== undefined && !root.speaksFor.some((pattern) => pattern.matches(claims.for))) {
    refuse("originator_refused", "the root does not speak for this originator");
  }
}

// SPEC §5.2 step 8.
function mayFollow(claims, hop, chain) {
  const { names } = chain;
  const { id } = claims.key;
  const hops = claims.hops ?? 16n;
  if (hop === 0) {
    const { root } = chain;
    if (id === root.key.id && claims.sub !== claims.iss) refuse("identity_shared", "the root's key under another name");
    names.set(root.key.id, claims.iss);
    names.set(id, claims.sub);
    chain.changesLeft = hops;
    return;
  }
  const above = chain.blocks[hop - 1];
  if (claims.iat < above.issued) wrong("made before the block above");
  if (claims.sub === BEARER) {
    if (!above.isBearer || names.has(id)) refuse("bearer_refused", "a bearer block that may not follow");
  } else if (names.has(id) && names.get(id) !== claims.sub) refuse("identity_shared", "one key under two names");
  const changes = id !== above.holder.id;
  if (changes && chain.changesLeft <= 0n) refuse("too_many_hops", "no change of key is left");
  if (!changes && claims.who !== undefined) wrong("facts about a holder that stays");
  names.set(id, claims.sub);
  const left = chain.changesLeft - (changes ? 1n : 0n);
  chain.changesLeft = left < hops ? left : hops;
}

const hopOf = (chain, fault) => chain.blocks.findIndex((block) => fault(block.claims));

// SPEC §5.3.
export function checkClock(chain, verifier, now) {
  const { root, blocks } = chain;
  if ((root.notBefore !== null && now < root.notBefore) || (root.notAfter !== null && now > root.notAfter)) {
    refuse("unknown_root", "not at this time", 0);
  }
  const latest = now + verifier.leeway;
  const early = hopOf(chain, ({ nbf, iat }) => iat > latest || (nbf !== undefined && nbf > latest));
  if (early >= 0) refuse("not_yet_valid", "not valid yet", early);
  const over = hopOf(chain, ({ exp }) => exp !== undefined && now >= exp);
  if (over >= 0) refuse("expired", "over", over);
  const { exp, iat } = blocks[0].claims;
  if (verifier.maxLifetime !== null && exp - iat > verifier.maxLifetime) refuse("lifetime_too_long", "lives too long", 0);
}

// The least bound of the age of revocation data, and the hop that sets it: null where nothing does.
export function freshness(chain, verifier) {
  let bound = null;
  chain.blocks.forEach(({ claims: { fresh } }, hop) => {
    if (fresh !== undefined && (bound === null || fresh < bound.age)) bound = { age: fresh, hop };
  });
  const { maxRevocationAge } = verifier;
  if (maxRevocationAge !== null && (bound === null || maxRevocationAge <= bound.age)) bound = { age: maxRevocationAge, hop: null };
  return bound;
}

function checkFreshness(bound, verifier, now, staples) {
  const isFresh = ({ issued, expires }) =>
    now < expires && issued <= now + verifier.leeway && now - issued <= bound.age;
  const known = (revoker) => {
    const feed = verifier.revocations?.feed(revoker.key.id) ?? null;
    return (feed !== null && isFresh(feed)) || staples.some((staple) => staple.party.key === revoker.key && isFresh(staple));
  };
  if (!verifier.revokers.length || !verifier.revokers.every(known)) refuse("revocation_stale", "revocation data too old", bound.hop);
}

// SPEC §5.4.
export function checkPlace(chain, verifier, now, withDischarges) {
  if ((chain.blocks[0].claims.tenant ?? null) !== verifier.tenant) refuse("wrong_tenant", "for another tenant", 0);
  const elsewhere = hopOf(chain, ({ aud }) => aud !== undefined && !aud.includes(verifier.audience));
  if (elsewhere >= 0) refuse("wrong_audience", "for other services", elsewhere);
  if (chain.blocks.some((block) => block.isBearer)) {
    if (!verifier.bearer || hopOf(chain, ({ aud }) => aud !== undefined) < 0) refuse("bearer_refused", "a bearer chain", 0);
  }
  const revokers = verifier.revokers.map(({ key }) => key.id);
  const fallen = verifier.revocations?.firstFallen(chain.blocks, revokers, now) ?? null;
  if (fallen !== null) refuse("revoked", "taken back", fallen);
  const bound = freshness(chain, verifier);
  if (bound !== null && !withDischarges) checkFreshness(bound, verifier, now, []);
}

// Whether a key stands for a name: by the directory, and where that does not know the key, by the principals.
export function isConfirmed(key, name, verifier) {
  const known = verifier.directory.get(key.id);
  return known ? known.name === name && known.acts : verifier.principals.get(key.id) === name;
}

// SPEC §5.5, step 14.
function checkKnown(chain, verifier) {
  if (!verifier.requireKnown) return;
  const check = (key, name, hop) => {
    if (!isConfirmed(key, name, verifier)) refuse("principal_unknown", "not known under this name, or may not act", hop);
  };
  const { root } = chain;
  if (verifier.directory.has(root.key.id)) check(root.key, root.name, 0);
  chain.blocks.forEach((block, hop) => check(block.holder, block.claims.sub, hop));
}

// SPEC §5.1 to §5.4, and §5.5 where there is a request. Answers { envelope, chain, proof, discharges }.
export function walk(presented, request, verifier, now, holds) {
  const envelope = readEnvelope(presented);
  const chain = verifyBlocks(envelope, verifier, holds);
  checkClock(chain, verifier, now);
  checkPlace(chain, verifier, now, request !== null && envelope.discharges.length > 0);
  if (request === null) {
    checkKnown(chain, verifier);
    return { envelope, chain, proof: null, discharges: [] };
  }
  const last = chain.blocks.length - 1;
  const proof = atHop(last, () => possessed(envelope, chain, request, verifier, now, holds));
  const discharges = envelope.discharges.length ? discharged(envelope, chain, request, verifier, now, holds) : [];
  checkKnown(chain, verifier);
  return { envelope, chain, proof, discharges };
}

// SPEC §5.5, steps 1 to 11. Answers { id, issued }, or null for a bearer token.
function possessed(envelope, chain, request, verifier, now, holds) {
  const last = chain.blocks[chain.blocks.length - 1];
  if (envelope.number === TOKEN) refuse("proof_missing", "a chain without proof");
  if (envelope.number === BEARER_TOKEN) {
    if (chain.blocks.some(({ claims, needs }) => claims.budget || needs.length)) refuse("proof_missing", "a proof is needed");
    if (!last.isBearer) refuse("bearer_refused", "the last block is no bearer block");
    if (!holds("secret", last.holder, envelope.secret, null)) refuse("proof_wrong_key", "another secret");
    return null;
  }
  const signed = readSigned(envelope.proof);
  if (signed.kid !== null) wrong("a proof with a kid");
  if (signed.algorithm !== last.holder.algorithm || !verifier.algorithms.has(signed.algorithm)) {
    refuse("unsupported_algorithm", "not the key's algorithm, or not accepted");
  }
  if (!holds("proof", last.holder, signed.signature, signed.structure(PROOF, last.idBytes))) refuse("proof_wrong_key", "another key");
  const { audience, issued, digest } = readProof(signed.payload);
  if (audience !== verifier.audience) refuse("proof_wrong_audience", "for another service");
  if (!sameBytes(digest, request.digest)) refuse("proof_wrong_request", "for another request");
  const ahead = issued > now + verifier.leeway;
  if (now - verifier.proofWindow > issued || ahead) refuse("proof_expired", "too old, or too far ahead");
  return { id: hex(signed.id(PROOF, last.idBytes)), issued };
}

function readProof(payload) {
  const claims = decode(payload);
  if (!(claims instanceof Map)) wrong("claims that are no map");
  const [audience, issued, nonce, digest] = [3n, 6n, "n", "req"].map((key) => claims.get(key));
  const isBytes = (value, size) => value instanceof Uint8Array && value.length === size;
  if (typeof audience !== "string" || !isTime(issued) || !isBytes(nonce, 16) || !isBytes(digest, 32)) wrong("no proof");
  if (claims.size !== 4) refuse("unknown_claim", "a claim that proofs do not have");
  return { audience, issued, digest };
}

// SPEC §5.5, steps 12 and 13.
function discharged(envelope, chain, request, verifier, now, holds) {
  const bound = freshness(chain, verifier);
  const context = {
    chain,
    request,
    now,
    bounded: bound !== null,
    parties: verifier.parties,
    algorithms: verifier.algorithms,
    leeway: verifier.leeway,
    revocations: verifier.revocations,
    revokers: verifier.revokers.map(({ key }) => key.id),
  };
  const discharges = judgeDischarges(envelope.discharges, context, holds);
  if (bound !== null) checkFreshness(bound, verifier, now, discharges.filter(({ need }) => need === "fresh"));
  return discharges.filter(({ need }) => need !== "fresh");
}
