// Elements, and nothing but elements: what a token says becomes text in them, never markup, a link or a style.

import { escaped } from "./names.js";

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== ""));
  return made;
}

// Text from outside: what is not plain is escaped, and it keeps its direction to itself.
export const claimed = (text) => element("bdi", { dir: "ltr" }, escaped(String(text)));
export const code = (text) => element("code", { dir: "ltr" }, escaped(String(text)));

const SVG = "http://www.w3.org/2000/svg";
function shape(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function moment(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString().replace("T", " ").replace(".000Z", " UTC");
}

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];
export function span(seconds) {
  let left = Math.abs(seconds);
  const words = [];
  for (const [unit, size] of UNITS) {
    if (left >= size && words.length < 2) words.push(`${Math.floor(left / size)}${unit}`);
    left %= size;
  }
  return words.join(" ") || "0s";
}

export const whenFrom = (then, now) => `${moment(then)} (${then >= now ? `in ${span(then - now)}` : `${span(now - then)} ago`})`;

// One bar a hop, from when it begins to when it ends, and a line for now.
export function times(hops, now) {
  const begin = Math.min(now, ...hops.map((hop) => hop.begins));
  const end = Math.max(now, ...hops.map((hop) => hop.ends));
  const x = (time) => 100 * ((time - begin) / (end - begin || 1));
  const height = 14 * hops.length + 4;
  const words = hops.map((hop, i) => `hop ${i} from ${moment(hop.begins)} to ${moment(hop.ends)}`).join("; ");
  const picture = shape("svg", { viewBox: `0 0 100 ${height}`, height: 1.3 * height, preserveAspectRatio: "none", role: "img", "aria-label": `Times: ${words}; now ${moment(now)}` });
  hops.forEach((hop, i) => {
    const width = Math.max(0.5, x(hop.ends) - x(hop.begins));
    picture.append(shape("rect", { x: x(hop.begins), y: 14 * i + 4, width, height: 9, class: now >= hop.ends || now < hop.begins ? "bar over" : "bar" }));
  });
  picture.append(shape("line", { x1: x(now), x2: x(now), y1: 0, y2: height, class: "now" }));
  return element("figure", { class: "times" }, picture, element("figcaption", {}, `One bar a hop, the first on top; the line is now. The whole chain ends ${whenFrom(Math.min(...hops.map((hop) => hop.ends)), now)}.`));
}

// A list of what is said: rows of a word and what it is about.
export function facts(rows) {
  const kept = rows.filter(([, value]) => value !== null && !(Array.isArray(value) && !value.length));
  return element("dl", {}, kept.map(([word, value]) => [element("dt", {}, word), element("dd", {}, Array.isArray(value) ? list(value) : value)]));
}

const list = (items) => (items.length === 1 ? items[0] : element("ul", {}, items.map((item) => element("li", {}, item))));

export const mark = (kind, text) => element("span", { class: `mark ${kind}` }, text);
