// Says what acorn sees in scripts: their tokens, and whether their minified form is the same.
//
// Input: one JSON line a script, {"source", "output"} (paths of files; output may be null).
// Output: one JSON line each, {"error"} if acorn cannot parse the source, else {"type", "digest",
// "difference"}: module or script; a digest over kind, start and end of all tokens; and a sentence
// if the two trees differ, else null.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { acorn } from "./packages.mjs";

const KINDS = { name: 1, num: 2, string: 2, regexp: 2, privateId: 3 };

function parse(text, types) {
  let failure;
  for (const sourceType of types) {
    const tokens = [];
    try {
      const tree = acorn.parse(text, { ecmaVersion: "latest", sourceType, onToken: tokens });
      return { tree, sourceType, tokens };
    } catch (error) {
      failure ??= error;
    }
  }
  return { failure };
}

/** Return kind, start and end of each token; a template's part includes what delimits it. */
function flatten(tokens) {
  const flat = [];
  for (let index = 0; index < tokens.length; index++) {
    const { type, start, end } = tokens[index];
    if (type.label === "template" || type.label === "invalidTemplate") {
      flat.splice(-3, 3, 4, tokens[index - 1].start, tokens[++index].end);
    } else if (type !== acorn.tokTypes.eof) {
      flat.push(type.keyword ? 1 : (KINDS[type.label] ?? 5), start, end);
    }
  }
  return flat;
}

const digest = (numbers) =>
  createHash("sha256").update(Buffer.from(Uint32Array.from(numbers).buffer)).digest("hex");

/** Return the path to the first difference of two trees but for where things stand, or null. */
function difference(one, other) {
  if (one === other) return null;
  if (!one || !other || typeof one !== "object" || typeof other !== "object") {
    return Number.isNaN(one) && Number.isNaN(other) ? null : "";
  }
  if (Object.keys(one).length !== Object.keys(other).length) return "";
  if (one instanceof RegExp) return String(one) === String(other) ? null : "";
  for (const key in one) {
    // `raw` is how a literal is spelled; only in a template it is part of what it means.
    if (key === "start" || key === "end" || (key === "raw" && "type" in one)) continue;
    const found = difference(one[key], other[key]);
    if (found !== null) return `/${key}${found}`;
  }
  return null;
}

function examine({ source, output }) {
  const parsed = parse(readFileSync(source, "utf8"), ["module", "script"]);
  if (parsed.failure) return { error: parsed.failure.message };
  let differs = null;
  if (output) {
    const shipped = parse(readFileSync(output, "utf8"), [parsed.sourceType]);
    differs = shipped.failure
      ? `does not parse: ${shipped.failure.message}`
      : difference(parsed.tree, shipped.tree);
  }
  return {
    type: parsed.sourceType,
    digest: digest(flatten(parsed.tokens)),
    difference: differs,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(examine(JSON.parse(line))));
}
