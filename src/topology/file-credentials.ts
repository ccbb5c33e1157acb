// Credentials whose files may be replaced while we run: certificates, keys, and what `${file:...}` names. The files are
// looked at (not read) whenever somebody asks, and read again when one has another date, size or inode.
//
// A file may be half written, or its neighbour not replaced yet. What can't be used is not taken over: the former
// credentials stay, `problem` says why, and the next change is looked at anew.
import { stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { unusableTls } from '../client/certificates.ts';
import type { ClusterConfig, Credentials, CredentialsSource } from '../client/config.ts';
import { LockstepError } from '../errors.ts';
import { resolveCluster } from './cluster.ts';
import { Problems } from './problems.ts';
import type { ReferenceContext, ReferenceSources } from './secrets.ts';

/** The cluster's configuration, with a source of newer credentials where they come from files. */
export function resolveReloadableCluster(
  name: string,
  raw: Record<string, unknown>,
  { sources, problems }: ReferenceContext,
): ClusterConfig {
  const files = new Set<string>();
  const noting: ReferenceSources = {
    ...sources,
    readFile: (file, encoding) => {
      files.add(file);
      return sources.readFile(file, encoding);
    },
  };
  const config = resolveCluster(name, raw, { sources: noting, problems });
  if (files.size === 0) return config;
  const readAgain = (): ClusterConfig => {
    const fresh = new Problems(`cluster ${name}`, { hiddenSteps: 2 });
    const renewed = resolveCluster(name, raw, { sources, problems: fresh });
    fresh.throwIfAny();
    return renewed;
  };
  return { ...config, credentials: new FileCredentials(config, [...files], readAgain) };
}

class FileCredentials implements CredentialsSource {
  readonly #files: readonly string[];
  readonly #readAgain: () => Credentials;
  #credentials: Credentials;
  /** How the files looked when they were read last; null: not known, so they are read. */
  #look: string | null = null;
  #problem: string | null = null;
  #asking: Promise<Credentials> | null = null;

  constructor(initial: Credentials, files: readonly string[], readAgain: () => Credentials) {
    this.#credentials = pick(initial);
    this.#files = files;
    this.#readAgain = readAgain;
  }

  get problem(): string | null {
    return this.#problem;
  }

  current(): Promise<Credentials> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<Credentials> {
    // Before they are read: a change in between is seen the next time.
    const look = (await Promise.all(this.#files.map(lookOf))).join('\n');
    if (look === this.#look) return this.#credentials;
    this.#look = look;
    try {
      const renewed = pick(this.#readAgain());
      const unusable = renewed.tls === undefined ? null : unusableTls(renewed.tls);
      if (unusable !== null) throw new LockstepError('CONFIG_INVALID', `tls: ${unusable}`);
      if (!isDeepStrictEqual(renewed, this.#credentials)) this.#credentials = renewed;
      this.#problem = null;
    } catch (error) {
      this.#problem = (error as Error).message.replaceAll('\n', '; ');
    }
    return this.#credentials;
  }
}

function pick({ tls, sasl }: Credentials): Credentials {
  return { ...(tls && { tls }), ...(sasl && { sasl }) };
}

/** Changes when the file is replaced or written to. Links are followed: Kubernetes replaces a link to a folder. */
async function lookOf(file: string): Promise<string> {
  try {
    const { mtimeNs, size, ino, dev } = await stat(file, { bigint: true });
    return `${dev} ${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
