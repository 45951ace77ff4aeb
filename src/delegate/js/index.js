// The whole, for whoever imports it: `import { Verifier } from "./index.js"`.

export { inspect } from "./inspect.js";
export { parseJson } from "./json.js";
export { NotEvaluatedHere, Refusal } from "./refusal.js";
export { Request } from "./request.js";
export { bodyArguments, requestOfTarget, requestOfUrl } from "./http.js";
export { RevocationStore, Verifier, readList } from "./verifier.js";
export { Memory } from "./state.js";
