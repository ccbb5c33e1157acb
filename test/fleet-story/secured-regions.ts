// Two regions of three brokers with TLS, passwords and Kafka's StandardAuthorizer, and who may do what there. Tests act as
// super users over PLAINTEXT, which brokers use among themselves; agents, people and applications log in over SASL_SSL.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Acl, type Cluster, createAcls, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import type { JavaSide } from '../support/java-clients.ts';
import type { RegionFixtureOptions } from '../support/region-fixtures.ts';

export const regionNames = ['us-east', 'eu-west'] as const;
export type RegionName = (typeof regionNames)[number];

/** Every user has another password in each region; all end in `-secret`, so that none can hide in a log. */
export const passwordOf = (region: string, username: string): string => `${username}-${region}-secret`;

export const operator = 'operator';
const agent = 'lockstep';
const applications = ['app-reader', 'app-local', 'app-auditor'];
/** Writes at the source; the destination gets its user from the link. */
export const writer = 'app-writer';

function secured(name: RegionName, usernames: readonly string[]): RegionFixtureOptions {
  return {
    brokers: 3,
    brokerConfig: { 'min.insync.replicas': '2', 'default.replication.factor': '3' },
    security: {
      tls: true,
      sasl: {
        users: usernames.map((username) => ({ username, password: passwordOf(name, username) })),
        // PLAIN for kcat: its librdkafka is older than brokers' mend of SCRAM.
        mechanisms: ['PLAIN', 'SCRAM-SHA-512'],
      },
      authorizer: {},
    },
  };
}

export const securedRegions = {
  'us-east': secured('us-east', [agent, operator, ...applications, writer]),
  'eu-west': secured('eu-west', [agent, operator, ...applications]),
} satisfies Record<RegionName, RegionFixtureOptions>;

export const sourcePasswordVariable = 'SOURCE_PASSWORD';
export const writerPasswordVariable = 'APP_WRITER_PASSWORD';

/** What agents find in their environment. */
export const agentEnvironment = {
  [sourcePasswordVariable]: passwordOf('us-east', agent),
  [writerPasswordVariable]: passwordOf('eu-west', writer),
};

export interface ClusterFiles {
  /** How agents reach the source: the password is a variable of theirs. */
  readonly source: string;
  /** How agents, and how the operator, reach the destination: the password is in another file. */
  readonly destination: string;
  readonly operator: string;
  /** A lockstep.yaml with both clusters as the operator sees them. */
  topology(topics: readonly string[]): Promise<string>;
}

export async function writeClusterFiles(
  folder: string,
  regions: Readonly<Record<RegionName, Region>>,
): Promise<ClusterFiles> {
  const write = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, text);
    return file;
  };
  const keys = (region: Region, username: string, password: string) => ({
    bootstrap: region.bootstrapOf('SASL_SSL'),
    tls: { ca: region.tls!.caFile },
    sasl: { mechanism: 'SCRAM-SHA-512', username, password },
  });
  const fromFile = async (region: Region, username: string) => {
    const file = await write(`${region.name}-${username}.password`, `${passwordOf(region.name, username)}\n`);
    return keys(region, username, `\${file:${file}}`);
  };
  const { 'us-east': us, 'eu-west': eu } = regions;
  const operatorAt = { 'us-east': await fromFile(us, operator), 'eu-west': await fromFile(eu, operator) };
  return {
    source: await write('source.yaml', JSON.stringify(keys(us, agent, `\${env:${sourcePasswordVariable}}`))),
    destination: await write('destination.yaml', JSON.stringify(await fromFile(eu, agent))),
    operator: await write('operator.yaml', JSON.stringify(operatorAt['eu-west'])),
    topology: (topics) => {
      const links = { 'us-to-eu': { source: 'us-east', destination: 'eu-west', topics } };
      return write('lockstep.yaml', JSON.stringify({ version: 1, clusters: operatorAt, links }));
    },
  };
}

