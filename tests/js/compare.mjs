// Says whether scripts still mean what their sources mean, and what both refer to.
//
// Input: one JSON line a script, {"name", "source", "output"} (paths of files).
// Output: one JSON line each, {"name", "difference", "source", "output"}: a sentence or null, and
// the references of both in order, {"role", "specifier", "line"}.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { acorn, lexer, walk } from "./packages.mjs";

const lineOf = (text, offset) => text.slice(0, offset).split("\n").length;

/** Parse a script as a browser would take it: a module where it has module syntax, else classic. */
function parse(text, types) {
  let failure;
  for (const sourceType of types) {
    const comments = [];
    try {
      const tree = acorn.parse(text, {
        allowReturnOutsideFunction: sourceType === "script",
        ecmaVersion: "latest",
        onComment: (_block, comment, start, end) => comments.push({ comment, start, end }),
        sourceType,
      });
      return { tree, comments, sourceType };
    } catch (error) {
      failure ??= error;
    }
  }
  return { failure };
}

/** Return the orders in which to try to parse: the likelier first. */
function likelyTypes(text) {
  try {
    const [, , , hasModuleSyntax] = lexer.parse(text);
    if (!hasModuleSyntax) return ["script", "module"];
  } catch {
    // The parser says more about what is wrong.
  }
  return ["module", "script"];
}

/** Return the node that spells a constant string, and the string. */
function constant(node) {
  if (node?.type === "Literal" && typeof node.value === "string") {
    return { node, specifier: node.value };
  }
  if (node?.type === "TemplateLiteral" && node.quasis.length === 1) {
    return { node: node.quasis[0], specifier: node.quasis[0].value.cooked };
  }
  return null;
}

const isMeta = (node, property) =>
  node?.type === "MemberExpression" && !node.computed && node.property.name === property &&
  node.object.type === "MetaProperty" && node.object.meta.name === "import";

/** Return the references of a tree in order: each its node, role, string and line. */
function references(text, tree, comments) {
  const found = [];
  const add = (role, argument) => {
    const place = constant(argument);
    if (place) found.push({ ...place, role, line: lineOf(text, place.node.start) });
  };
  const declared = (node) => add("module", node.source);
  walk.simple(tree, {
    ExportAllDeclaration: declared,
    ExportNamedDeclaration: declared,
    ImportDeclaration: declared,
    ImportExpression: declared,
    CallExpression(node) {
      if (isMeta(node.callee, "resolve")) add("module", node.arguments[0]);
    },
    NewExpression(node) {
      const [url, base] = node.arguments;
      if (node.callee.name === "URL" && isMeta(base, "url")) add("url", url);
    },
  });
  found.sort((one, other) => one.node.start - other.node.start);
  const last = comments.findLast(({ comment }) => /^[#@]\s*sourceMappingURL=/.test(comment));
  const code = tree.body.at(-1)?.end ?? 0;
  if (last && last.start >= code) {
    const specifier = last.comment.replace(/^[#@]\s*sourceMappingURL=/, "").trim();
    found.push({ specifier, role: "sourcemap", line: lineOf(text, last.start) });
  }
  return found;
}

// What a tree holds beside the meaning: places, and how a literal is spelt.
const NOT_COMPARED = new Set(["start", "end"]);
const SPELLING = new Set(["raw", "value"]);

const isObject = (value) => typeof value === "object" && value !== null;

/** Return the first pair of nodes that differ, or null; the strings of references may. */
function firstDifference(one, other, ignored) {
  const stack = [[one, other, one, other]];
  while (stack.length) {
    const [a, b, nodeA, nodeB] = stack.pop();
    if (!isObject(a) || !isObject(b)) {
      if (!Object.is(a, b)) return [nodeA, nodeB];
      continue;
    }
    if (ignored.has(a) && ignored.has(b)) continue;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return [nodeA, nodeB];
    const here = a.type ? a : nodeA;
    const there = b.type ? b : nodeB;
    // The value of a number beyond double precision or of a pattern is told by these two alone.
    const spelt = a.type === "Literal" && (a.regex || a.bigint);
    for (const key of keys.reverse()) {
      if (NOT_COMPARED.has(key)) continue;
      if (a.type === "Literal" && (key === "raw" || (spelt && SPELLING.has(key)))) continue;
      stack.push([a[key], b[key], here, there]);
    }
  }
  return null;
}

/** Compare what no parser here can read: all but the imports must be the same text. */
function compareUnread(failure, source, output) {
  const read = (text) => {
    let rest = "";
    let at = 0;
    const found = [];
    for (const { specifier, start, end } of lexer.parse(text)[0]) {
      if (!specifier) continue;
      rest += text.slice(at, start);
      at = end;
      found.push({ specifier, role: "module", line: lineOf(text, start) });
    }
    return [rest + text.slice(at), found];
  };
  let one = [source, []];
  let other = [output, []];
  try {
    one = read(source);
    other = read(output);
  } catch {
    // Then the files must be the same altogether.
  }
  const difference = one[0] === other[0]
    ? null
    : `cannot be parsed (${failure.message}), and yet its text was changed`;
  return { difference, source: one[1], output: other[1] };
}

function compare(source, output) {
  const before = parse(source, likelyTypes(source));
  if (before.failure) return compareUnread(before.failure, source, output);
  const after = source === output ? before : parse(output, [before.sourceType]);
  const inSource = references(source, before.tree, before.comments);
  if (after.failure) {
    const difference = `is broken: ${after.failure.message}`;
    return { difference, source: inSource, output: inSource };
  }
  const inOutput = source === output ? inSource : references(output, after.tree, after.comments);
  const ignored = new Set([...inSource, ...inOutput].map(({ node }) => node));
  const different = source === output ? null : firstDifference(before.tree, after.tree, ignored);
  let difference = null;
  if (different) {
    const [one, other] = different;
    const excerpt = (text, node) => JSON.stringify(text.slice(node.start, node.start + 60));
    difference = `means something else from line ${lineOf(source, one.start)} of its source: ` +
      `${excerpt(source, one)} became ${excerpt(output, other)}`;
  }
  return { difference, source: inSource, output: inOutput };
}

const bare = (found) => found.map(({ role, specifier, line }) => ({ role, specifier, line }));

for await (const request of createInterface({ input: process.stdin })) {
  const { name, source, output } = JSON.parse(request);
  const result = compare(readFileSync(source, "utf8"), readFileSync(output, "utf8"));
  result.source = bare(result.source);
  result.output = bare(result.output);
  process.stdout.write(JSON.stringify({ name, ...result }) + "\n");
}
