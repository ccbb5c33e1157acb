// MirrorMaker 2 of the same Kafka release, in its dedicated mode, with the JVM settings of its start script.
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawnKafkaTool } from '../../src/regions/index.ts';
import type { BenchCluster, Contestant, Job } from './contestant.ts';

/** What bin/connect-mirror-maker.sh and kafka-run-class.sh set: heap and collector. */
const jvmFlags = [
  ...['-Xms256M', '-Xmx2G', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  ...[
    '-XX:InitiatingHeapOccupancyPercent=35',
    '-XX:+ExplicitGCInvokesConcurrent',
    '-Djava.awt.headless=true',
  ],
];
const logging = `status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
`;
/** As many as this machine has cores for: more take turns on them, with a consumer and a producer each. */
const tunedTasks = 2;

/** `variant` names the template in bench/. */
export function mirrorMaker(variant: 'mm2-defaults' | 'mm2-tuned'): Contestant {
  return {
    name: variant,
    title: `MirrorMaker 2 4.3.1, ${variant === 'mm2-tuned' ? 'tuned' : 'defaults'}`,
    hasEqualOffsets: false,
    createsTopics: true,
    prepare: async () => null,
    // It prefixes the copy with the source's alias: an alias of its own makes a fresh set of topics, internal ones too.
    copyOf: (topic, job) => `${job.label}.${topic}`,
    async start(job) {
      const template = await readFile(path.join(import.meta.dirname, '..', `${variant}.properties`), 'utf8');
      const properties = path.join(job.directory, 'mm2.properties');
      const loggingFile = path.join(job.directory, 'mm2-logging.properties');
      const logFile = path.join(job.directory, 'mm2.log');
      await writeFile(properties, mm2Properties(template, job));
      await writeFile(loggingFile, logging);
      const child = spawnKafkaTool(
        job.installation,
        'org.apache.kafka.connect.mirror.MirrorMaker',
        [properties],
        { jvmFlags: [...jvmFlags, `-Dlog4j2.configurationFile=${loggingFile}`] },
      );
      const log = createWriteStream(logFile);
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      return { child, logFile };
    },
  };
}

/** The template for a job. Lines that name a destination stand once for each of them. */
export function mm2Properties(template: string, job: Job): string {
  const values = {
    source: job.label,
    sourceBootstrap: job.source.bootstrap.join(','),
    destinations: job.destinations.map(({ name }) => name).join(', '),
    topics: job.topics.join(','),
    tasks: String(tunedTasks),
    replicationFactor: String(job.replicationFactor),
    compression: job.compression,
    // Waiting for more is what makes batches large, and what a record that just came must not meet.
    lingerMs: job.isLive ? '0' : '50',
    fetchBytesMin: job.isLive ? '1' : '1048576',
  };
  const lines = template.split('\n').flatMap((line) => {
    if (!/\$\{destination(Bootstrap)?\}/.test(line)) return [fillTemplate(line, values)];
    return job.destinations.map(({ name, bootstrap }) =>
      fillTemplate(line, { ...values, destination: name, destinationBootstrap: bootstrap.join(',') }),
    );
  });
  const security = [
    ...tlsLines(job.label, job.source),
    ...job.destinations.flatMap((destination) => tlsLines(destination.name, destination)),
  ];
  return [...lines, ...security, ''].join('\n');
}

function tlsLines(alias: string, { tls }: BenchCluster): string[] {
  if (tls === null) return [];
  return [
    `${alias}.security.protocol = SSL`,
    `${alias}.ssl.truststore.type = PEM`,
    `${alias}.ssl.truststore.location = ${tls.caFile}`,
  ];
}

/** Puts values into ${name}; an unknown name is an error, not an empty text. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\$\{(\w+)\}/g, (_match, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template names \${${name}}, which has no value`);
    return value;
  });
}
