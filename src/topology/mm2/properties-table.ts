// What becomes of every property that connect-mirror 4.3.1 knows: docs/mirrormaker.md is generated from this, and a test
// compares the names with the ConfigDefs in Kafka's jars.

/** What Lockstep makes of a property. */
export type Verdict =
  /** It does what it does in MirrorMaker 2. */
  | 'honoured'
  /** It does something near that; `what` says what. */
  | 'differs'
  /** It tunes or keeps something that is not there; `what` says why. */
  | 'notNeeded'
  /** The file is refused; `what` says the way out. */
  | 'refused';

/**
 * Where connect-mirror takes it: `flow` at the top or behind `A->B.`; `process` at the top; `worker` behind `B.` or, for
 * some, at the top; `client` behind `A.admin.`, `A.consumer.`, `A.producer.`; `security` at the top, behind `A.` and
 * behind `A.admin.` and so on.
 */
export type PropertyKind = 'flow' | 'process' | 'worker' | 'client' | 'security';

export interface PropertyRow {
  /** A name that ends in `.*` stands for every property that begins so. */
  readonly name: string;
  readonly kind: PropertyKind;
  readonly verdict: Verdict;
  /** One sentence without the name; of a refused one the reason, then behind a semicolon the way out. */
  readonly what: string;
  /** Values with which `refused` and `differs` say nothing, since they are what Lockstep does. */
  readonly harmless?: readonly string[];
}

type Row = readonly [names: string, verdict: Verdict, what: string, harmless?: readonly string[]];

const mirror = 'org.apache.kafka.connect.mirror';
/** Said only where it is not set, or by who reads the value. */
const anyValue = ['*'];
const byteArrays = ['org.apache.kafka.connect.converters.ByteArrayConverter'];

