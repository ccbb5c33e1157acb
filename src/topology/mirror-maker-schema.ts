// The shape of a link's `mirrorMaker:`, and of the file's `heartbeats:`: what MirrorMaker 2's clients and tools read.
import { z } from 'zod';
import { oneOf, text, wholeNumber, yesOrNo } from './schema-words.ts';
import { every } from './sync-schema.ts';

const replicationFactor = wholeNumber(
  1,
  32_767,
  "Replication factor of the topic where it is created; default: the broker's.",
);
const aliasExpected = 'an alias as in the clusters of mm2.properties';
const separatorExpected = "characters that a topic's name may have, such as '.'";

const checkpoints = z
  .strictObject(
    { every: every('positions are told', '60s'), replicationFactor: replicationFactor.optional() },
    { error: 'a mapping with every and replicationFactor' },
  )
  .describe("Groups' positions as MirrorMaker 2's checkpoints. Default: none.");

export const mirrorMakerSchema = z
  .strictObject(
    {
      sourceAlias: text(aliasExpected, 'What remote topics call the source; default: its name.').optional(),
      destinationAlias: text(
        aliasExpected,
        'What remote topics of the other direction call the destination; default: its name.',
      ).optional(),
      policy: oneOf(
        ['default', 'identity'],
        'How mirrors are named: alias, separator and topic, or as at the source.',
      ).default('default'),
      separator: z
        .string({ error: separatorExpected })
        .regex(/^[A-Za-z0-9._-]{1,100}$/, { error: separatorExpected })
        .describe('Between alias and topic.')
        .default('.'),
      internalSeparator: yesOrNo('Whether internal topics have the separator, too.').default(true),
      mirrorHeartbeats: yesOrNo('Whether topics of heartbeats are mirrored whatever topics says.').default(
        true,
      ),
      checkpoints: checkpoints.optional(),
    },
    { error: 'a mapping with policy, separator and checkpoints' },
  )
  .describe('Names, heartbeats and checkpoints as MirrorMaker 2 has them, for its clients and tools.');

export const heartbeatSchema = z
  .strictObject(
    {
      sourceAlias: text(aliasExpected, 'The source that the beats name.'),
      destinationAlias: text(
        aliasExpected,
        'The destination that the beats name; default: its name.',
      ).optional(),
      destination: text('the name of a cluster', 'Cluster whose topic heartbeats gets them.'),
      every: every('there is a beat', '1s'),
      replicationFactor: replicationFactor.optional(),
    },
    { error: 'a mapping with sourceAlias and destination' },
  )
  .describe('Heartbeats of MirrorMaker 2 into one cluster.');

export type MirrorMakerShape = z.infer<typeof mirrorMakerSchema>;
export type HeartbeatShape = z.infer<typeof heartbeatSchema>;
