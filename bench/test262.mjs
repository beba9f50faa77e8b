// Runs test262 tests twice, as they are and minified, each time in a realm of its own.
//
// Arguments: the suite's folder, and a folder with the same tests minified.
// Input: one JSON line a run, {"name", "strict", "module", "raw", "async", "includes"}.
// Output: one JSON line each, [before, after]: "" where the test came to its end, else
// "PHASE: ERROR: MESSAGE", the phase as test262 calls it.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createInterface } from "node:readline";
import vm from "node:vm";

const MILLISECONDS = 20_000;
const TURNS = 20;

const [suite, minified] = process.argv.slice(2);
const harness = new Map();

// What a test leaves behind must not end the run of the others.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});

class Failure {
  constructor(phase, error) {
    let text;
    try {
      text = `${error?.name ?? error?.constructor?.name ?? typeof error}: ${error?.message ?? error}`;
    } catch {
      text = "an error that cannot be read";
    }
    this.outcome = `${phase}: ${text}`;
  }
}

const attempt = async (phase, action) => {
  try {
    return await action();
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(phase, error);
  }
};

/** A global environment with what test262 wants of a host (INTERPRETING.md). */
class Realm {
  modules = new Map();
  printed = [];

  constructor() {
    this.context = vm.createContext({});
    const global = vm.runInContext("this", this.context);
    const host = {
      createRealm: () => new Realm().host,
      detachArrayBuffer: (buffer) => structuredClone(buffer, { transfer: [buffer] }) && undefined,
      evalScript: (code) => vm.runInContext(code, this.context),
      gc: () => {},
      global,
    };
    this.host = host;
    const define = (name, value) =>
      Object.defineProperty(global, name, { configurable: true, value, writable: true });
    define("$262", host);
    define("print", (text) => void this.printed.push(String(text)));
  }

  include(name) {
    if (!harness.has(name)) {
      const file = resolve(suite, "harness", name);
      harness.set(name, new vm.Script(readFileSync(file, "utf8"), { filename: name }));
    }
    harness.get(name).runInContext(this.context);
  }

  /** Return the module of a file, not linked yet. */
  module(file, code = readFileSync(file, "utf8")) {
    if (!this.modules.has(file)) {
      const module = new vm.SourceTextModule(code, {
        context: this.context,
        identifier: file,
        importModuleDynamically: (specifier) => this.imported(specifier, file),
      });
      this.modules.set(file, module);
    }
    return this.modules.get(file);
  }

  link(module) {
    return module.link((specifier, from) => this.module(resolve(dirname(from.identifier), specifier)));
  }

  async imported(specifier, from) {
    const module = this.module(resolve(dirname(from), specifier));
    if (module.status === "unlinked") await this.link(module);
    await module.evaluate();
    return module;
  }
}

async function run(folder, test) {
  const file = resolve(folder, test.name);
  const code = (test.strict ? '"use strict";\n' : "") + readFileSync(file, "utf8");
  const realm = new Realm();
  if (!test.raw) {
    for (const name of ["assert.js", "sta.js", ...test.includes]) realm.include(name);
  }
  if (test.module) {
    const module = await attempt("parse", () => realm.module(file, code));
    await attempt("resolution", () => realm.link(module));
    await attempt("runtime", () => module.evaluate({ timeout: MILLISECONDS }));
  } else {
    const script = await attempt("parse", () => new vm.Script(code, {
      filename: test.name,
      importModuleDynamically: (specifier) => realm.imported(specifier, file),
    }));
    await attempt("runtime", () => {
      script.runInContext(realm.context, { timeout: MILLISECONDS });
    });
  }
  if (!test.async) return "";
  // Only promises and imports are waited for, so a few turns of the event loop bring all of them.
  for (let turn = 0; turn < TURNS && !realm.printed.length; turn++) {
    await new Promise((done) => setImmediate(done));
  }
  const [said = "never done"] = realm.printed;
  return said === "Test262:AsyncTestComplete" ? "" : `runtime: ${said}`;
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcomes = [];
  for (const folder of [suite, minified]) {
    try {
      outcomes.push(await run(folder, JSON.parse(line)));
    } catch (failure) {
      outcomes.push(failure.outcome ?? `harness: ${failure}`);
    }
  }
  process.stdout.write(JSON.stringify(outcomes) + "\n");
}