// biome-ignore format: a table
const flowRows: readonly Row[] = [
  ['enabled', 'honoured', 'a flow is a link from the first cluster to the second, named A-to-B'],
  ['source.cluster.alias target.cluster.alias', 'honoured', 'the alias in names of remote topics, heartbeats and checkpoints'],
  ['topics topics.exclude', 'honoured', 'Java regular expressions that RE2 has, too; look-arounds and back references are refused by line'],
  ['groups groups.exclude', 'honoured', 'Java regular expressions that RE2 has, too'],
  ['replication.policy.class', 'honoured', `DefaultReplicationPolicy and IdentityReplicationPolicy of ${mirror}; others are refused`],
  ['replication.policy.separator', 'honoured', 'between alias and topic; letters, digits, . _ -'],
  ['replication.policy.internal.topic.separator.enabled', 'honoured', 'whether checkpoints topics are named with the separator'],
  ['replication.factor', 'differs', "without it a new topic gets the destination's default.replication.factor (MirrorMaker 2: 2); -1 means the same", anyValue],
  ['heartbeats.topic.replication.factor checkpoints.topic.replication.factor', 'differs', "without it the topic gets the destination's default.replication.factor (MirrorMaker 2: 3)", anyValue],
  ['refresh.topics.enabled', 'differs', 'topics are looked for all the same: with false once an hour', ['true']],
  ['refresh.topics.interval.seconds', 'differs', 'without it every 5 s (MirrorMaker 2: 600); at most 3600 s', anyValue],
  ['refresh.groups.enabled refresh.groups.interval.seconds', 'notNeeded', 'groups are listed whenever positions are copied'],
  ['sync.topic.configs.enabled', 'differs', 'with false the settings that records and offsets depend on are kept equal all the same (docs/mirror-topics.md: fixed, always equal)', ['true']],
  ['sync.topic.configs.interval.seconds', 'differs', 'without it every 5 s (MirrorMaker 2: 600); at most 3600 s', anyValue],
  ['config.properties.exclude', 'differs', 'what is named here is not kept equal, but for the settings that records and offsets depend on (docs/mirror-topics.md: fixed, always equal)', anyValue],
  ['use.defaults.from', 'differs', 'which default a mirror gets stands in docs/mirror-topics.md for each setting', ['target']],
  ['sync.topic.acls.enabled', 'differs', 'rules on mirrored topics are copied without WRITE, as there; besides, whom the destination lets write to them is denied that until promotion (docs/acls.md)', ['false']],
  ['sync.topic.acls.interval.seconds', 'differs', 'without it every 5 s (MirrorMaker 2: 600); at most 3600 s', anyValue],
  ['emit.heartbeats.enabled emit.heartbeats.interval.seconds', 'honoured', 'as in MirrorMaker 2 for every pair of clusters, enabled or not'],
  ['heartbeats.replication.enabled', 'honoured', 'heartbeats topics are mirrored whatever topics says'],
  ['emit.checkpoints.enabled emit.checkpoints.interval.seconds', 'honoured', "in MirrorMaker 2's format; without them no group's position travels"],
  ['sync.group.offsets.enabled', 'honoured', 'positions are committed at the destination, exact to the record; default false'],
  ['sync.group.offsets.interval.seconds', 'differs', 'without it every 5 s (MirrorMaker 2: 60); at most 3600 s', anyValue],
  ['emit.offset-syncs.enabled', 'notNeeded', 'offsets are identical, so that nothing has to be translated'],
  ['offset-syncs.topic.location offset-syncs.topic.replication.factor offset.lag.max', 'notNeeded', 'offsets are identical, so that there is no offset-syncs topic'],
  ['use.incremental.alter.configs', 'notNeeded', 'settings are always altered incrementally (gone in Kafka 4)'],
  ['topic.filter.class', 'refused', "Java classes can't be run; the names in topics and topics.exclude", [`${mirror}.DefaultTopicFilter`]],
  ['group.filter.class', 'refused', "Java classes can't be run; the names in groups and groups.exclude", [`${mirror}.DefaultGroupFilter`]],
  ['config.property.filter.class', 'refused', "Java classes can't be run; the names in config.properties.exclude", [`${mirror}.DefaultConfigPropertyFilter`]],
  ['forwarding.admin.class', 'refused', "Java classes can't be run; the line taken out: topics are created through Kafka itself", ['org.apache.kafka.clients.admin.ForwardingAdmin']],
  ['admin.timeout.ms', 'notNeeded', 'requests have limits of their own and are tried again'],
  ['consumer.poll.timeout.ms', 'notNeeded', 'there is no poll loop; fetches wait at the broker'],
  ['tasks.max tasks.max.enforce', 'notNeeded', 'partitions are shared out over all agents that run this file'],
  ['transforms transforms.*', 'refused', 'records travel byte for byte; a connector or a streams application of your own that transforms them'],
  ['predicates predicates.*', 'refused', 'they belong to transforms; the line taken out'],
  ['topic.creation.groups topic.creation.*', 'refused', "mirrors get the source's partitions and settings (docs/mirror-topics.md); replication.factor for replicas"],
  ['key.converter value.converter header.converter', 'refused', 'records travel byte for byte; the line taken out', byteArrays],
  ['key.converter.* value.converter.* header.converter.*', 'notNeeded', 'records travel byte for byte'],
  ['errors.tolerance', 'refused', 'no record is ever skipped; none', ['none']],
  ['errors.log.enable errors.log.include.messages errors.retry.timeout errors.retry.delay.max.ms', 'notNeeded', 'what can be tried again is; a mirror that stops says why'],
  ['exactly.once.support transaction.boundary transaction.boundary.interval.ms offsets.storage.topic', 'notNeeded', 'every record is copied exactly once, into its own offset'],
  ['metric.reporters metric.names.formats', 'notNeeded', 'metrics are for Prometheus (run --http, docs/metrics.md)'],
  ['name connector.class connector.plugin.version config.action.reload', 'notNeeded', 'there are no connectors'],
  ['config.providers config.providers.*', 'honoured', 'files, directories and environment variables; see Security settings'],
];

// biome-ignore format: a table
const processRows: readonly Row[] = [
  ['clusters', 'honoured', 'the clusters, by alias'],
  ['bootstrap.servers', 'honoured', 'addresses of a cluster'],
  ['dedicated.mode.enable.internal.rest', 'notNeeded', "agents find each other through Kafka's group protocol"],
  ['listeners rest.advertised.host.name rest.advertised.port rest.advertised.listener ssl.client.auth listeners.https.*', 'notNeeded', 'agents find each other through Kafka; an API of its own listens with run --http'],
  ['access.control.allow.methods access.control.allow.origin response.http.headers.config', 'notNeeded', "there is no Connect REST API"],
];

