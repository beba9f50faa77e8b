// Says where places of generated texts come from, as @jridgewell/trace-mapping sees it.
//
// Input: one JSON line a text, {"outer", "inner", "places"}: a source map; the map of its only
// source, or null; and lines and columns, both from 0. Where there is an inner map,
// @jridgewell/remapping composes the two.
// Output: one JSON line each, for every place [source, line, column], or null.

import { createInterface } from "node:readline";
import { remapping, TraceMap, traceSegment } from "./packages.mjs";

function trace({ outer, inner, places }) {
  const depth = (_, { depth }) => (depth === 1 ? inner : null);
  const map = new TraceMap(inner ? remapping(outer, depth) : outer);
  return places.map(([line, column]) => {
    const segment = traceSegment(map, line, column);
    return segment?.length > 1 ? [map.sources[segment[1]], segment[2], segment[3]] : null;
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(trace(JSON.parse(line))));
}
