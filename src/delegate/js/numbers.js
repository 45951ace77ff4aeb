// Numbers as text (SPEC §6.6).

import { fail, inRange } from "./values.js";

export function intFromText(text) {
  if (!/^-?[0-9]{1,64}$/.test(text)) fail("no int");
  return inRange(BigInt(text));
}

const DOUBLE = /^[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,400})?$/;

export function doubleFromText(text) {
  if (DOUBLE.test(text)) return Number(text);
  const special = /^([+-]?)(inf|Infinity)$/.exec(text);
  if (special) return special[1] === "-" ? -Infinity : Infinity;
  return text === "nan" || text === "NaN" ? NaN : fail("no double");
}

export function doubleText(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [, first, , rest = "", power] = /^([0-9])(\.([0-9]+))?e([+-][0-9]+)$/.exec(Math.abs(value).toExponential());
  const digits = first + rest;
  const exponent = Number(power);
  if (exponent < -4 || exponent > 5) {
    const magnitude = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${first}${rest && `.${rest}`}e${exponent < 0 ? "-" : "+"}${magnitude}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return `${sign}${whole}${fraction && `.${fraction}`}`;
}
