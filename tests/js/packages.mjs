// The pinned packages of tests/node.py, from the folder that it names.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.ASSETPIPE_NODE_MODULES;
if (!folder) throw new Error("run through tests/node.py, which sets ASSETPIPE_NODE_MODULES");
const require = createRequire(join(folder, "..", "here.js"));
const load = (name) => import(pathToFileURL(require.resolve(name)));

export const { default: remapping } = await load("@jridgewell/remapping");
export const { TraceMap, traceSegment } = (await load("@jridgewell/trace-mapping")).default;
export const acorn = await load("acorn");
export const walk = await load("acorn-walk");
export const lexer = await load("es-module-lexer");
await lexer.init;
