// The shape of each kind of value, as far as a reader relies on it. Fields that a shape does not name are kept: another
// Lockstep may have written them.
import { z } from 'zod';
import { mirrorStates } from '../link/lifecycle.ts';

const text = z.string();
const name = z.string().min(1);
const count = z.int().min(0);
const timeMs = z.number();
/** An offset or a count of records as decimal digits; shifts and lags can be below 0. */
const decimal = z.string().regex(/^-?\d{1,19}$/);
const decimalOrNull = decimal.nullable();
const v = z.int().min(1);

const source = z.looseObject({ name, bootstrap: z.array(name) });
const config = z.record(z.string(), z.unknown());
const declaration = z.looseObject({ name, source, destination: text, config, group: name.optional() });

const link = declaration.extend({ v, generation: count, createdAtMs: timeMs, changedAtMs: timeMs });

const promotedPartition = z.looseObject({
  partition: count,
  cutOffset: decimal,
  sourceEnd: decimalOrNull,
  sourceSeenAtMs: timeMs.nullable(),
  missingRecords: decimalOrNull,
  isReplicated: z.boolean(),
});

const mirror = z.looseObject({
  v,
  link: name,
  sourceTopic: name,
  mirrorTopic: name,
  partitionCount: count,
  sourceTopicId: text,
  mirrorTopicId: text,
  state: z.enum(Object.keys(mirrorStates) as [string]),
  sinceMs: timeMs,
  reason: text.nullable(),
  promotion: z
    .looseObject({
      commandId: text,
      kind: z.enum(['planned', 'now']),
      requestedAtMs: timeMs,
      deadlineMs: timeMs,
      remark: text.optional(),
      partitions: z.array(promotedPartition).optional(),
    })
    .optional(),
  incarnation: count.optional(),
});

const status = z.looseObject({
  v,
  agent: name,
  atMs: timeMs,
  state: text,
  reason: text.nullable(),
  sinceMs: timeMs,
  sourceEnd: decimalOrNull,
  sourceSeen: z
    .looseObject({
      end: decimal,
      atMs: timeMs,
      perSecond: z.number().optional(),
      undecided: z
        .looseObject({
          highWatermark: decimal,
          transactionalId: text.nullable(),
          producerId: decimalOrNull,
        })
        .optional(),
    })
    .nullish(),
  mirrorEnd: decimalOrNull,
  lagRecords: decimalOrNull,
  behindMs: z.number().nullable(),
  lastFetchAtMs: timeMs.nullable(),
  lastError: text.nullable(),
  shift: decimal,
  isHeldBack: z.literal(true).optional(),
  released: z
    .looseObject({ generationId: name, mirrorTopicId: text, leaderEpoch: z.int(), logEnd: decimal })
    .optional(),
});

const condition = z.looseObject({ v, state: name, reason: text, sinceMs: timeMs });

const agent = z.looseObject({
  v,
  id: name,
  version: text,
  host: text,
  pid: count,
  api: text.nullable(),
  startedAtMs: timeMs,
  atMs: timeMs,
  isLeader: z.boolean(),
  partitionCount: count,
  heardAtMs: z.record(z.string(), timeMs).optional(),
  heartbeats: z
    .array(
      z.looseObject({
        sourceAlias: text,
        destinationAlias: text,
        everyMs: z.number().min(1),
        replicationFactor: count.optional(),
      }),
    )
    .optional(),
  told: z
    .array(
      z.looseObject({
        kind: name,
        topic: name,
        state: name,
        reason: text.nullable(),
        sinceMs: timeMs,
        lastWrittenAtMs: timeMs.nullable(),
      }),
    )
    .optional(),
});

const primaryOf = z.looseObject({ region: name, sinceGeneration: z.int().min(1) });
const roles = z.looseObject({
  v,
  group: name,
  generation: z.int().min(1),
  regions: z.array(name),
  links: z.array(name),
  primary: primaryOf,
  topics: z.record(name, primaryOf),
  awaitsRestore: z.record(name, z.array(name)),
  changedBy: z.enum(['declared', 'switchover', 'failover', 'restore']),
  moveId: text.nullable(),
  by: text,
  atMs: timeMs,
  history: z.array(z.looseObject({ generation: count, moveId: text.nullable() })).optional(),
  formerPrimaries: z.array(name).optional(),
});
const rolesDeclaration = z.looseObject({
  group: name,
  regions: z.array(name),
  links: z.array(name),
  primary: name,
  topics: z.record(name, name),
  place: text,
});

