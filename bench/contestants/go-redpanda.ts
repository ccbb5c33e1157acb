// The migrator of Redpanda Connect, with its components for Kafka alone (bench/go/redpanda-connect).
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BenchCluster, Contestant, Job } from './contestant.ts';
import { goPeer } from './go-peer.ts';
import { fillTemplate } from './mirror-maker.ts';

const template = path.resolve(import.meta.dirname, '../redpanda-connect.yaml');

export const redpandaConnect: Contestant = goPeer({
  name: 'redpanda-connect',
  title: 'Redpanda Connect 4.67.5, tuned',
  program: 'redpanda-connect',
  copyOf: (topic) => topic,
  async argumentsOf(job, destination) {
    const file = path.join(job.directory, 'redpanda-connect.yaml');
    await writeFile(file, connectYaml(await readFile(template, 'utf8'), job, destination));
    return ['run', file];
  },
});

/** The template for a job; YAML takes lists and objects as JSON has them. */
export function connectYaml(text: string, job: Job, destination: BenchCluster): string {
  return fillTemplate(text, {
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
