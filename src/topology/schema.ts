// The shape of lockstep.yaml: which keys exist, of which type, within which bounds. Unknown keys are errors.
// Each schema's error text says what is expected, and stands behind "expected" in a problem line; each
// description goes into docs/lockstep.schema.json, which editors use for completion.
// What a shape can't say (names that must exist, addresses, regular expressions, files) is in the files beside.
import { z } from 'zod';
import { groupSchema } from './group-schema.ts';
import { linkSchema } from './link-schema.ts';
import { heartbeatSchema } from './mirror-maker-schema.ts';
import { labelsSchema, ruleSchema, topicLabelsSchema } from './residency/schema.ts';
import { list, oneOf, text, wholeNumber, yesOrNo } from './schema-words.ts';

const pemFile = 'a path of a PEM file';
const tlsVersions = ['TLSv1.2', 'TLSv1.3'] as const;
const tlsOptions = z.strictObject(
  {
    ca: text(pemFile, 'PEM file with the certificates to trust; default: those that Node trusts.').optional(),
    cert: text(pemFile, 'PEM file with our certificate chain, for mutual TLS. Goes with key.').optional(),
    key: text(pemFile, 'PEM file with our private key. Goes with cert.').optional(),
    passphrase: text(
      'a passphrase',
      'Passphrase of the key; best as ${env:NAME} or ${file:path}.',
    ).optional(),
    servername: text(
      'a host name',
      "Name the broker's certificate must carry; default: the host itself.",
    ).optional(),
    rejectUnauthorized: yesOrNo('false accepts any certificate: for trials only.').optional(),
    verifyHostname: yesOrNo(
      "false accepts a certificate that is trusted and has another name than the broker's host.",
    ).optional(),
    minVersion: oneOf(tlsVersions, 'Lowest version of TLS; default: TLSv1.2.').optional(),
    maxVersion: oneOf(tlsVersions, 'Highest version of TLS; default: TLSv1.3.').optional(),
  },
  { error: 'true, or a mapping with ca, cert and key' },
);
const tls = z
  .union([z.boolean(), tlsOptions], { error: 'true, or a mapping with ca, cert and key' })
  .describe('TLS to the brokers: true for the defaults, or a mapping. Paths are relative to this file.');

const username = text('a user name', 'User name.');
const password = text('a password in quotes', 'Password; best as ${env:NAME} or ${file:path}.');
const tokenEndpoint = z
  .strictObject(
    {
      url: text('an https:// address', 'Address of the token endpoint.'),
      clientId: text('a client id', 'OAuth client id.'),
      clientSecret: text(
        'a client secret in quotes',
        'OAuth client secret; best as ${env:NAME} or ${file:path}.',
      ),
      scope: text('a scope', 'Scope to ask for.').optional(),
      audience: text('an audience', 'Audience to ask for.').optional(),
      urlEncode: yesOrNo(
        'false sends client id and secret as they are; true in URL encoding, as RFC 6749 wants.',
      ).optional(),
      ca: text(pemFile, 'PEM file with the certificates to trust for this endpoint.').optional(),
    },
    { error: 'a mapping with url, clientId and clientSecret' },
  )
  .describe('An OAuth 2 token endpoint, asked with the client-credentials grant.');

const passwordMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
/** Every SASL mechanism, as Kafka spells it. */
export const saslMechanisms = [...passwordMechanisms, 'OAUTHBEARER'] as const;
const sasl = z
  .discriminatedUnion(
    'mechanism',
    [
      z.strictObject({ mechanism: z.enum(passwordMechanisms), username, password }),
      z.strictObject({
        mechanism: z.literal('OAUTHBEARER'),
        token: text('a token', 'A fixed token; best as ${env:NAME} or ${file:path}.').optional(),
        tokenFile: text(
          'a path',
          'File that holds the token; read again for each authentication.',
        ).optional(),
        tokenEndpoint: tokenEndpoint.optional(),
        extensions: z
          .record(z.string(), text('a string', 'Value of the extension.'), {
            error: 'a mapping of names to strings',
          })
          .describe('SASL extensions (KIP-342), for example logicalCluster.')
          .optional(),
      }),
    ],
    { error: `a mapping with mechanism: ${saslMechanisms.join(', ')}` },
  )
  .describe('How to log in to the brokers.');

