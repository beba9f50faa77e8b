// Says what scripts do one by one, and what their bundle does.
//
// Input: one JSON line a case, {"scripts", "bundle"} (their texts).
// Output: one JSON line each, {"separate", "bundled"}: what each way logged, what it threw, and
// what the global names stand for afterwards: functions by their texts, but for a directive that
// keeps one strict.
//
// The scripts call `log(…)`. `this`, `globalThis` and the declarations are those of a browser's
// classic scripts: all run in one realm, the global scope of which they share.

import { createInterface } from "node:readline";
import vm from "node:vm";

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h", "x", "y", "z", "A", "B"];
const LOOK = `(() => { const show = (value) => typeof value === "object" && value !== null
  ? JSON.stringify(value) : String(value).replace(/\\s|;(?=\\})|"use strict";?/g, ""); return { ${NAMES.map((name) =>
    `${name}: (() => { try { return typeof ${name} + " " + show(${name}); }
      catch (error) { return error.name; } })()`).join(", ")} }; })()`;

function run(scripts) {
  const log = [];
  const context = vm.createContext({ log: (...values) => { log.push(values.map(String).join()); } });
  vm.runInContext("var window = this, self = this;", context);
  for (const [index, script] of scripts.entries()) {
    try {
      vm.runInContext(script.replace(/^\ufeff/, ""), context, { filename: `${index}.js` });
    } catch (error) {
      log.push(`thrown: ${error?.name ?? error}`);
    }
  }
  return { log, names: vm.runInContext(LOOK, context), own: Object.keys(context).sort() };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { scripts, bundle } = JSON.parse(line);
  console.log(JSON.stringify({ separate: run(scripts), bundled: run([bundle]) }));
}
