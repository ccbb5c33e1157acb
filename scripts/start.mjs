// Starts one of our TypeScript programs on any Node 20 or newer: installs what is missing
// (npm packages, and what `scripts/setup.ts` looks after), then runs the program with the project's Node 24.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { leanEnvironmentFor, leanFlagsFor } from '../bin/lean-node.mjs';
import { whenOrphaned } from '../bin/orphaned.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [program, ...args] = process.argv.slice(2);
const callerFolder = process.cwd();

if (npmPackagesAreStale()) installNpmPackages();
const node = projectNode();
// Compiled modules are kept: reading the protocol's sources takes half a second the first time only.
const cache = path.join(root, 'node_modules', '.cache', 'node-compile');
const command = program === 'src/cli/main.ts' ? args : [];
const environment = leanEnvironmentFor(command, { NODE_COMPILE_CACHE: cache, ...process.env });
const flags = leanFlagsFor(command);
const child = spawn(node, [...flags, path.join(root, program), ...args], {
  stdio: 'inherit',
  cwd: callerFolder,
  env: environment,
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
whenOrphaned(() => child.kill('SIGTERM'));
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 128 + (signal === 'SIGINT' ? 2 : 15) : (code ?? 4);
});

/** npm writes node_modules/.package-lock.json at the end of a whole install. */
function npmPackagesAreStale() {
  // npm ci empties the folder that a link leads to, which is somebody else's.
  const folder = path.join(root, 'node_modules');
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) return false;
  const installed = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed) || !existsSync(projectNode())) return true;
  return statSync(installed).mtimeMs < statSync(path.join(root, 'package-lock.json')).mtimeMs;
}

function installNpmPackages() {
  console.error('lockstep: installing npm packages (once, about half a minute) ...');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const done = spawnSync(npm, ['ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status === 0) return;
  console.error('lockstep: npm ci failed; see the lines above. Is the npm registry reachable from here?');
  process.exit(4);
}

function projectNode() {
  return path.join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}
