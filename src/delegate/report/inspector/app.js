// The page: what is pasted above, what it says below. Nothing is stored, sent or fetched.

import { askChain, checkChain, claimedAudience, readRequest } from "./check.js";
import { claimed, code, element, facts, mark, times, whenFrom } from "./draw.js";
import { CHAINS, asText, describeAsk, describeChain, describeDischarge, identify, readRoots } from "./read.js";
import { Refusal } from "./refusal.js";
import { readList } from "./verifier.js";

const at = (id) => document.getElementById(id);
const given = { text: "", lists: [], now: null, cleared: null };
let shown = 0; // which run may still write to the page

const settings = () => ({
  roots: readRoots(at("roots").value, at("speaks").value),
  lists: given.lists,
  audience: at("audience").value.trim(),
  now: clock(),
});

function clock() {
  const typed = at("now").value;
  const read = typed ? Date.parse(`${typed}Z`) / 1000 : NaN;
  return Number.isNaN(read) ? (given.now ?? Math.floor(Date.now() / 1000)) : Math.floor(read);
}

const wrong = (error) => element("p", { class: "banner failed" }, mark("failed", "Not readable"), " ", claimed(error instanceof Refusal ? `${error.message} (${error.reason}${error.hop === null ? "" : `, hop ${error.hop}`})` : error.message));

async function show() {
  const run = ++shown;
  const found = identify(at("token").value);
  const parts = await partsOf(found).catch((error) => [wrong(error)]);
  if (run !== shown) return;
  at("result").replaceChildren(...parts);
  at("ask").hidden = !CHAINS.includes(found.kind);
}

async function partsOf(found) {
  given.text = found.text;
  if (found.kind === "secret") {
    at("token").value = "";
    given.cleared = found.secret;
  } else if (found.kind !== null) given.cleared = null;
  if (given.cleared) {
    return [element("p", { class: "banner failed" }, mark("failed", "Secret"), ` This was ${given.cleared}. It has been cleared from the field and is not shown. If anybody may have seen it, replace the key.`)];
  }
  if (found.kind === null) return [];
  if (found.kind === "root") return [element("p", { class: "banner claimed" }, "This is a public key with a name. To trust it as a root, paste it into the field for roots.")];
  if (found.kind === "unknown") return [wrong(new Error(found.isJwt ? "this looks like a JWT, which is another format" : "nothing of this format: a token begins with dlgt_, dlgb_ or dlgp_"))];
  if (found.kind === "discharge") return described("Discharge", describeDischarge(found.text));
  if (found.kind === "ask") return described("Ask", describeAsk(found.text));
  if (found.kind === "revocation list") return listed(await readList(found.text));
  return chained(found.text);
}

function described(what, said) {
  const rows = Object.entries(said).map(([word, value]) => [word, ["issued", "expires"].includes(word) ? whenFrom(value, clock()) : Array.isArray(value) ? value.map(code) : claimed(value)]);
  return [element("p", { class: "banner claimed" }, mark("claimed", "Claimed"), ` ${what}: nothing of it is checked here.`), facts(rows)];
}

function listed({ issuer, key, sequence, issued, expires, keys, blocks }) {
  const record = ({ subject, time, why }) => [code(Array.from(subject, (byte) => byte.toString(16).padStart(2, "0")).join("")), ` ${whenFrom(Number(time), clock())}`, why ? [": ", claimed(why)] : ""];
  return [
    element("p", { class: "banner claimed" }, mark("genuine", "Signature holds"), " Revocation list. Its name is what the signer calls itself."),
    facts([
      ["signed by", claimed(issuer)],
      ["key", code(key.id)],
      ["number", String(sequence)],
      ["issued", whenFrom(Number(issued), clock())],
      ["relied on until", whenFrom(Number(expires), clock())],
      ["takes back keys, since", keys.map(record)],
      ["takes back blocks, kept until", blocks.map(record)],
    ]),
  ];
}

async function chained(text) {
  const said = describeChain(text);
  const { blocks } = said;
  const trusted = settings();
  const verdict = trusted.roots.length ? await checkChain(text, blocks, trusted) : null;
  const state = verdict === null ? "claimed" : verdict.failure ? "failed" : "genuine";
  if (!at("audience").value) at("audience").placeholder = claimedAudience(blocks);
  const last = blocks[blocks.length - 1];
  return [
    banner(state, verdict, said),
    text.startsWith("dlgb_") ? element("p", { class: "banner failed" }, mark("failed", "Bearer token"), " Whoever has this text can use it: it holds its own secret. Do not pass it on.") : "",
    element("h2", {}, "The chain"),
    path(blocks),
    element("ol", { class: "chain" }, blocks.map((block, hop) => hopCard(block, hop, blocks, state, verdict))),
    element("h2", {}, "What the whole grants"),
    sum(blocks, last, trusted.now),
    element("h2", {}, "Times"),
    times(lives(blocks), trusted.now),
  ].filter(Boolean);
}

