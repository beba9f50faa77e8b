// Runs a CloudFront Function as its service would: events in, the requests it returns out. Input is
// {"source", "version", "store", "events"}; the function sees nothing of Node, and may use no
// syntax that is newer than `version` of ECMAScript.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import vm from 'node:vm';

const packages = createRequire(join(process.env.ASSETPIPE_NODE_MODULES, 'package.json'));
const acorn = packages('acorn');

const { source, version, store, events } = JSON.parse(readFileSync(0, 'utf8'));
acorn.parse(source, { ecmaVersion: version, sourceType: version > 5 ? 'module' : 'script' });

const entries = new Map(Object.entries(store));
const cf = {
  kvs: () => ({
    get: async (key) => {
      if (!entries.has(key)) throw new Error('KeyNotFound');
      return entries.get(key);
    },
  }),
};
const script = source.replace("import cf from 'cloudfront';", '');
const context = vm.createContext({ cf });
vm.runInContext(script, context);
const answers = [];
for (const event of events) answers.push(await context.handler(event));
process.stdout.write(JSON.stringify(answers));
