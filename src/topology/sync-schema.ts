// The shape of a link's `sync:`: what travels with the data, and how often it is looked at.
import { z } from 'zod';
import { askableSettings } from '../link/setting-rules.ts';
import { parseDurationMs } from './duration.ts';
import { list, oneOf, text, yesOrNo } from './schema-words.ts';

const everyExpected = 'a duration from 500ms to 1h, such as 5s';
const everyMsMin = 500;
const everyMsMax = 3_600_000;

export function every(what: string, byDefault = '5s') {
  return z
    .string({ error: everyExpected })
    .refine(
      (value) => {
        const ms = parseDurationMs(value);
        return ms !== undefined && ms >= everyMsMin && ms <= everyMsMax;
      },
      { error: everyExpected },
    )
    .describe(`How often ${what}: a duration from 500ms to 1h.`)
    .default(byDefault);
}

const configs = z
  .strictObject(
    {
      every: every("topics' settings and partitions are compared"),
      also: z
        .array(
          z
            .string({ error: 'the name of a topic setting, such as retention.ms' })
            .regex(/^[a-z][a-z0-9.]{0,99}$/, { error: 'the name of a topic setting, such as retention.ms' })
            .refine((name) => askableSettings.includes(name), {
              error: `one of ${askableSettings.join(', ')}`,
            }),
          { error: 'a list of names of topic settings' },
        )
        .max(100, { error: 'at most 100 items' })
        .describe('Settings that are kept equal only when asked for.')
        .default([]),
    },
    { error: 'a mapping with every and also' },
  )
  .describe("The mirror topics' settings.");

const topics = z
  .strictObject(
    { every: every('new topics and partitions are looked for') },
    { error: 'a mapping with every' },
  )
  .describe('Topics that the link takes.');

const groups = z
  .strictObject(
    {
      every: every('committed positions are copied'),
      deletions: yesOrNo('A group deleted at the source is deleted at the destination, too.').default(false),
      backwards: yesOrNo('Positions may go back.').default(false),
      commits: yesOrNo('Positions are committed at the destination.').default(true),
    },
    { error: 'a mapping with every, deletions, backwards and commits' },
  )
  .describe('Positions of the groups that `groups` names.');

const principalExpected = 'a principal such as User:app, a prefix or a regular expression';
const acls = z
  .strictObject(
    {
      every: every('ACLs are compared'),
      principals: list(
        'a list of at least one principal, such as [User:app] or [".*"]',
        principalExpected,
        'Principals whose ACLs are copied.',
        1,
      ),
      excludePrincipals: list(
        'a list of principals, prefixes or regular expressions',
        principalExpected,
        'Principals to leave out; wins over principals.',
      ).default([]),
      resources: z
        .array(oneOf(['topic', 'group', 'transactionalId'], 'A kind of resource.'), {
          error: 'a list of topic, group, transactionalId',
        })
        .min(1, { error: 'a list of at least one of topic, group, transactionalId' })
        .max(3, { error: 'each kind once' })
        .describe('Kinds of resources whose ACLs are copied.')
        .default(['topic', 'group', 'transactionalId']),
      withholdWrites: yesOrNo('WRITE on mirrors is withheld until promotion.').default(true),
    },
    { error: 'a mapping with principals' },
  )
  .describe('ACLs. Left alone without this section.');

const user = z
  .strictObject(
    {
      name: text('a user name', "The user's name."),
      mechanism: oneOf(['SCRAM-SHA-256', 'SCRAM-SHA-512'], "The credential's kind."),
      password: text('a password in quotes', 'Password; best as ${env:NAME} or ${file:path}.'),
    },
    { error: 'a mapping with name, mechanism and password' },
  )
  .describe('A SCRAM user to create at the destination.');

const quotaExpected = 'a quota as user=app, client-id=x, or user=app,client-id=x';

export const syncSchema = z
  .strictObject(
    {
      topics: topics.prefault({}),
      configs: configs.prefault({}),
      groups: groups.prefault({}),
      acls: acls.optional(),
      quotas: z
        .array(
          z
            .string({ error: quotaExpected })
            .regex(/^(user|client-id)=[^=].*$/, { error: quotaExpected })
            .max(1_000, { error: quotaExpected }),
          { error: 'a list of quotas' },
        )
        .max(1_000, { error: 'at most 1000 items' })
        .describe('Client quotas that are copied.')
        .default([]),
      users: z
        .array(user, { error: 'a list of users' })
        .max(1_000, { error: 'at most 1000 items' })
        .describe('SCRAM users that are created at the destination, with these passwords.')
        .default([]),
    },
    { error: 'a mapping with topics, configs, groups, acls, quotas and users' },
  )
  .describe('What travels with the data, and how often it is looked at.');

export type SyncShape = z.infer<typeof syncSchema>;
