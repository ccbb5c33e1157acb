// The shapes of `labels` (of a cluster), `topicLabels` and `rules` in lockstep.yaml.
import { z } from 'zod';
import { list, text } from '../schema-words.ts';

const wordExpected = "letters, digits, '.', '_' and '-', at most 63, beginning with a letter or digit";
const word = z
  .string({ error: wordExpected })
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error: wordExpected });

const labelsExpected = 'a mapping of labels, such as {residency: eu}';

export const labelsSchema = z
  .record(word, word, { error: labelsExpected })
  .refine((labels) => Object.keys(labels).length > 0, { error: labelsExpected });

const values = z.union([word, z.array(word, { error: wordExpected }).min(1, { error: wordExpected })], {
  error: 'a value, or a list of values',
});

function selector(description: string) {
  return z
    .record(word, values, { error: labelsExpected })
    .refine((labels) => Object.keys(labels).length > 0, { error: labelsExpected })
    .describe(description);
}

export const topicLabelsSchema = z
  .strictObject(
    {
      topics: list(
        'a list of at least one topic name or regular expression, such as [customers, "prefix:pii."]',
        'a topic name or a regular expression',
        'Topics that get these labels, in whatever cluster they are; forms as in topics of a link.',
        1,
      ),
      labels: labelsSchema.describe('Labels of the topics; copies carry them on.'),
    },
    { error: 'a mapping with topics and labels' },
  )
  .describe('Labels for topics, by their names.');

export const ruleSchema = z
  .strictObject(
    {
      topics: selector('Labels of the topics that the rule is about; all have to match.'),
      from: selector(
        'Only data that was in a cluster with these labels on its way. Default: all.',
      ).optional(),
      never: selector('Clusters with these labels must not get it.').optional(),
      only: selector('No cluster but those with these labels may get it.').optional(),
      reason: text('a reason for people', 'Shown with every refusal.').optional(),
    },
    { error: 'a mapping with topics, and never or only' },
  )
  .describe('A rule about where data must not be copied.');

export type TopicLabelsShape = z.infer<typeof topicLabelsSchema>;
export type RuleShape = z.infer<typeof ruleSchema>;
