// The shape of one entry of `links:`.
import { z } from 'zod';
import { defaultExactness } from '../mirror/shell/exactness.ts';
import { mirrorMakerSchema } from './mirror-maker-schema.ts';
import { list, oneOf, text, wholeNumber, yesOrNo } from './schema-words.ts';
import { parseStartAt, startAtExpected } from './start-at.ts';
import { syncSchema } from './sync-schema.ts';

const prefixExpected = "letters, digits, '.', '_' and '-', at most 200";
const topicsExpected =
  'a list of at least one topic name or regular expression, such as [orders, "payments.*"]';
const topicExpected = 'a topic name or a regular expression';
const someConnections = { error: 'auto, or a whole number from 1 to 16' };

export const linkSchema = z
  .strictObject(
    {
      source: text('the name of a cluster', 'Cluster that topics are read from.'),
      destination: text('the name of a cluster', 'Cluster that gets identical copies.'),
      topics: list(
        topicsExpected,
        topicExpected,
        'Topic names, prefixes or regular expressions (full match).',
        1,
      ),
      excludeTopics: list(
        'a list of topic names or regular expressions',
        topicExpected,
        'Topics to leave out, in the same forms; wins over topics.',
      ).optional(),
      prefix: z
        .string({ error: prefixExpected })
        .regex(/^[A-Za-z0-9._-]{0,200}$/, { error: prefixExpected })
        .describe("Prefix of the mirror's name. Default: none, the same name on both sides.")
        .default(''),
      mirrorMaker: mirrorMakerSchema.optional(),
      bytesPerSecondMax: wholeNumber(
        1024,
        2 ** 40,
        'Bytes a second read from the source, by all agents together. Default: no limit.',
      ).optional(),
      startAt: z
        .string({ error: startAtExpected })
        .refine((value) => parseStartAt(value) !== undefined, { error: startAtExpected })
        .describe('Where a mirror begins that is created now: earliest, latest, or a moment.')
        .default('earliest'),
      groups: list(
        'a list of group names, prefixes or regular expressions',
        'a group name, a prefix or a regular expression',
        'Consumer groups whose positions travel along.',
      ).optional(),
      excludeGroups: list(
        'a list of group names, prefixes or regular expressions',
        'a group name, a prefix or a regular expression',
        'Consumer groups to leave out; wins over groups.',
      ).optional(),
      sync: syncSchema.prefault({}),
      replicationFactor: wholeNumber(
        1,
        32_767,
        "Replication factor of created topics; default: the broker's.",
      ).optional(),
      separateProducerIds: yesOrNo(
        "Producers may move with their old id: the destination's producer ids are kept far above the source's.",
      ).default(false),
      producerConnections: wholeNumber(
        1,
        16,
        'Connections for appending to each destination broker.',
      ).default(2),
      fetchConnections: z
        .union([z.literal('auto'), z.int().min(1, someConnections).max(16, someConnections)], someConnections)
        .describe(
          'Connections for reading each source broker; auto: one, and more where the way is long and they carry more.',
        )
        .default('auto'),
      fetchBytesMax: wholeNumber(1024, 2 ** 30, 'Bytes asked of one partition in one fetch.').default(
        2 ** 20,
      ),
      inFlightBytesMax: wholeNumber(
        2 ** 20,
        2 ** 34,
        'Bytes in flight at one agent: asked for, or fetched and not yet acknowledged. Default: 16777216, less where the brokers are near.',
      ).optional(),
      holes: oneOf(
        ['markers', 'transactions'],
        'How offsets without a record are filled: with transaction markers, or by empty transactions where the right for markers is missing.',
      ).default(defaultExactness.holes),
      compactionGaps: oneOf(
        ['markers', 'copies'],
        'What fills gaps that compaction left: invisible markers, or copies of the record behind the gap.',
      ).default(defaultExactness.compactionGaps),
      start: oneOf(
        ['fill', 'shifted'],
        'A source partition that starts above offset 0: fill the offsets below, or shift all offsets by a constant.',
      ).default(defaultExactness.start),
      fillOffsetsMax: wholeNumber(
        0,
        Number.MAX_SAFE_INTEGER,
        "Offsets below a source partition's start that are filled at most.",
      ).default(defaultExactness.fillOffsetsMax),
      retentionOvertook: oneOf(
        ['stop', 'jump'],
        'When the source has deleted records that were not mirrored yet: stop, or fill their offsets and go on.',
      ).default(defaultExactness.retentionOvertook),
    },
    { error: 'a mapping with source, destination and topics' },
  )
  .describe('One link: topics of the source kept identical in the destination.');

export type LinkShape = z.infer<typeof linkSchema>;