// biome-ignore format: a table
const workerRows: readonly Row[] = [
  ['group.id', 'notNeeded', 'agents of one destination form one group of their own'],
  ['offset.storage.* offset.storage.topic offset.storage.partitions offset.storage.replication.factor', 'notNeeded', "progress is the mirror's own log end; lockstep migrate reads what is there"],
  ['config.storage.* config.storage.topic config.storage.replication.factor status.storage.* status.storage.topic status.storage.partitions status.storage.replication.factor', 'notNeeded', 'what links there are, and how they do, stands in the topic __lockstep of the destination'],
  ['exactly.once.source.support', 'notNeeded', 'every record is copied exactly once, into its own offset'],
  ['offset.flush.interval.ms offset.flush.timeout.ms', 'notNeeded', 'no offsets are kept beside the log'],
  ['heartbeat.interval.ms session.timeout.ms rebalance.timeout.ms scheduled.rebalance.max.delay.ms connect.protocol worker.sync.timeout.ms worker.unsync.backoff.ms worker.*', 'notNeeded', 'the fleet keeps time by itself (docs/fleet.md)'],
  ['inter.worker.key.generation.algorithm inter.worker.key.size inter.worker.key.ttl.ms inter.worker.signature.algorithm inter.worker.verification.algorithms', 'notNeeded', 'agents talk through Kafka alone'],
  ['admin.listeners admin.listeners.https.* rest.extension.classes', 'notNeeded', 'there is no Connect REST API'],
  ['plugin.path plugin.discovery connector.client.config.override.policy', 'notNeeded', 'there are no plugins'],
  ['task.shutdown.graceful.timeout.ms task.*', 'notNeeded', 'there are no tasks; stopping waits for appends under way'],
  ['topic.creation.enable topic.tracking.allow.reset topic.tracking.enable', 'notNeeded', 'mirrors are created by the link, and their records tell which there are'],
];

const ownLimits = 'connections and retries have limits of their own';

// biome-ignore format: a table
const clientRows: readonly Row[] = [
  ['client.id', 'honoured', 'what brokers call the clients, for quotas and logs; one for all roles of a cluster'],
  ['auto.offset.reset', 'honoured', 'earliest or latest: where a new mirror begins; others are refused'],
  ['isolation.level', 'differs', 'only committed records are read, with either value: aborted ones become holes of the same length', ['read_committed']],
  ['compression.type compression.gzip.level compression.lz4.level compression.zstd.level', 'differs', 'batches keep the codec that their producer chose'],
  ['acks', 'differs', 'appends are always acknowledged by all replicas in sync', ['all', '-1']],
  ['enable.idempotence max.in.flight.requests.per.connection retries', 'notNeeded', 'every append is compared with the offset it is meant for; one is under way per partition'],
  ['transactional.id transaction.timeout.ms transaction.two.phase.commit.enable', 'notNeeded', 'mirrors are written without transactions of their own; those of the source arrive as they are'],
  ['batch.size linger.ms buffer.memory max.request.size max.block.ms delivery.timeout.ms', 'notNeeded', "batches are appended as the source's log has them, at once"],
  ['partitioner.class partitioner.ignore.keys partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms', 'notNeeded', 'a record stays in its partition'],
  ['key.serializer value.serializer key.deserializer value.deserializer check.crcs interceptor.classes', 'notNeeded', 'records travel byte for byte, checksums compared'],
  ['fetch.min.bytes fetch.max.wait.ms fetch.max.bytes max.partition.fetch.bytes max.poll.records max.poll.interval.ms', 'notNeeded', 'fetches are sized by the link: fetchBytesMax and inFlightBytesMax of a lockstep.yaml'],
  ['client.rack', 'differs', "partitions are read from their leaders"],
  ['group.id group.instance.id group.protocol group.remote.assignor partition.assignment.strategy heartbeat.interval.ms session.timeout.ms enable.auto.commit auto.commit.interval.ms', 'notNeeded', 'partitions are read without a consumer group'],
  ['allow.auto.create.topics exclude.internal.topics share.acknowledgement.mode share.acquire.mode internal.throw.on.fetch.stable.offset.unsupported', 'notNeeded', 'topics are asked for by id or exact name'],
  ['request.timeout.ms default.api.timeout.ms retry.backoff.ms retry.backoff.max.ms reconnect.backoff.ms reconnect.backoff.max.ms connections.max.idle.ms socket.connection.setup.timeout.ms socket.connection.setup.timeout.max.ms', 'notNeeded', ownLimits],
  ['send.buffer.bytes receive.buffer.bytes client.dns.lookup metadata.max.age.ms metadata.max.idle.ms metadata.recovery.strategy metadata.recovery.rebootstrap.trigger.ms', 'notNeeded', ownLimits],
  ['bootstrap.controllers', 'refused', 'clusters are reached through brokers; bootstrap.servers'],
  ['enable.metrics.push metrics.num.samples metrics.recording.level metrics.sample.window.ms metric.reporters metrics.context.* auto.include.jmx.reporter', 'notNeeded', 'metrics are for Prometheus (run --http, docs/metrics.md)'],
  ['config.providers config.providers.*', 'notNeeded', 'providers of the top level serve all clients'],
];

const oauthOwn = 'tokens are fetched and renewed by Lockstep, with limits of its own';
const kerberos = 'Kerberos (sasl.mechanism GSSAPI) is not spoken, and refused by that name';

