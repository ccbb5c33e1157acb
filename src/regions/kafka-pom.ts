// The Maven project whose dependencies are one runnable Kafka: broker, tools, Connect and MirrorMaker 2.
// Kafka's own release archive is not on Maven Central; its jars are.

/** Kafka's artifacts; everything else comes with them. */
const kafkaArtifacts = ['kafka_2.13', 'kafka-tools', 'connect-runtime', 'connect-mirror'];

/** Which logging a version's jars expect behind slf4j 1.7: Kafka 4.0 moved from log4j 1 to log4j 2 (KIP-653). */
export type LoggingFlavour = 'log4j2' | 'reload4j';

export function loggingFlavour(kafkaVersion: string): LoggingFlavour {
  return Number(kafkaVersion.split('.')[0]) >= 4 ? 'log4j2' : 'reload4j';
}

const slf4jBindings = {
  log4j2: { group: 'org.apache.logging.log4j', artifact: 'log4j-slf4j-impl', version: '2.25.3' },
  reload4j: { group: 'org.slf4j', artifact: 'slf4j-reload4j', version: '1.7.36' },
};

/** Pinned, because Maven 3 would otherwise take a release that differs from machine to machine. */
export const copyDependenciesGoal =
  'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

export function renderPom(kafkaVersion: string): string {
  const binding = slf4jBindings[loggingFlavour(kafkaVersion)];
  const dependencies = [
    ...kafkaArtifacts.map((artifact) => ({ group: 'org.apache.kafka', artifact, version: kafkaVersion })),
    binding,
  ];
  const lines = dependencies.map(
    ({ group, artifact, version }) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lockstep</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${lines.join('\n')}
  </dependencies>
</project>
`;
}
