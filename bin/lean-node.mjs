// Agents run for years and move bytes that live outside of V8's heap. A small heap costs throughput nothing measurable;
// with a thousand idle partitions it takes 116 MB instead of 254, for 5.8% of a core instead of 1.7 (bench/idle.ts).
const leanFlags = ['--optimize-for-size'];
const longRunning = new Set(['run', 'agent']);

/** Node's flags for this command line. */
export function leanFlagsFor(args) {
  return longRunning.has(args[0]) ? leanFlags : [];
}

/** Starts this process anew in its place, where the command is one that runs for long; does nothing elsewhere. */
export function becomeLean(args) {
  const missing = leanFlagsFor(args).filter((flag) => !process.execArgv.includes(flag));
  // Windows can't replace a process.
  if (missing.length === 0 || process.platform === 'win32') return;
  const { execPath, execArgv, argv } = process;
  process.execve?.(execPath, [execPath, ...missing, ...execArgv, ...argv.slice(1)], process.env);
}