// biome-ignore format: a table
const securityRows: readonly Row[] = [
  ['security.protocol', 'honoured', 'PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL'],
  ['sasl.mechanism', 'honoured', 'PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; GSSAPI is refused'],
  ['sasl.jaas.config', 'honoured', 'of PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule'],
  ['sasl.oauthbearer.token.endpoint.url sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.scope', 'honoured', 'the token endpoint of OAUTHBEARER'],
  ['sasl.login.callback.handler.class', 'honoured', "Kafka's own OAuthBearerLoginCallbackHandler; other Java classes are refused"],
  ['sasl.client.callback.handler.class sasl.login.class', 'refused', "no Java class of one's own; Security settings of docs/mirrormaker.md lists the logins"],
  ['sasl.kerberos.service.name sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor', 'notNeeded', kerberos],
  ['sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.retry.backoff.ms sasl.login.retry.backoff.max.ms sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter', 'notNeeded', oauthOwn],
  ['sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name', 'notNeeded', 'the broker checks tokens'],
  ['sasl.oauthbearer.header.urlencode', 'honoured', 'how the token endpoint gets client id and secret'],
  ['sasl.oauthbearer.jwt.retriever.class', 'honoured', "Kafka's own DefaultJwtRetriever, ClientCredentialsJwtRetriever, FileJwtRetriever; others are refused"],
  ['sasl.oauthbearer.jwt.validator.class', 'notNeeded', 'the broker checks tokens'],
  ['sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file', 'refused', 'assertions are not signed here; client credentials, or a token in a file'],
  ['ssl.truststore.location ssl.truststore.password ssl.truststore.type ssl.truststore.certificates', 'honoured', 'certificates to trust: PEM, PKCS12, JKS'],
  ['ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.keystore.key ssl.keystore.certificate.chain ssl.key.password', 'honoured', 'key and certificate of the client: PEM, PKCS12, JKS'],
  ['ssl.endpoint.identification.algorithm', 'honoured', 'https, or empty for no check of the name'],
  ['ssl.enabled.protocols', 'honoured', 'TLSv1.2, TLSv1.3; older ones are not offered'],
  ['ssl.cipher.suites', 'differs', 'OpenSSL offers its own suites of TLS 1.2 and 1.3, and the broker chooses', ['']],
  ['ssl.protocol', 'notNeeded', 'ssl.enabled.protocols says which versions of TLS are offered'],
  ['ssl.provider ssl.keymanager.algorithm ssl.trustmanager.algorithm ssl.secure.random.implementation security.providers', 'notNeeded', 'they choose parts of Java'],
  ['ssl.engine.factory.class', 'refused', "Java classes can't be run; PEM, PKCS12 or JKS files"],
];

function rowsOf(kind: PropertyKind, rows: readonly Row[]): PropertyRow[] {
  return rows.flatMap(([names, verdict, what, harmless]) =>
    names.split(' ').map((name) => ({ name, kind, verdict, what, ...(harmless && { harmless }) })),
  );
}

/** Every property, in the order of the documents. */
export const propertyRows: readonly PropertyRow[] = [
  ...rowsOf('flow', flowRows),
  ...rowsOf('process', processRows),
  ...rowsOf('worker', workerRows),
  ...rowsOf('client', clientRows),
  ...rowsOf('security', securityRows),
];

/** Names that older versions knew, and what took their place. */
export const formerNames: Readonly<Record<string, string>> = {
  'topics.blacklist': 'topics.exclude',
  'topics.whitelist': 'topics',
  'groups.blacklist': 'groups.exclude',
  'groups.whitelist': 'groups',
  'config.properties.blacklist': 'config.properties.exclude',
  'internal.key.converter': '',
  'internal.value.converter': '',
};

const exact = new Map(
  propertyRows.filter(({ name }) => !name.endsWith('.*')).map((row) => [`${row.kind} ${row.name}`, row]),
);
const families = propertyRows.filter(({ name }) => name.endsWith('.*'));

/** The row of a name without prefixes; undefined where connect-mirror knows no such property of these kinds. */
export function rowOf(name: string, kinds: readonly PropertyKind[]): PropertyRow | undefined {
  for (const kind of kinds) {
    const row = exact.get(`${kind} ${name}`);
    if (row !== undefined) return row;
  }
  return families.find((row) => kinds.includes(row.kind) && name.startsWith(row.name.slice(0, -1)));
}

/** Names of these kinds, for did-you-mean. */
export function namesOf(kinds: readonly PropertyKind[]): string[] {
  return propertyRows
    .filter(({ name, kind }) => kinds.includes(kind) && !name.endsWith('.*'))
    .map(({ name }) => name);
}
