// Paths, URLs, addresses and patterns that a condition names (SPEC §6.6).

import { characters } from "./bytes.js";
import { Pattern, isPlainForm } from "./patterns.js";
import { Refusal } from "./refusal.js";
import { fail, per } from "./values.js";

export const globSteps = (text, pattern) => per((text + 1) * per(pattern + 63, 64) + 2 * pattern, 4);

export function globMatches(text, source, steps) {
  steps.charge(globSteps(characters(text), characters(source)));
  let pattern;
  try {
    pattern = new Pattern(source, "/");
  } catch (error) {
    if (error instanceof Refusal) fail("no pattern");
    throw error;
  }
  if (source.includes("/") && !isPlainForm(text)) fail("a text that is not in plain form");
  return pattern.matches(text);
}

export function pathWithin(path, directory, steps) {
  steps.charge(per(characters(path) + characters(directory), 16) + 8);
  if (!isPlainForm(path) || !isPlainForm(directory)) fail("a path that is not in plain form");
  if (path.startsWith("/") !== directory.startsWith("/")) fail("an absolute and a relative path");
  const base = directory.endsWith("/") ? directory.slice(0, -1) : directory;
  return path === base || path.startsWith(`${base}/`);
}

const NOT_IN_URLS = /[\u0000-\u0020\u007f-\u009f\u2028\u2029\ufeff\\]/;

export function schemeOf(url, steps) {
  steps.charge(per(characters(url), 16) + 8);
  const found = NOT_IN_URLS.test(url) ? null : /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url);
  return found ? found[1].toLowerCase() : fail("no URL");
}

export function hostOf(url, steps) {
  steps.charge(per(characters(url), 16) + 8);
  if (NOT_IN_URLS.test(url)) fail("no URL");
  const found = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(url);
  const [, host, , port] = /^(\[[^\]]*\]|[^:[\]]*)(:([0-9]{1,5}))?$/.exec(found ? found[1] : fail("no URL")) ?? fail("no host");
  if (port !== undefined && Number(port) > 65535) fail("no port");
  return readHost(host) ?? fail("no host");
}

// The host of a URL in its one text, or null.
export function readHost(host) {
  if (host.startsWith("[")) {
    const groups = readIPv6(host.slice(1, -1));
    if (groups === null) return null;
    return isMapped(groups) ? ipv4Text(groups) : ipv6Text(groups);
  }
  if (host.length > 253 || !/^[A-Za-z0-9_.-]+$/.test(host)) return null;
  const labels = host.toLowerCase().split(".");
  if (!labels.every((label) => label.length >= 1 && label.length <= 63 && !/^-|-$/.test(label))) return null;
  const last = labels[labels.length - 1];
  if (/^([0-9]+|0x[0-9a-f]*)$/.test(last) && readIPv4(host) === null) return null;
  return labels.join(".");
}

// --- addresses ---

// Four numbers, or null.
function readIPv4(text) {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)) return null;
  return parts.map(Number);
}

// Eight groups of 16 bits, or null (RFC 4291 §2.2).
export function readIPv6(text) {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const groups = [];
  for (let h = 0; h < halves.length; h++) {
    const parts = halves[h] === "" && halves.length === 2 ? [] : halves[h].split(":");
    const half = [];
    for (let i = 0; i < parts.length; i++) {
      if (parts[i].includes(".") && h === halves.length - 1 && i === parts.length - 1) {
        const four = readIPv4(parts[i]);
        if (four === null) return null;
        half.push(four[0] * 256 + four[1], four[2] * 256 + four[3]);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(parts[i])) half.push(parseInt(parts[i], 16));
      else return null;
    }
    groups.push(half);
  }
  if (groups.length === 1) return groups[0].length === 8 ? groups[0] : null;
  const missing = 8 - groups[0].length - groups[1].length;
  return missing >= 1 ? [...groups[0], ...new Array(missing).fill(0), ...groups[1]] : null;
}

export const isMapped = (groups) => groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;

const ipv4Text = (groups) => [groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255].join(".");

// The shortest form (RFC 5952).
export function ipv6Text(groups) {
  let best = { start: -1, size: 1 };
  for (let start = 0; start < 8; start++) {
    let size = 0;
    while (start + size < 8 && groups[start + size] === 0) size++;
    if (size > best.size) best = { start, size };
  }
  const digits = groups.map((group) => group.toString(16));
  if (best.start < 0) return digits.join(":");
  return `${digits.slice(0, best.start).join(":")}::${digits.slice(best.start + best.size).join(":")}`;
}

// An address as its bits, IPv4 where it is mapped: { bits, size, groups }.
function readAddress(text) {
  const four = readIPv4(text);
  if (four) return { bits: four.reduce((sum, part) => sum * 256n + BigInt(part), 0n), size: 32, groups: null };
  const groups = text.includes(":") ? readIPv6(text) : null;
  if (groups === null) fail("no address");
  return { bits: groups.reduce((sum, group) => sum * 65536n + BigInt(group), 0n), size: 128, groups };
}

const unmapped = (address) => ({ bits: address.bits & 0xffffffffn, size: 32, groups: null });

// An IPv6 address that a translator or tunnel takes for an IPv4 one.
function carriesIPv4(groups) {
  const [a, b, c, d, e, f, g, h] = groups;
  const zeros = (...parts) => parts.every((part) => part === 0);
  if (zeros(a, b, c, d, e, f)) return !(g === 0 && (h === 0 || h === 1));
  if (zeros(a, b, c, d) && e === 0xffff && f === 0) return true;
  if (a === 0x64 && b === 0xff9b && (zeros(c, d, e, f) || c === 1)) return true;
  if (a === 0x2001 && b === 0) return true;
  if (a === 0x2002) return true;
  return (e === 0 || e === 0x200) && f === 0x5efe && !zeros(a, b, c, d);
}

export function netWithin(text, network, steps) {
  const [n, m] = [characters(text), characters(network)];
  steps.charge(per(n + m, 16) + 24);
  if (n > 50 || m > 50) fail("no address");
  let address = readAddress(text);
  if (address.groups && isMapped(address.groups)) address = unmapped(address);
  const found = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(network) ?? fail("no network");
  let base = readAddress(found[1]);
  let length = Number(found[2]);
  if (length > base.size) fail("no network");
  if (base.bits & ((1n << BigInt(base.size - length)) - 1n)) fail("a network with bits behind its length");
  if (base.groups && isMapped(base.groups) && length >= 96) [base, length] = [unmapped(base), length - 96];
  if (address.groups && carriesIPv4(address.groups)) fail("an address that carries another");
  if (address.size !== base.size) return false;
  const shift = BigInt(address.size - length);
  return address.bits >> shift === base.bits >> shift;
}