/** A Java client of that user, over SASL_SSL with SCRAM. */
export function javaSide(region: Region, username: string): JavaSide {
  return { bootstrap: region.bootstrapOf('SASL_SSL'), properties: javaLogin(region, username) };
}

export function javaLogin(region: Region, username: string): Record<string, string> {
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule required';
  const password = passwordOf(region.name, username);
  return {
    'security.protocol': 'SASL_SSL',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.jaas.config': `${module} username="${username}" password="${password}";`,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': region.tls!.caFile,
  };
}

/** The same for librdkafka. */
export function librdkafkaLogin(
  region: Region,
  username: string,
  mechanism: 'PLAIN' | 'SCRAM-SHA-512',
): Record<string, string> {
  return {
    'security.protocol': 'sasl_ssl',
    'sasl.mechanism': mechanism,
    'sasl.username': username,
    'sasl.password': passwordOf(region.name, username),
    'ssl.ca.location': region.tls!.caFile,
  };
}

/** `story.` is a prefix for topics, `story-` one for groups and transactional ids. */
export function allows(
  username: string,
  resourceType: Acl['resourceType'],
  resourceName: string,
  ...granted: Acl['operation'][]
): Acl[] {
  const patternType = /[.-]$/.test(resourceName) ? 'PREFIXED' : 'LITERAL';
  const fixed = { principal: `User:${username}`, host: '*', permission: 'ALLOW' } as const;
  return granted.map((operation) => ({ ...fixed, resourceType, resourceName, patternType, operation }));
}

const cluster = 'kafka-cluster';

/** docs/security.md for the agent and the operator; and what applications may do, at the source and at the destination by its own rules. */
const rules: Readonly<Record<RegionName, readonly Acl[]>> = {
  'us-east': [
    ...allows(agent, 'TOPIC', 'story.', 'READ', 'DESCRIBE_CONFIGS'),
    ...allows(agent, 'GROUP', 'story-', 'DESCRIBE'),
    ...allows(agent, 'CLUSTER', cluster, 'DESCRIBE'),
    ...allows(agent, 'TRANSACTIONAL_ID', '*', 'DESCRIBE'),
    ...allows(operator, 'TOPIC', 'story.', 'READ'),
    ...allows(writer, 'TOPIC', 'story.', 'WRITE'),
    ...allows(writer, 'TRANSACTIONAL_ID', 'story-', 'WRITE'),
    ...allows('app-reader', 'TOPIC', 'story.', 'READ'),
    ...allows('app-reader', 'GROUP', 'story-', 'READ'),
  ],
  'eu-west': [
    ...allows(agent, 'TOPIC', '__lockstep', 'CREATE', 'READ', 'WRITE', 'DESCRIBE_CONFIGS'),
    ...allows(agent, 'GROUP', 'lockstep', 'READ'),
    ...allows(agent, 'TRANSACTIONAL_ID', 'lockstep-leader', 'WRITE'),
    ...allows(
      ...([agent, 'TOPIC', 'story.', 'READ', 'WRITE', 'CREATE', 'ALTER'] as const),
      ...(['DESCRIBE_CONFIGS', 'ALTER_CONFIGS'] as const),
    ),
    ...allows(agent, 'GROUP', 'story-', 'READ'),
    ...allows(agent, 'CLUSTER', cluster, 'DESCRIBE', 'ALTER', 'DESCRIBE_CONFIGS'),
    ...allows(operator, 'TOPIC', '__lockstep', 'READ', 'WRITE'),
    ...allows(operator, 'TOPIC', 'story.', 'READ'),
    ...allows('app-local', 'TOPIC', 'story.', 'WRITE'),
  ],
};

export async function grantAll(admins: Readonly<Record<RegionName, Cluster>>): Promise<void> {
  for (const name of regionNames)
    for (const outcome of await createAcls(admins[name], rules[name])) unwrap(outcome);
}
