#!/usr/bin/env node
// The `lockstep` command. In a checkout it runs the sources, installed from npm the bundle.
// Plain JavaScript that any Node 20 understands, because it may have to hand over to the Node 24 of the project.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { keepCompiled } from './compile-cache.mjs';
import { becomeLean, isLongRunning } from './lean-node.mjs';
import { whenOrphaned } from './orphaned.mjs';

const nodeMajorMin = 24;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const source = path.join(root, 'src', 'cli', 'main.ts');
const program = existsSync(source) ? source : path.join(root, 'bundle', 'cli', 'main.js');
const nodeMajor = Number(process.versions.node.split('.')[0]);

if (nodeMajor >= nodeMajorMin) {
  const args = process.argv.slice(2);
  const isCheckout = program === source;
  becomeLean(args);
  // Node holds on to what it has read of the cache: 5 MB that an agent would keep for years, for a fifth of a second.
  if (isCheckout || !isLongRunning(args)) keepCompiled({ root, isCheckout });
  whenOrphaned(() => process.kill(process.pid, 'SIGTERM'));
  await import(pathToFileURL(program).href);
} else {
  const node = path.join(
    root,
    'node_modules',
    'node',
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (existsSync(node)) {
    runWith(node);
  } else {
    console.error(`lockstep: needs Node ${nodeMajorMin} or newer, this is ${process.versions.node}`);
    if (program === source) console.error(`lockstep: in a checkout, npm ci in ${root} brings one`);
    process.exitCode = 2;
  }
}

/** Runs the program with another Node, and ends as it ends. */
function runWith(node) {
  // Through this very file, which then finds a Node that is new enough.
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  whenOrphaned(() => child.kill('SIGTERM'));
  child.on('error', (error) => {
    console.error(`lockstep: can't start ${node}: ${error.message}`);
    process.exitCode = 4;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 4) : signal === 'SIGINT' ? 130 : 143;
  });
}
