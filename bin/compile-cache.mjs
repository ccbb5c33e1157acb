// Compiled modules are kept between two runs: reading and compiling the program takes half a second of every command, and
// nobody has that half second in the night of a failover.
//
// The folder must be one that only this user can write to: what stands in it is run.
import module from 'node:module';
import { homedir } from 'node:os';
import path from 'node:path';

/** Where they are kept: in a checkout beside the packages, else among the user's own caches. */
export function compileCacheFolder({ root, isCheckout, environment, home }) {
  if (isCheckout) return path.join(root, 'node_modules', '.cache', 'node-compile');
  const caches = environment.XDG_CACHE_HOME;
  return path.join(
    caches === undefined || !path.isAbsolute(caches) ? path.join(home, '.cache') : caches,
    'lockstep',
  );
}

/** Node's own variables win (NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE). Never throws: without it, it takes longer. */
export function keepCompiled({ root, isCheckout }) {
  try {
    module.enableCompileCache?.(
      compileCacheFolder({ root, isCheckout, environment: process.env, home: homedir() }),
    );
  } catch {
    // No home, say.
  }
}