export const clusterSchema = z
  .strictObject(
    {
      bootstrap: list(
        'a list of at least one address, such as [kafka-1:9092]',
        'an address host:port',
        'Addresses host:port of one or more brokers; the others are found through them.',
        1,
      ),
      tls: tls.optional(),
      sasl: sasl.optional(),
      clientId: text(
        'a client id',
        'Client id that brokers see in logs and quotas. Default: lockstep.',
      ).optional(),
      labels: labelsSchema
        .describe('Labels that rules speak of, such as the law that holds there: {residency: eu}.')
        .optional(),
    },
    { error: 'a mapping with bootstrap' },
  )
  .describe('One Kafka cluster: where it is and how to log in.');

export const localRegionSchema = z
  .strictObject(
    {
      brokers: wholeNumber(1, 9, 'Number of brokers.').default(1),
      kafkaVersion: z
        .string({ error: 'a version of Apache Kafka in quotes, such as "4.3.1"' })
        .regex(/^\d+\.\d+\.\d+$/, { error: 'a version of Apache Kafka in quotes, such as "4.3.1"' })
        .describe('Version of Apache Kafka.')
        .default('4.3.1'),
      heapMb: wholeNumber(256, 65_536, 'Heap of each broker, MiB.').default(512),
      port: wholeNumber(
        1,
        65_535,
        'Port of the first broker; the next has port + 1. Default: a free one.',
      ).optional(),
    },
    { error: 'a mapping with brokers, kafkaVersion, heapMb and port' },
  )
  .describe('How `lockstep local up` runs this cluster on this machine.');

/** Names of clusters and links: they end up in folder names, metric labels and client ids. */
export const nameExpected = "a name of letters, digits, '.', '_' and '-' that starts with a letter or digit";
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, { error: nameExpected });

export const fileSchema = z
  .strictObject(
    {
      version: z
        .literal(1, { error: '1, the only version of the file that this Lockstep reads' })
        .describe('Version of this file: 1.'),
      clusters: z
        .record(name, clusterSchema, { error: 'a mapping of cluster names' })
        .refine((clusters) => Object.keys(clusters).length > 0, { error: 'at least one cluster' })
        .describe('Kafka clusters by name.'),
      links: z
        .record(name, linkSchema, { error: 'a mapping of link names' })
        .describe('Links by name.')
        .optional(),
      replicationGroups: z
        .record(name, groupSchema, { error: 'a mapping of group names' })
        .describe('Replication groups by name: regions that stand in for each other.')
        .optional(),
      heartbeats: z
        .array(heartbeatSchema, { error: 'a list of mappings with sourceAlias and destination' })
        .max(1_000, { error: 'at most 1000 items' })
        .describe('Heartbeats of MirrorMaker 2, for its clients and tools.')
        .optional(),
      topicLabels: z
        .array(topicLabelsSchema, { error: 'a list of mappings with topics and labels' })
        .max(1_000, { error: 'at most 1000 items' })
        .describe('Labels of topics, for rules.')
        .optional(),
      rules: z
        .record(name, ruleSchema, { error: 'a mapping of rule names' })
        .describe('Where data must not be copied, by the names of the rules.')
        .optional(),
      local: z
        .record(name, localRegionSchema, { error: 'a mapping of cluster names' })
        .describe('Clusters that `lockstep local up` runs on this machine.')
        .optional(),
    },
    { error: 'a mapping with version, clusters and links' },
  )
  .describe('lockstep.yaml: Kafka clusters and the links between them.');

export type ClusterShape = z.infer<typeof clusterSchema>;
export type LocalRegionShape = z.infer<typeof localRegionSchema>;
