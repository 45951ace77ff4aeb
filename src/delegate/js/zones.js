// Time zones (SPEC §6.6): an offset, or a name of the time zone database.

import { NotEvaluatedHere } from "./refusal.js";
import { fail } from "./values.js";

// How many seconds a zone is ahead of UTC at an instant.
export function zoneOffset(zone, _seconds) {
  const found = /^([+-]?)([0-9]{2}):([0-9]{2})$/.exec(zone);
  if (found) {
    const [hours, minutes] = [Number(found[2]), Number(found[3])];
    if (hours > 23 || minutes > 59) fail("no zone");
    return (hours * 3600 + minutes * 60) * (found[1] === "-" ? -1 : 1);
  }
  if (zone === "UTC") return 0;
  throw new NotEvaluatedHere("the time zone database");
}
