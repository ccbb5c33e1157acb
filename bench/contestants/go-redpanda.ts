// The migrator of Redpanda Connect, with its components for Kafka alone (bench/go/redpanda-connect).
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BenchCluster, Contestant, Job } from './contestant.ts';
import { goPeer } from './go-peer.ts';
import { fillTemplate } from './mirror-maker.ts';

/** `variant` names the template in bench/. */
export function redpandaConnect(variant: 'redpanda-connect' | 'redpanda-connect-tuned'): Contestant {
  return goPeer({
    name: variant,
    title: `Redpanda Connect 4.67.5, ${variant === 'redpanda-connect' ? 'defaults' : 'tuned'}`,
    program: 'redpanda-connect',
    copyOf: (topic) => topic,
    async argumentsOf(job, destination) {
      const template = await readFile(path.join(import.meta.dirname, '..', `${variant}.yaml`), 'utf8');
      const file = path.join(job.directory, 'redpanda-connect.yaml');
      await writeFile(file, connectYaml(template, job, destination));
      return ['run', file];
    },
  });
}

/** The template for a job; YAML takes lists and objects as JSON has them. */
export function connectYaml(template: string, job: Job, destination: BenchCluster): string {
  return fillTemplate(template, {
    label: job.label,
    sourceBootstrap: JSON.stringify(job.source.bootstrap),
    sourceTls: tlsOf(job.source),
    topics: JSON.stringify(job.topics),
    destinationBootstrap: JSON.stringify(destination.bootstrap),
    destinationTls: tlsOf(destination),
    replicationFactor: String(job.replicationFactor),
    compression: job.compression,
  });
}

function tlsOf({ tls }: BenchCluster): string {
  return JSON.stringify(tls === null ? { enabled: false } : { enabled: true, root_cas_file: tls.caFile });
}
