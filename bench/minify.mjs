// Says how a script that a renaming minifier wrote is broken, as far as a parser can tell.
//
// Input: one JSON line a script, {"name", "source", "output"} (paths of files).
// Output: one JSON line each, {"name", "broken", "newer"}: a sentence or null, and whether the
// output needs a later ECMAScript than its source. Names that others can see must be the same:
// those at the top of a classic script, and what a module imports and exports. What happens inside
// of functions is not compared, as folded constants and merged statements have no common form.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { acorn, walk } from "../tests/js/packages.mjs";

const EDITIONS = [5, 2015, 2017, 2018, 2020, 2021, 2022, "latest"];

function parse(text, sourceType, ecmaVersion) {
  try {
    return acorn.parse(text, {
      allowHashBang: true,
      allowReturnOutsideFunction: sourceType === "script",
      ecmaVersion,
      sourceType,
    });
  } catch {
    return null;
  }
}

/** Return the first edition that can read a script. */
const edition = (text, sourceType) =>
  EDITIONS.findIndex((version) =>
    (version !== 5 || sourceType === "script") && parse(text, sourceType, version));

function* bound(pattern) {
  switch (pattern?.type) {
    case "Identifier": yield pattern.name; break;
    case "ObjectPattern":
      for (const property of pattern.properties) yield* bound(property.value ?? property);
      break;
    case "ArrayPattern": for (const element of pattern.elements) yield* bound(element); break;
    case "AssignmentPattern": yield* bound(pattern.left); break;
    case "RestElement": yield* bound(pattern.argument); break;
  }
}

const declared = (declaration) =>
  declaration.declarations?.flatMap(({ id }) => [...bound(id)]) ?? [declaration.id.name];

/** Return the names that a classic script gives to all others. */
function shared(tree) {
  const names = new Set();
  for (const node of tree.body) {
    if (/Declaration$/.test(node.type)) declared(node).forEach((name) => names.add(name));
  }
  const strict = tree.body.some(({ directive }) => directive === "use strict");
  walk.ancestor(tree, {
    VariableDeclaration(node, ancestors) {
      const inside = ancestors.some(({ type }) => /Function|StaticBlock/.test(type));
      if (node.kind === "var" && !inside) declared(node).forEach((name) => names.add(name));
    },
    // In sloppy code a function in a block is a variable around it, too (ECMA-262, B.3.2).
    FunctionDeclaration(node, ancestors) {
      const inside = ancestors.slice(0, -1).some(({ type }) => /Function|StaticBlock/.test(type));
      if (!inside && !strict && !node.async && !node.generator) names.add(node.id.name);
    },
  });
  return names;
}

/** Return what a module, or a classic script with `import()`, says to other files. */
function interfaceOf(tree) {
  const said = new Set();
  const from = ({ source }) => source && said.add(`from ${source.value}`);
  const nameOf = (node) => node.name ?? node.value;
  walk.simple(tree, {
    ImportDeclaration: from,
    ImportExpression({ source }) {
      if (typeof source.value === "string") said.add(`import(${source.value})`);
    },
    ExportAllDeclaration(node) {
      from(node);
      said.add(node.exported ? `export ${nameOf(node.exported)}` : `export * from ${node.source.value}`);
    },
    ExportDefaultDeclaration: () => said.add("export default"),
    ExportNamedDeclaration(node) {
      from(node);
      const names = node.declaration
        ? declared(node.declaration)
        : node.specifiers.map(({ exported }) => nameOf(exported));
      names.forEach((name) => said.add(`export ${name}`));
    },
  });
  return said;
}

const missing = (one, other) => [...one].find((item) => !other.has(item));

function examine(source, output) {
  const sourceType = ["module", "script"].find((type) => parse(source, type, "latest"));
  if (!sourceType) return { broken: null, newer: false };
  // Both goals may read it: then it is a script unless it says something to other files.
  let before = parse(source, sourceType, "latest");
  const classic = parse(source, "script", "latest");
  const type = classic && !interfaceOf(before).size ? "script" : sourceType;
  if (type === "script") before = classic;
  const after = parse(output, type, "latest");
  const result = (broken) => ({ broken, newer: false });
  if (!after) return result("is no longer a script");
  const does = ({ body }) => body.some((node) => !node.directive && node.type !== "EmptyStatement");
  if (does(before) && !does(after)) return result("is empty");
  const said = [interfaceOf(before), interfaceOf(after)];
  const unsaid = missing(said[0], said[1]) ?? missing(said[1], said[0]);
  if (unsaid) return result(`only one has: ${unsaid}`);
  if (type === "script") {
    const names = [shared(before), shared(after)];
    const lost = missing(names[0], names[1]);
    if (lost) return result(`lost the name ${lost}`);
    const new_ = missing(names[1], names[0]);
    if (new_) return result(`has the new name ${new_}`);
  }
  return { broken: null, newer: edition(output, type) > edition(source, type) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { name, source, output } = JSON.parse(line);
  const result = examine(readFileSync(source, "utf8"), readFileSync(output, "utf8"));
  process.stdout.write(JSON.stringify({ name, ...result }) + "\n");
}