function banner(state, verdict, { blocks, discharges }) {
  const more = `${blocks.length} hop${blocks.length > 1 ? "s" : ""}${discharges ? `, ${discharges} discharge${discharges > 1 ? "s" : ""}` : ""}.`;
  if (state === "genuine") return element("p", { class: "banner genuine" }, mark("genuine", "Genuine"), " Every signature holds, from ", claimed(verdict.chain.root.name), `, whom you trust, to the last hop. Looked at as service `, claimed(verdict.audience), `. ${more}`);
  if (state === "claimed") return element("p", { class: "banner claimed" }, mark("claimed", "Only claimed"), ` Anyone could have written this: without a root that you trust, nothing is checked. ${more}`);
  const { reason, hop, message } = verdict.failure;
  return element("p", { class: "banner failed" }, mark("failed", "Check failed"), " ", claimed(`${message} (${reason}${hop === null ? "" : `, hop ${hop}`})`), `. What follows is only claimed. ${more}`);
}

const nameOf = (block) => (block.holder === "bearer:" ? "whoever holds the token" : block.holder);

function path(blocks) {
  const names = [blocks[0].originator ?? blocks[0].issuer, ...(blocks[0].originator ? [blocks[0].issuer] : []), ...blocks.map(nameOf)];
  const kept = names.filter((name, i) => name !== names[i - 1]);
  return element("ol", { class: "path", "aria-label": "From the person to the last agent" }, kept.map((name) => element("li", {}, claimed(name))));
}

function hopCard(block, hop, blocks, state, verdict) {
  const above = hop ? blocks[hop - 1] : null;
  const signer = above ? nameOf(above) : block.issuer;
  const fails = state === "failed" && verdict.failure.hop === hop;
  const now = clock();
  const taken = facts([
    ["on behalf of", block.originator && claimed(block.originator)],
    ["permits", block.can && block.can.map(code)],
    ["only if", block.if.map(code)],
    ["needs", block.needs.map((need) => [`${need.of} of ${need.by.length} to confirm: `, code(need.condition)])],
    ["at", block.audience && block.audience.map(claimed)],
    ["from", block.begins === null ? null : whenFrom(block.begins, now)],
    ["until", block.expires === null ? null : whenFrom(block.expires, now)],
    ["hands on", block.hops === null ? null : block.hops === 0 ? "to nobody" : `${block.hops} time${block.hops > 1 ? "s" : ""} at most`],
    ["spends at most", Object.entries(block.budget).map(([unit, most]) => claimed(`${most} ${unit}`))],
    ["fresh revocations", block.fresh === null ? null : `at most ${block.fresh} seconds old`],
    ["tenant", block.tenant && claimed(block.tenant)],
    ["who", Object.entries(block.who).map(([name, fact]) => claimed(`${name}: ${fact}`))],
    ["why", block.why && claimed(block.why)],
  ]);
  const changes = !above || above.key !== block.key;
  return element(
    "li",
    { class: fails ? "fails" : state },
    element("h3", {}, `Hop ${hop}: `, claimed(signer), changes ? " \u2192 " : " narrows", changes ? claimed(nameOf(block)) : ""),
    element("p", { class: "small" }, fails ? mark("failed", "fails here") : state === "genuine" ? mark("genuine", "signature holds") : mark("claimed", "only claimed"), changes && hop ? ["; the name is the word of ", claimed(signer)] : ""),
    taken.childElementCount ? taken : element("p", {}, "Takes nothing away."),
    element("details", {}, element("summary", {}, "Ids"), facts([["block", code(block.id)], ["holder's key", code(block.key)]])),
  );
}

function sum(blocks, last, now) {
  const granting = whatIsLeft(blocks);
  const audience = blocks.filter((block) => block.audience).map((block) => block.audience).reduce((left, names) => (left ? left.filter((name) => names.includes(name)) : names), null);
  let left = 16;
  blocks.forEach((block, hop) => {
    if (hop && block.key !== blocks[hop - 1].key) left -= 1;
    if (block.hops !== null) left = Math.min(left, block.hops);
  });
  return facts([
    ["who may use it", claimed(nameOf(last))],
    ...granting.map(({ hop, can }, i) => [`${i ? "and " : ""}one of, by hop ${hop}`, can.length ? can.map(code) : "nothing that the other hops permit"]),
    ["and every one of", blocks.flatMap((block) => block.if.map(code))],
    ["confirmed by others", blocks.flatMap((block) => block.needs.map((need) => code(need.condition)))],
    ["at", audience === null ? "any service" : audience.length ? audience.map(claimed) : "no service: no name is in every hop"],
    ["until", whenFrom(Math.min(...lives(blocks).map((hop) => hop.ends)), now)],
    ["may be handed on", left > 0 ? `${left} more time${left > 1 ? "s" : ""}` : "no more"],
  ]);
}

