// One cluster in a file of its own, as commands take it with --cluster-config and --source-config: YAML with the keys of
// an entry of `clusters:` in lockstep.yaml. Faults are told as those of lockstep.yaml are, with file:line:column.
import path from 'node:path';
import type { ClusterConfig } from '../client/config.ts';
import { LockstepError } from '../errors.ts';

import { parseYaml, type YamlDocument } from './document.ts';
import { resolveReloadableCluster } from './file-credentials.ts';
import { type FileReader, readFromDisk, readTextFile } from './files.ts';
import { literalSecretsOf } from './literal-secrets.ts';
import { type Path, Problems } from './problems.ts';
import { checkShape } from './shape.ts';

export interface ClusterFile {
  /** The entry as it was written, references unresolved. */
  readonly entry: Readonly<Record<string, unknown>>;
  /** Ready for the client. @throws LockstepError CONFIG_INVALID with a line for each problem. */
  resolve(environment: Readonly<Record<string, string | undefined>>): {
    readonly config: ClusterConfig;
    readonly warnings: readonly string[];
  };
  /** For entries that are stored where others read them. @throws LockstepError CONFIG_INVALID naming each secret's place. */
  refuseSecrets(): void;
}

export interface ClusterFileOptions {
  /** What messages call the cluster. */
  readonly name: string;
  /** Stands in place of the file's own addresses. */
  readonly bootstrap?: readonly string[];
  readonly readFile?: FileReader;
}

/** @throws LockstepError FILE_UNREADABLE; CONFIG_INVALID where it does not have the shape of a cluster. */
export function readClusterFile(file: string, options: ClusterFileOptions): ClusterFile {
  const { name, bootstrap, readFile = readFromDisk } = options;
  const read = readTextFile(file, readFile);
  if ('reason' in read) {
    throw new LockstepError('FILE_UNREADABLE', `${file}: can't be read: ${read.reason}`, {
      detail: { file },
    });
  }
  const problems = new Problems(file);
  const document = parseYaml(read.text, problems);
  problems.throwIfAny();
  const at: Path = ['clusters', name];
  const located = below(document!, at);
  const problemsHere = (): Problems => {
    const found = new Problems(file);
    found.locateBy(located);
    return found;
  };
  const value = document!.value ?? {};
  const entry = bootstrap === undefined || !isMapping(value) ? value : { ...value, bootstrap };
  const shape = problemsHere();
  checkShape({ version: 1, clusters: { [name]: entry } }, shape);
  shape.throwIfAny();
  const raw = entry as Record<string, unknown>;
  return {
    entry: raw,
    resolve: (environment) => {
      const found = problemsHere();
      const folder = path.dirname(path.resolve(file));
      const config = resolveReloadableCluster(name, raw, {
        sources: { folder, environment, readFile },
        problems: found,
      });
      found.throwIfAny();
      return { config, warnings: found.warnings };
    },
    refuseSecrets: () => {
      const found = problemsHere();
      for (const place of literalSecretsOf(raw)) {
        found.add([...at, ...stepsOf(place)], {
          found: `${place} itself (not shown), which would be stored where others can read it`,
          expected: 'a reference that agents look up where they run: ${file:path} or ${env:NAME}',
        });
      }
      found.throwIfAny();
    },
  };
}

/** `bootstrap[0]` is found at `bootstrap`, 0. */
function stepsOf(place: string): Path {
  return (place.match(/[^.[\]]+/g) ?? []).map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

/** The document as if it stood at this path of a larger one. */
function below(document: YamlDocument, at: Path): YamlDocument {
  return {
    value: document.value,
    positionOf: (inner) => document.positionOf(inner.slice(at.length)),
    keyPositionOf: (inner) => document.keyPositionOf(inner.slice(at.length)),
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
