// JSON, exactly: integers stay integers, a member twice is refused (SPEC §7.1, §7.4).
//
// Objects are Maps, integers BigInt, other numbers doubles.

import { hasLoneSurrogate } from "./bytes.js";
import { refuse } from "./refusal.js";

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const BLANK = /[ \t\n\r]*/y;
const DEEPEST = 200;

const wrong = (message) => refuse("malformed", message);

export function parseJson(text) {
  const reader = new Reader(text);
  const value = reader.value(1);
  reader.take(BLANK);
  return reader.at === text.length ? value : wrong("something behind the JSON");
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  take(expression) {
    expression.lastIndex = this.at;
    const found = expression.exec(this.text);
    if (found) this.at = expression.lastIndex;
    return found;
  }

  sign(character) {
    this.take(BLANK);
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  value(depth) {
    if (depth > DEEPEST) refuse("limit_exceeded", "JSON nested too deep");
    if (this.sign("{")) return this.object(depth);
    if (this.sign("[")) return this.array(depth);
    if (this.text[this.at] === '"') return this.string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) { // prettier-ignore
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    const found = this.take(NUMBER) ?? wrong("no JSON");
    return found[1] === undefined && found[2] === undefined ? BigInt(found[0]) : Number(found[0]);
  }

  string() {
    const text = JSON.parse((this.take(TEXT) ?? wrong("no JSON text"))[0]);
    return hasLoneSurrogate(text) ? wrong("a lone surrogate") : text;
  }

  array(depth) {
    const items = [];
    if (this.sign("]")) return items;
    do items.push(this.value(depth + 1));
    while (this.sign(","));
    return this.sign("]") ? items : wrong("no JSON");
  }

  object(depth) {
    const map = new Map();
    if (this.sign("}")) return map;
    do {
      this.take(BLANK);
      const key = this.string();
      if (map.has(key)) wrong("a member twice");
      if (!this.sign(":")) wrong("no JSON");
      map.set(key, this.value(depth + 1));
    } while (this.sign(","));
    return this.sign("}") ? map : wrong("no JSON");
  }
}
