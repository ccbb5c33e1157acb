// Renders the files that one Kafka process of a region needs: server.properties and its logging
// configuration. Pure text, no I/O.
import type { LoggingFlavour } from './kafka-pom.ts';

export const host = '127.0.0.1';

/** Kafka's listener names as we use them; each is also its security protocol, except CONTROLLER. */
const clientListeners = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
export type ClientListener = (typeof clientListeners)[number];

/** A listener without security whose clients are led through a proxy; nobody else uses it. */
export type ProxiedListener = { readonly port: number; readonly advertisedPort: number };

export type NodeRoles = 'broker' | 'controller' | 'broker,controller';

export type NodeConfig = {
  readonly id: number;
  readonly roles: NodeRoles;
  readonly dataDirectory: string;
  /** The port of each listener that this node opens for clients; empty on a node that is controller only. */
  readonly ports: Readonly<Partial<Record<ClientListener, number>>>;
  /** A further listener that is advertised at another port, where a proxy stands. */
  readonly proxied?: ProxiedListener | undefined;
  /** The port of the CONTROLLER listener, on nodes with that role. */
  readonly controllerPort: number | null;
  /** id and controller port of every voter of the region. */
  readonly voters: readonly { readonly id: number; readonly port: number }[];
  readonly interBrokerListener: ClientListener;
  /** Brokers in the region: internal topics get this replication factor, at most 3. */
  readonly brokerCount: number;
  /** What security adds; see security.ts. */
  readonly securityConfig: Readonly<Record<string, string>>;
  /** The caller's own settings: they win. */
  readonly brokerConfig: Readonly<Record<string, string>>;
};

/** The complete server.properties as a table. */
export function nodeProperties(node: NodeConfig): Record<string, string> {
  const isController = node.roles.includes('controller');
  const isBroker = node.roles.includes('broker');
  const own = clientListeners.flatMap((name) => {
    const port = node.ports[name];
    return isBroker && port !== undefined ? [`${name}://${host}:${port}`] : [];
  });
  const proxied = isBroker ? node.proxied : undefined;
  const proxiedAt = (port: number) => `PROXIED://${host}:${port}`;
  const controller = isController ? [`CONTROLLER://${host}:${node.controllerPort}`] : [];
  const replicas = String(Math.min(3, node.brokerCount));
  const inSync = node.brokerCount >= 3 ? '2' : '1';
  return {
    'process.roles': node.roles,
    'node.id': String(node.id),
    'controller.quorum.voters': node.voters.map((voter) => `${voter.id}@${host}:${voter.port}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: [...own, ...(proxied ? [proxiedAt(proxied.port)] : []), ...controller].join(','),
    ...(isBroker && {
      'advertised.listeners': [...own, ...(proxied ? [proxiedAt(proxied.advertisedPort)] : [])].join(','),
      'inter.broker.listener.name': node.interBrokerListener,
    }),
    'listener.security.protocol.map': [
      'CONTROLLER:PLAINTEXT',
      ...clientListeners.map((name) => `${name}:${name}`),
      ...(proxied ? ['PROXIED:PLAINTEXT'] : []),
    ].join(','),
    'log.dirs': node.dataDirectory,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'log.cleaner.dedupe.buffer.size': String(16 * 1024 * 1024),
    // A killed broker is noticed after this, and may come back only after this; Kafka's default is 9 s.
    'broker.session.timeout.ms': '2500',
    'broker.heartbeat.interval.ms': '500',
    'initial.broker.registration.timeout.ms': '60000',
    ...node.securityConfig,
    ...node.brokerConfig,
  };
}

/** A Java properties file. Backslashes and line ends are escaped; leading blanks of a value too. */
export function renderProperties(properties: Readonly<Record<string, string>>): string {
  const escapeValue = (value: string) =>
    value
      .replaceAll('\\', '\\\\')
      .replaceAll('\n', '\\n')
      .replaceAll('\r', '\\r')
      .replace(/^[ \t]/, '\\$&');
  const escapeKey = (key: string) => escapeValue(key).replaceAll(/[:= #!]/g, '\\$&');
  return `${Object.entries(properties)
    .map(([key, value]) => `${escapeKey(key)}=${escapeValue(value)}`)
    .join('\n')}\n`;
}

/** A log file of bounded size; warnings of chatty client classes stay. */
export function renderLogging(flavour: LoggingFlavour, file: string): string {
  return renderProperties(flavour === 'log4j2' ? log4j2(file) : reload4j(file));
}

/** The JVM option that points at the logging file. */
export function loggingFlag(flavour: LoggingFlavour, file: string): string {
  return flavour === 'log4j2' ? `-Dlog4j2.configurationFile=${file}` : `-Dlog4j.configuration=file:${file}`;
}

const log4j2 = (file: string) => ({
  status: 'error',
  'appender.file.type': 'RollingFile',
  'appender.file.name': 'file',
  'appender.file.fileName': file,
  'appender.file.filePattern': `${file}.%i`,
  'appender.file.layout.type': 'PatternLayout',
  'appender.file.layout.pattern': '[%d] %p %m (%c)%n',
  'appender.file.policies.type': 'Policies',
  'appender.file.policies.size.type': 'SizeBasedTriggeringPolicy',
  'appender.file.policies.size.size': '10MB',
  'appender.file.strategy.type': 'DefaultRolloverStrategy',
  'appender.file.strategy.max': '2',
  'rootLogger.level': 'info',
  'rootLogger.appenderRef.file.ref': 'file',
});

const reload4j = (file: string) => ({
  'log4j.rootLogger': 'INFO, file',
  'log4j.appender.file': 'org.apache.log4j.RollingFileAppender',
  'log4j.appender.file.File': file,
  'log4j.appender.file.MaxFileSize': '10MB',
  'log4j.appender.file.MaxBackupIndex': '2',
  'log4j.appender.file.layout': 'org.apache.log4j.PatternLayout',
  'log4j.appender.file.layout.ConversionPattern': '[%d] %p %m (%c)%n',
});
