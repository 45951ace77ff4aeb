// Names, units and text for people (SPEC §2.1, §4.2).

import * as limits from "./limits.js";

export const BEARER = "bearer:";

export const isName = (text) =>
  /^[a-z][a-z0-9+.-]{0,31}:[!-~]{1,200}$/.test(text) && !text.startsWith(BEARER);
export const isServiceName = (text) => /^[!-~]{1,200}$/.test(text);
export const isUnit = (text) => /^[a-z][a-z0-9_.-]{0,63}$/.test(text);
export const isTime = (value) => typeof value === "bigint" && value >= 0n && value <= limits.TIME_MAX;

// The code points of SPEC §4.2, as they are in the specification and in no version of Unicode.
const NOT_PLAIN = [
  [0x0000, 0x001f], [0x007f, 0x009f], [0x00ad, 0x00ad], [0x0600, 0x0605], [0x061c, 0x061c], [0x06dd, 0x06dd],
  [0x070f, 0x070f], [0x0890, 0x0891], [0x08e2, 0x08e2], [0x180e, 0x180e], [0x200b, 0x200f], [0x2028, 0x202e],
  [0x2060, 0x206f], [0xd800, 0xdfff], [0xfeff, 0xfeff], [0xfff9, 0xfffb], [0x110bd, 0x110bd], [0x110cd, 0x110cd],
  [0x13430, 0x1343f], [0x1bca0, 0x1bca3], [0x1d173, 0x1d17a], [0xe0000, 0xe0fff],
]; // prettier-ignore

export const isPlainCharacter = (point) => !NOT_PLAIN.some(([first, last]) => point >= first && point <= last);

export function isPlain(text) {
  for (const character of text) if (!isPlainCharacter(character.codePointAt(0))) return false;
  return true;
}

// What a program may print of a token: what is not plain is escaped.
export function escaped(text) {
  let out = "";
  for (const character of text) {
    const point = character.codePointAt(0);
    if (isPlainCharacter(point)) out += character;
    else out += point > 0xffff ? `\\U${point.toString(16).padStart(8, "0")}` : `\\u${point.toString(16).padStart(4, "0")}`;
  }
  return out;
}
