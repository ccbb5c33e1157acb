// A bare copier made with franz-go (bench/go/franz-copier): what a good client library costs that takes every record into
// its hands. It keeps no positions, no offsets and no configuration, so nobody could use it in Lockstep's place.
import type { BenchCluster, Contestant, Job } from './contestant.ts';
import { goPeer } from './go-peer.ts';

const copyOf = (topic: string, { label }: Job) => `${label}.${topic}`;

export const franzGo: Contestant = goPeer({
  name: 'franz-go',
  title: 'franz-go, a bare copier',
  program: 'franz-copier',
  copyOf,
  argumentsOf: async (job, destination) => copierArguments(job, destination),
});

export function copierArguments(job: Job, destination: BenchCluster): string[] {
  const copies = job.topics.map((topic) => copyOf(topic, job));
  return [
    ...['-from', job.source.bootstrap.join(','), ...caOf('-from-ca', job.source)],
    ...['-to', destination.bootstrap.join(','), ...caOf('-to-ca', destination)],
    ...['-topic', job.topics.join(','), '-copy', copies.join(',')],
    ...['-replicas', String(job.replicationFactor), '-compression', job.compression],
    ...(job.isLive ? ['-linger', '0s'] : []),
  ];
}

function caOf(flag: string, { tls }: BenchCluster): string[] {
  return tls === null ? [] : [flag, tls.caFile];
}
