// What a process has loaded, and what an agent does without: what it loads it keeps in memory for years.

/** Parts of the names of what `lockstep run` does not load, and what they are. */
export const doneWithout: readonly (readonly [part: string, what: string])[] = [
  ['/src/cli/fleet/', 'what commands tell a fleet'],
  ['/src/cli/output/table.ts', 'tables, which measure the width of words with ICU: 3 MB'],
  ['/src/failover/', 'moves'],
  ['/src/migrate/', 'taking over from MirrorMaker 2'],
  ['/src/verify/', 'comparing logs'],
  ['/src/regions/', 'clusters for trying'],
  ['/src/mirror/simulation/', 'the simulator'],
  ['/src/agent/api/openapi.ts', 'the OpenAPI document'],
  ['/src/agent/api/answers.ts', 'its schemas'],
  ['/src/client/sasl/token-request.ts', 'asking for a token'],
  ['/node_modules/ajv/', "Fastify's compiler of schemas"],
  ['/node_modules/node-forge/', 'key stores'],
  ['internal/deps/undici/undici', "Node's fetch, which an import of node:http brings: 2 MB"],
];

/**
 * The text of a module that runs before a program (`--import`) and writes down as JSON what was loaded when it ends: URLs, and
 * Node's own modules by its own list.
 */
export const loadRecorder = (listFile: string): string => `
import { registerHooks } from 'node:module';
import { writeFileSync } from 'node:fs';
const loaded = new Set();
registerHooks({ load: (url, context, next) => { loaded.add(url); return next(url, context); } });
process.on('exit', () => {
  writeFileSync(${JSON.stringify(listFile)}, JSON.stringify([...loaded, ...process.moduleLoadList]));
});`;
