// Names and bytes against MirrorMaker 2's own classes, in one JVM: what we write is read by them, so our own reading of
// it proves nothing.
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkpointRecord, heartbeatRecord } from '../../src/link/mirror-maker/records.ts';
import { installKafka, runKafkaTool } from '../../src/regions/index.ts';
import { matchesTopic } from '../../src/topology/index.ts';
import { mirrorNameOf, sourceNameOf } from '../../src/topology/mirror-name.ts';
import { isCycle, replicationPolicyOf } from '../../src/topology/replication-policy.ts';
import type { MirrorMakerConfig } from '../../src/topology/types.ts';

const seed = 7;
const namesCount = 6_000;
const recordsCount = 300;

const separators = ['.', '_', '-', '..', '-_', 't', 'internal', '__'];
const aliases = ['us-east', 'eu-west', 'a', 'b', 'mm2', 'a.b', 'heartbeats'];
/** What names are put together from: whatever the policies look at. */
const pieces = [
  ...aliases,
  ...separators,
  ...[
    'orders',
    'x',
    'heartbeats',
    'checkpoints',
    'internal',
    'mm2-offset-syncs',
    'mm2',
    '__',
    'my-heartbeats',
  ],
];

interface NameCase {
  readonly naming: MirrorMakerConfig;
  readonly isListed: boolean;
  readonly topic: string;
}

const topicName = fc
  .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join('').slice(0, 249));

const nameCases: readonly NameCase[] = fc
  .sample(
    fc.record({
      naming: fc.record({
        sourceAlias: fc.constantFrom(...aliases),
        destinationAlias: fc.constantFrom(...aliases),
        policy: fc.constantFrom('default' as const, 'identity' as const),
        separator: fc.constantFrom(...separators),
        isInternalSeparated: fc.boolean(),
        mirrorsHeartbeats: fc.boolean(),
        checkpoints: fc.constant(null),
      }),
      isListed: fc.boolean(),
      name: topicName,
      ending: fc.constantFrom(
        '',
        '',
        'Sinternal',
        'ScheckpointsSinternal',
        '.checkpoints.internal',
        'Sheartbeats',
      ),
    }),
    { numRuns: namesCount, seed },
  )
  .map(({ name, ending, ...rest }) => ({
    ...rest,
    topic: `${name}${ending.replaceAll('S', rest.naming.separator)}`,
  }));

/** Any text without what the questions are cut at. */
const text = fc
  .string({ unit: 'binary', maxLength: 60 })
  .map((value) => value.replaceAll(/[\p{Cs}\t\r\n]/gu, ''));
const int64 = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
const beats = fc.sample(fc.record({ sourceAlias: text, destinationAlias: text, timestampMs: fc.nat() }), {
  numRuns: recordsCount,
  seed,
});
const checkpoints = fc.sample(
  fc.record({
    ...{ group: text, topic: topicName, partition: fc.nat(), metadata: text },
    ...{ upstreamOffset: int64, offset: int64 },
  }),
  { numRuns: recordsCount, seed },
);

let answers: string[];

beforeAll(async () => {
  const questions = [
    ...nameCases.map(({ naming, isListed, topic }) =>
      [
        ...['policy', naming.policy, naming.separator, naming.isInternalSeparated, naming.sourceAlias],
        ...[naming.destinationAlias, naming.mirrorsHeartbeats, isListed, topic],
      ].join('\t'),
    ),
    ...beats.map((beat) =>
      ['heartbeat', beat.sourceAlias, beat.destinationAlias, beat.timestampMs].join('\t'),
    ),
    ...checkpoints.map((one) =>
      ['checkpoint', one.group, one.topic, one.partition, one.upstreamOffset, one.offset, one.metadata].join(
        '\t',
      ),
    ),
  ];
  const kafka = await installKafka({ version: '4.3.1' });
  const program = fileURLToPath(new URL('Mm2Oracle.java', import.meta.url));
  const stdin = questions.map((question) => `${question}\n`).join('');
  const { code, stdout, stderr } = await runKafkaTool(kafka, program, [], { stdin, timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`Mm2Oracle.java ended with ${code}: ${stderr.slice(0, 4000)}`);
  answers = stdout.split('\n').slice(0, -1);
  expect(answers).toHaveLength(questions.length);
}, 180_000);

describe('names', () => {
  test('every answer about a name is the one of ReplicationPolicy and MirrorSourceConnector', () => {
    for (const [index, { naming, isListed, topic }] of nameCases.entries()) {
      const policy = replicationPolicyOf(naming);
      const link = {
        topics: [isListed ? 'regex:.*' : 'regex:[^\\x00-\\xff]'],
        excludeTopics: [],
        mirrorMaker: naming,
      };
      const ours = [
        policy.formatRemoteTopic(naming.sourceAlias, topic),
        policy.topicSource(topic),
        policy.upstreamTopic(topic),
        policy.originalTopic(topic),
        policy.isHeartbeatsTopic(topic),
        policy.isCheckpointsTopic(topic),
        policy.isInternalTopic(topic),
        policy.checkpointsTopic(naming.sourceAlias),
        policy.offsetSyncsTopic(naming.sourceAlias),
        isCycle(naming, topic),
        matchesTopic(link, topic),
      ].map(String);
      expect(ours.join('\t'), JSON.stringify({ naming, isListed, topic })).toBe(answers[index]);
    }
  });

  test('the cases meet every answer', () => {
    const rows = answers.slice(0, namesCount).map((answer) => answer.split('\t'));
    for (const column of [4, 5, 6, 9, 10])
      for (const value of ['true', 'false'])
        expect(rows.filter((row) => row[column] === value).length, `${value} in ${column}`).toBeGreaterThan(
          30,
        );
  });

  test("a mirror's name is Java's, and leads back", () => {
    for (const [index, { naming, topic }] of nameCases.entries()) {
      const prefix = naming.policy === 'identity' ? '' : `${naming.sourceAlias}${naming.separator}`;
      const link = { prefix, mirrorMaker: naming };
      const mirror = mirrorNameOf(link, topic);
      expect(mirror).toBe(answers[index]?.split('\t')[0]);
      expect(sourceNameOf(link, mirror), mirror).toBe(topic);
    }
  });
});

describe('bytes', () => {
  const base64 = ({ key, value }: { key: Buffer; value: Buffer }) =>
    `${key.toString('base64')}\t${value.toString('base64')}`;

  test('heartbeats are those of Heartbeat', () => {
    for (const [index, beat] of beats.entries())
      expect(base64(heartbeatRecord(beat)), JSON.stringify(beat)).toBe(answers[namesCount + index]);
  });

  test('checkpoints are those of Checkpoint', () => {
    for (const [index, checkpoint] of checkpoints.entries())
      expect(base64(checkpointRecord(checkpoint)), `${checkpoint.group} ${checkpoint.metadata}`).toBe(
        answers[namesCount + recordsCount + index],
      );
  });

  test('a text that the format can not hold is refused', () => {
    const metadata = 'x'.repeat(32_768);
    const checkpoint = { group: 'g', topic: 't', partition: 0, upstreamOffset: 1n, offset: 1n, metadata };
    expect(() => checkpointRecord(checkpoint)).toThrow('a text of 32768 bytes');
  });
});
