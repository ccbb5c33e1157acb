// MirrorMaker 2 of the same Kafka release, in its dedicated mode, with the JVM settings of its start script.
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawnKafkaTool } from '../../src/regions/index.ts';
import { type Stage, topic } from '../stage.ts';
import type { Contestant } from './contestant.ts';

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

/** `variant` names the template; `run` keeps the internal topics of several runs apart. */
export function mirrorMaker(variant: 'mm2-defaults' | 'mm2-tuned', run: number, tasks: number): Contestant {
  // MirrorMaker prefixes the copy with the source's alias: an alias of its own makes a fresh set of topics.
  const alias = `${variant}-${run}`;
  return {
    copyTopic: `${alias}.${topic}`,
    title: `MirrorMaker 2 4.3.1, ${variant === 'mm2-tuned' ? 'tuned' : 'defaults'}`,
    async start(stage: Stage) {
      const template = await readFile(path.join(import.meta.dirname, '..', `${variant}.properties`), 'utf8');
      const values: Record<string, string> = {
        source: alias,
        destination: 'eu-west',
        sourceBootstrap: stage.source.bootstrap.join(','),
        destinationBootstrap: stage.destination.bootstrap.join(','),
        topic,
        tasks: String(tasks),
      };
      const properties = path.join(stage.directory, `${alias}.properties`);
      const loggingFile = path.join(stage.directory, 'mm2-logging.properties');
      await writeFile(properties, fillTemplate(template, values));
      await writeFile(loggingFile, logging);
      const child = spawnKafkaTool(
        stage.installation,
        'org.apache.kafka.connect.mirror.MirrorMaker',
        [properties],
        { jvmFlags: [...jvmFlags, `-Dlog4j2.configurationFile=${loggingFile}`] },
      );
      const log = createWriteStream(path.join(stage.directory, `${alias}.log`));
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      return child;
    },
  };
}

/** Puts values into ${name}; an unknown name is an error, not an empty text. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\$\{(\w+)\}/g, (_match, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the template names \${${name}}, which has no value`);
    return value;
  });
}
