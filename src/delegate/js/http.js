// HTTP requests as requests (SPEC §7.4).

import { textOf, utf8 } from "./bytes.js";
import { parseJson } from "./json.js";
import { isPlain } from "./names.js";
import { ipv6Text, isMapped, readHost, readIPv6 } from "./places.js";
import { Request, SPACES } from "./request.js";
import { refuse } from "./refusal.js";
import { sha256 } from "./sha256.js";

const wrong = (message) => refuse("malformed", message);

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const URL = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/;
const PORTS = { http: "80", https: "443" };

// What a service received: its own public origin, and the target of the request line.
export function requestOfTarget(method, origin, target, more = new Map()) {
  if (!target.startsWith("/") || !/^[\u0000-\u007f]*$/.test(target)) wrong("a target of another form");
  if (!/^https?:\/\/[^/?#]+\/?$/i.test(origin)) wrong("no origin");
  return requestOfUrl(method, origin.replace(/\/$/, "") + target, more);
}

const MEDIA_TYPE = /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*(;.*)?$/;
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*["']?([^"'; \t]*)/g;

// The arguments that bind a body: JSON as it is, anything else by its hash.
export function bodyArguments(contentType, contentEncoding, body) {
  if (contentType === null) return body.length ? wrong("a body without a media type") : new Map();
  const [, written, parameters = ""] = MEDIA_TYPE.exec(contentType) ?? wrong("no media type");
  const isJson = /^application\/.*json$/.test(written.toLowerCase());
  for (const [, charset] of isJson ? parameters.toLowerCase().matchAll(CHARSET) : [])
    if (!["utf-8", "utf8", "us-ascii"].includes(charset)) wrong("JSON in another charset");
  const isPlainCoding = ["", "identity"].includes((contentEncoding ?? "").trim().toLowerCase());
  if (isJson && !isPlainCoding) wrong("JSON in a content coding");
  if (!body.length) return new Map();
  if (!isJson) return new Map([["content_sha256", sha256(body)]]);
  return new Map([["body", parseJson(textOf(body) ?? wrong("JSON that is not UTF-8"))]]);
}

export function requestOfUrl(method, url, more = new Map()) {
  if (!METHOD.test(method)) wrong("no method");
  if (url.includes("\\") || SPACES.test(url) || !isPlain(url)) wrong("a character that no URL has");
  const [, scheme, authority, path, query] = URL.exec(url) ?? wrong("no absolute URL");
  const lower = scheme.toLowerCase();
  const resource = `${lower}://${authorityOf(authority, Object.hasOwn(PORTS, lower) ? PORTS[lower] : null)}${pathOf(path)}`;
  // A query without any name is none.
  const values = queryOf(query ?? "");
  const args = values.size ? new Map([...more, ["query", values]]) : more;
  return new Request(`http.${method.toLowerCase()}`, resource, args);
}

function authorityOf(authority, usual) {
  if (!/^[\u0021-\u007e]+$/.test(authority)) wrong("no host");
  const [, written, , port] = /^(\[[^\]]*\]|[^:[\]@]+)(:([0-9]+))?$/.exec(authority) ?? wrong("no host");
  const host = written.toLowerCase();
  if (host.startsWith("[")) {
    const groups = readIPv6(host.slice(1, -1));
    if (groups === null || isMapped(groups) || ipv6Text(groups) !== host.slice(1, -1)) wrong("no host");
  } else if (readHost(host) === null) wrong("no host");
  if (port === undefined) return host;
  if (!/^(0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 65535) wrong("no port");
  return port === usual ? host : `${host}:${port}`;
}

const STANDS = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/]$/;

function pathOf(path) {
  if (path.startsWith("//")) wrong("an empty segment at the start");
  let out = "";
  for (const { character, escaped } of decoded(path)) {
    if (escaped && /[A-Za-z0-9\-._~/;\u0000-\u001f\u007f]/.test(character)) wrong("a percent sign before what stands as it is");
    if (STANDS.test(character)) out += character;
    else for (const byte of utf8(character)) out += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  for (const segment of out.split("/")) if (/^\.\.?(;|$)/.test(segment)) wrong("a segment of dots");
  return out || "/";
}

// The characters of a text, percent signs decoded as UTF-8.
function decoded(text) {
  const out = [];
  for (let i = 0; i < text.length; ) {
    const run = [];
    while (text[i] === "%") {
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) wrong("a percent sign without two digits");
      run.push(parseInt(digits, 16));
      i += 3;
    }
    if (run.length) {
      const characters = textOf(Uint8Array.from(run)) ?? wrong("percent signs that are not UTF-8");
      for (const character of characters) out.push({ character, escaped: true });
    } else {
      const character = String.fromCodePoint(text.codePointAt(i));
      out.push({ character, escaped: false });
      i += character.length;
    }
  }
  return out;
}

function queryOf(query) {
  const map = new Map();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const [name, value] = equals < 0 ? [part, ""] : [part.slice(0, equals), part.slice(equals + 1)];
    const key = formText(name);
    map.set(key, [...(map.get(key) ?? []), formText(value)]);
  }
  return map;
}

const formText = (text) =>
  decoded(text)
    .map(({ character, escaped }) => (character === "+" && !escaped ? " " : character))
    .join("");