// Of each hop that permits something: what plainly has nothing in common with another hop's is left out.
function whatIsLeft(blocks) {
  const rows = blocks.map((block, hop) => ({ hop, can: block.can })).filter(({ can }) => can);
  const meets = (each) => rows.every(({ can }) => can.some((other) => mayMeet(each, other)));
  return rows.map(({ hop, can }) => ({ hop, can: can.filter(meets) }));
}

const plain = (text) => /^[\w.-]+$/.test(text);
const firstWord = (capability) => capability.split(/[ (]/, 1)[0];
const mayMeet = (one, other) => !plain(firstWord(one)) || !plain(firstWord(other)) || firstWord(one) === firstWord(other);

function lives(blocks) {
  let ends = Infinity;
  return blocks.map((block) => {
    ends = Math.min(ends, block.expires ?? Infinity);
    return { begins: Math.max(block.issued, block.begins ?? 0), ends };
  });
}

async function ask(event) {
  event.preventDefault();
  const run = ++shown;
  const parts = await answer().catch((error) => [wrong(error)]);
  if (run === shown) at("answer").replaceChildren(...parts);
}

async function answer() {
  const trusted = settings();
  if (!trusted.roots.length) return [element("p", { class: "banner claimed" }, "Name a root that you trust first: of a chain that is only claimed, nothing can be said.")];
  const asked = readRequest({ action: at("action").value.trim(), resource: at("resource").value.trim(), args: at("args").value });
  const { blocks } = describeChain(given.text);
  const { hops, failure } = await askChain(given.text, blocks, trusted, asked, at("env").value);
  const proof = given.text.startsWith("dlgp_") ? "" : given.text.startsWith("dlgb_") ? " A bearer token needs no proof." : " The service will ask for a proof by the holder besides.";
  const verdict = failure
    ? element("p", { class: "banner failed" }, mark("failed", "Refused"), " ", claimed(`${failure.message} (${failure.reason}${failure.hop === null ? "" : `, hop ${failure.hop}`})`), ". ", whoCould(blocks, hops))
    : element("p", { class: "banner genuine" }, mark("genuine", "Allowed"), ` by the chain.${proof} A service may have a policy, budgets and revocations of its own.`);
  return [verdict, element("ol", { class: "chain", start: "0" }, hops.map(hopVerdict))];
}

function whoCould(blocks, hops) {
  const refusing = hops.flatMap((hop, i) => (hop.allows ? [] : [i]));
  if (!refusing.length) return "";
  const signers = refusing.map((hop) => (hop ? nameOf(blocks[hop - 1]) : blocks[0].issuer));
  const names = [...new Set(signers)];
  return ["Who could grant it: ", names.map((name, i) => [i ? " and " : "", claimed(name)]), `, who signed hop${refusing.length > 1 ? "s" : ""} ${refusing.join(" and ")}.`];
}

const VERDICTS = new Map([
  [true, ["genuine", "yes"]],
  [false, ["failed", "no"]],
]);
const verdictMark = (holds) => mark(...(VERDICTS.get(holds) ?? ["failed", String(holds)]));

function hopVerdict({ allows, grants, permitted, conditions }, hop) {
  return element(
    "li",
    { class: allows ? "genuine" : "fails" },
    element("h3", {}, `Hop ${hop} `, verdictMark(allows)),
    permitted.length ? element("p", {}, grants ? "One of its capabilities permits it." : "None of its capabilities permits it.") : "",
    element(
      "ul",
      {},
      permitted.map(({ text, holds }) => element("li", {}, verdictMark(holds), " ", code(text))),
      conditions.map(({ text, holds, values }) => element("li", {}, verdictMark(holds), " ", code(text), values.length ? [" where ", values.map(([name, value], i) => [i ? ", " : "", code(name), " is ", code(value)])] : "")),
    ),
  );
}

// Files: tokens and the like go to the field they are for, whichever place they are dropped on.
async function take(files) {
  for (const file of files) {
    if (file.size > 5_000_000) continue;
    const text = asText(new Uint8Array(await file.arrayBuffer()));
    const { kind } = identify(text);
    if (kind === "root") at("roots").value = `${at("roots").value}${text.trim()}\n`;
    else if (kind === "revocation list") {
      given.lists.push(text.trim());
      at("lists").textContent = `${given.lists.length} revocation list${given.lists.length > 1 ? "s" : ""} taken; a list counts where its signer has a say in the chain.`;
      if (!at("token").value) at("token").value = text;
    } else at("token").value = text;
  }
  await show();
}

function start() {
  const data = JSON.parse(at("given").textContent);
  at("token").value = data.token ?? "";
  at("roots").value = (data.roots ?? []).join("\n");
  at("speaks").value = (data.speaksFor ?? []).join(" ");
  given.lists = data.lists ?? [];
  given.now = data.now ?? null;
  for (const id of ["token", "roots", "speaks", "audience", "now"]) at(id).addEventListener("input", show);
  at("ask").addEventListener("submit", ask);
  at("files").addEventListener("change", ({ target }) => take(target.files));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  show();
}

start();