const labels = z.record(name, name);
const selector = z.record(name, z.array(name));
const flow = z.looseObject({
  name,
  source: name,
  destination: name,
  topics: z.array(name),
  excludeTopics: z.array(name),
  prefix: text,
  mirrorMaker: z.looseObject({}).nullable(),
});
const rulesDeclaration = z.looseObject({
  place: text,
  cluster: name,
  clusters: z.record(name, z.looseObject({ labels, bootstrap: z.array(name).optional() })),
  topicLabels: z.array(z.looseObject({ topics: z.array(name), labels })),
  rules: z.array(
    z.looseObject({
      name,
      topics: selector,
      from: selector.optional(),
      never: selector.optional(),
      only: selector.optional(),
      reason: text.optional(),
    }),
  ),
  flows: z.array(flow),
  groups: z.array(z.looseObject({ name, links: z.array(name) })),
});
const rules = rulesDeclaration.extend({ v, generation: z.int().min(1), by: text, atMs: timeMs });
const place = z.looseObject({ cluster: name, topic: name });
const origins = z.looseObject({
  v,
  link: name,
  source: name,
  flows: z.array(flow),
  copies: z.array(place.extend({ from: place, link: name })),
  unknown: text.nullable(),
  atMs: timeMs,
});

const move = z.looseObject({
  v,
  id: name,
  group: name,
  kind: z.enum(['switchover', 'failover', 'restore']),
  from: name,
  to: name,
  topics: z.array(name).nullable(),
  by: text,
  startedAtMs: timeMs,
  changedAtMs: timeMs,
  revision: count,
  state: z.enum(['running', 'done', 'undone', 'failed']),
  step: text,
  done: z.array(z.looseObject({ step: text, startedAtMs: timeMs, tookMs: z.number(), remark: text })),
  rolesGeneration: count,
  facts: z.record(z.string(), z.unknown()),
});

const topics = z.array(name).nullable();
const bodies = {
  createLink: z.looseObject({ link: declaration }),
  alterLink: z.looseObject({
    link: name,
    changes: config,
    source: source.optional(),
    ifGeneration: count.optional(),
  }),
  deleteLink: z.looseObject({ link: name, withMirrors: z.boolean() }),
  applyLinks: z.looseObject({ links: z.array(declaration) }),
  createMirrors: z.looseObject({ link: name, topics: z.array(name) }),
  pauseMirrors: z.looseObject({ link: name, topics }),
  resumeMirrors: z.looseObject({ link: name, topics }),
  deleteMirrors: z.looseObject({ link: name, topics }),
  promoteMirrors: z.looseObject({ link: name, topics, isNow: z.boolean(), timeoutMs: z.number().min(0) }),
  declareRoles: z.looseObject({ roles: rolesDeclaration }),
  setRoles: z.looseObject({ roles, ifGeneration: count }),
  declareRules: z.looseObject({ rules: rulesDeclaration, isChange: z.boolean() }),
  writeMove: z.looseObject({ move, ifRevision: count.nullable() }),
  writeLoss: z.looseObject({ entries: z.record(z.string().startsWith('loss/'), z.unknown()) }),
} as const;

/** What is asked for by a word that we do not know is passed on: the leader has to refuse it. */
const body = z.looseObject({ do: name }).superRefine((value, context) => {
  const schema = Object.hasOwn(bodies, value.do) ? bodies[value.do as keyof typeof bodies] : undefined;
  for (const { path, message } of schema?.safeParse(value).error?.issues ?? []) {
    context.addIssue({ code: 'custom', path, message });
  }
});
const command = z.looseObject({
  v,
  id: name,
  by: text,
  atMs: timeMs,
  deadlineMs: timeMs,
  isDryRun: z.boolean(),
  body,
});

const change = z.looseObject({ what: text, name: text, action: text, details: z.array(text) });
const answer = z.looseObject({
  v,
  id: name,
  atMs: timeMs,
  state: z.enum(['working', 'done', 'refused']),
  code: text.optional(),
  message: text,
  changes: z.array(change),
  promoted: z.array(z.looseObject({ topic: name, partitions: z.array(promotedPartition) })).optional(),
});

/** By the first part of the key. */
export const schemas = {
  link,
  mirror,
  status,
  condition,
  agent,
  command,
  answer,
  roles,
  rules,
  origins,
  move,
} as const;
export type RecordKind = keyof typeof schemas;
