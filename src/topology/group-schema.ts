// The shape of one entry of `replicationGroups:`.
import { z } from 'zod';
import { parseDurationMs } from './duration.ts';
import { list, oneOf, text, yesOrNo } from './schema-words.ts';
import { hookPoints } from './types.ts';

const regionExpected = 'the name of a cluster';
const timeoutExpected = 'a duration from 100ms to 10min, such as 10s';
const timeoutMsMin = 100;
const timeoutMsMax = 600_000;
const movesExpected = 'a list of at least one of switchover, failover, restore';

/** Kinds of moves that hooks may be run for; without `on` the first two. */
const hookMoves = ['switchover', 'failover', 'restore'] as const;

const hookSchema = z
  .strictObject(
    {
      name: text('a name', "The hook's name, as plans and reports show it."),
      at: oneOf(hookPoints, 'When it runs: before the move, after it, or when the move failed.'),
      on: z
        .array(oneOf(hookMoves, 'A kind of move.'), { error: movesExpected })
        .min(1, { error: movesExpected })
        .max(hookMoves.length, { error: 'each kind once' })
        .describe('Kinds of moves that it runs for.')
        .default(['switchover', 'failover']),
      command: list(
        'a list of a program and its arguments, such as [./switch-dns.sh]',
        'a program or an argument',
        'Program and arguments, run without a shell; the move comes as JSON on stdin. Or url.',
        1,
      ).optional(),
      url: text(
        'an http:// or https:// address',
        'Address that gets the move as JSON, by POST. Or command.',
      ).optional(),
      headers: z
        .record(z.string(), text('a string', 'Value of the header; secrets best as ${env:NAME}.'), {
          error: 'a mapping of header names to strings',
        })
        .describe('Headers of the POST.')
        .default({}),
      timeout: z
        .string({ error: timeoutExpected })
        .refine(
          (value) => {
            const ms = parseDurationMs(value);
            return ms !== undefined && ms >= timeoutMsMin && ms <= timeoutMsMax;
          },
          { error: timeoutExpected },
        )
        .describe('How long it may take: a duration from 100ms to 10min.')
        .default('10s'),
      blocking: yesOrNo('Whether its failure stops the move, where it can be stopped.').default(false),
    },
    { error: 'a mapping with name, at, and command or url' },
  )
  .describe('A command or an HTTP POST that tells the world of a move.');

export const groupSchema = z
  .strictObject(
    {
      regions: list(
        'a list of at least two names of clusters',
        regionExpected,
        'Clusters that stand in for each other.',
        2,
      ),
      primary: text(
        regionExpected,
        'Region whose topics are written to at the beginning; later the roles in Kafka say.',
      ),
      topics: z
        .record(z.string(), text(regionExpected, 'Region that is primary for this topic.'), {
          error: 'a mapping of topic names to regions, such as {invoices: eu-west}',
        })
        .describe('Topics, by exact name, whose primary is another region.')
        .default({}),
      links: list(
        'a list of names of links',
        'the name of a link',
        'Links between the regions, both ways. Default: all links between them.',
        1,
      ).optional(),
      hooks: z
        .array(hookSchema, { error: 'a list of hooks' })
        .max(100, { error: 'at most 100 items' })
        .describe('Run where the command runs.')
        .default([]),
    },
    { error: 'a mapping with regions and primary' },
  )
  .describe('Regions that stand in for each other: failover, switchover, restore.');

export type GroupShape = z.infer<typeof groupSchema>;
export type HookShape = GroupShape['hooks'][number];
