// Agents run for years and move bytes that live outside of V8's heap, so the heap is kept small: a new space of 2 MiB, and
// a collection as soon as the rest has grown by 30%. With a thousand idle partitions that takes 136 MB and 1.6% of a core
// (bench/idle.ts). V8's own measure takes 254 MB, and --optimize-for-size, which collects every other second, 118 MB for
// 4.5% and more.
const leanFlags = ['--max-semi-space-size=2', '--heap-growing-percent=30'];
// Each thread that V8 compiles and collects in gets memory of its own from glibc, and keeps what it does not need any more:
// one for all spares an agent that copies some megabytes (docs/performance.md).
const leanEnvironment = { MALLOC_ARENA_MAX: '1' };
const longRunning = new Set(['run', 'agent']);

export function isLongRunning(args) {
  return longRunning.has(args[0]);
}

/** Node's flags for this command line. */
export function leanFlagsFor(args) {
  return isLongRunning(args) ? leanFlags : [];
}

/** Its environment: what the user has set stays. */
export function leanEnvironmentFor(args, environment) {
  return isLongRunning(args) ? { ...leanEnvironment, ...environment } : environment;
}

/** Starts this process anew in its place, where the command is one that runs for long; does nothing elsewhere. */
export function becomeLean(args) {
  const missing = leanFlagsFor(args).filter((flag) => !process.execArgv.includes(flag));
  // Windows can't replace a process.
  if (missing.length === 0 || process.platform === 'win32') return;
  const { execPath, execArgv, argv } = process;
  process.execve?.(
    execPath,
    [execPath, ...missing, ...execArgv, ...argv.slice(1)],
    leanEnvironmentFor(args, process.env),
  );
}
