// The shapes of every JSON answer, as zod schemas: the OpenAPI document is made from them, and answers are typed by
// them. Offsets and counts of records are decimal strings, since they can exceed what a JSON number holds exactly;
// what is unknown is null.
import { z } from 'zod';
import { mirrorStates } from '../../link/lifecycle.ts';
import { errorKinds } from '../../mirror/index.ts';

const offset = z
  .string()
  .regex(/^-?\d+$/)
  .meta({ description: 'A decimal number of up to 64 bits' });
const moment = z.int().meta({ description: 'ms since 1970-01-01 UTC' });
const durationMs = z.number().min(0);
const count = z.int().min(0);
const named = <T extends z.ZodRawShape>(id: string, description: string, shape: T) =>
  z.strictObject(shape).meta({ id, description });

export const errorAnswer = named('Error', 'What was wrong with the request, or why there is no answer', {
  error: z.strictObject({ code: z.string(), message: z.string() }),
});

export const health = named('Health', 'Whether the process lives and its event loop turns', {
  ok: z.boolean(),
  eventLoopDelayMs: durationMs.meta({ description: 'The longest delay of the last ten seconds' }),
});

export const readiness = named('Readiness', 'Whether the agent takes part: joined, control topic read', {
  ok: z.boolean(),
  reason: z.string().nullable(),
});

export const agent = named('Agent', 'One agent of the fleet, as it last told', {
  id: z.string(),
  version: z.string(),
  host: z.string(),
  pid: z.int(),
  api: z.string().nullable().meta({ description: 'Where its HTTP API listens' }),
  startedAtMs: moment,
  atMs: moment,
  isLeader: z.boolean(),
  isAlive: z.boolean().meta({ description: 'It has told of itself within the last 15 s' }),
  partitionCount: count,
});

export const agents = named('Agents', 'The fleet, and the agent that answers', {
  atMs: moment,
  answeredBy: z.string(),
  generation: z
    .int()
    .nullable()
    .meta({ description: 'Of the group; null while the answering agent is not in it' }),
  sessionTimeoutMs: durationMs,
  agents: z.array(agent),
});

export const partition = named('Partition', 'One partition of a mirror; docs/states.md explains the states', {
  partition: count,
  state: z
    .string()
    .nullable()
    .meta({ description: 'Null where no agent has told of it yet, as all that follows' }),
  reason: z.string().nullable(),
  sinceMs: moment.nullable(),
  agent: z.string().nullable().meta({ description: 'Who copies it' }),
  isAgentAlive: z
    .boolean()
    .meta({ description: 'Whether that agent still runs; what a dead one told may long be wrong' }),
  toldAtMs: moment
    .nullable()
    .meta({ description: 'When that agent told this; now where it is the one that answers' }),
  sourceEnd: offset.nullable().meta({ description: 'The last stable offset at the source' }),
  mirrorEnd: offset.nullable().meta({ description: 'Offsets below are at the destination' }),
  lagRecords: offset.nullable(),
  behindMs: durationMs
    .nullable()
    .meta({ description: 'For how long the mirror has been behind; 0 when it is not' }),
  lastFetchAtMs: moment.nullable(),
  lastError: z.string().nullable(),
  shift: offset.nullable().meta({ description: 'Source offset - offset at the mirror' }),
  details: z
    .strictObject({
      isStopped: z.boolean(),
      stoppedAt: offset.nullable(),
      lastErrorAtMs: moment.nullable(),
      openTransactionSinceMs: moment.nullable(),
      recordsMirrored: count,
      bytesMirrored: count,
      batchesMirrored: count,
      acknowledgedLostCount: count,
      holeOffsetsCount: offset,
      sourceLostCount: offset,
      errorCounts: z.strictObject(
        Object.fromEntries(errorKinds.map((kind) => [kind, count])) as Record<
          (typeof errorKinds)[number],
          typeof count
        >,
      ),
    })
    .nullable()
    .meta({ description: 'What only the agent that copies it knows; null where another one answers' }),
});

/** What keeps a link or a topic from being copied; docs/states.md explains each state. */
const condition = z.strictObject({ state: z.string(), reason: z.string(), sinceMs: moment });

const mirrorState = z.enum(Object.keys(mirrorStates) as [string, ...string[]]);

const summary = {
  lagRecords: offset
    .nullable()
    .meta({ description: 'Over the partitions whose lag is known; null where none is' }),
  lagUnknownCount: count.meta({ description: 'Partitions that are not in lagRecords' }),
  behindMs: durationMs.nullable().meta({ description: 'The largest of the partitions' }),
  states: z.record(z.string(), count).meta({ description: 'Partitions in each state' }),
};

export const mirror = named('Mirror', 'One mirror topic', {
  link: z.string(),
  sourceTopic: z.string(),
  mirrorTopic: z.string(),
  state: mirrorState.meta({ description: 'What it is meant to do' }),
  sinceMs: moment,
  reason: z.string().nullable(),
  isCopied: z
    .boolean()
    .meta({ description: 'Whether it is to be copied; the lag of any other mirror says nothing' }),
  condition: condition.nullable(),
  partitionCount: count,
  ...summary,
});

const promotedPartition = z.strictObject({
  partition: count,
  cutOffset: offset,
  sourceEnd: offset.nullable(),
  sourceSeenAtMs: moment.nullable(),
  missingRecords: offset.nullable(),
  isReplicated: z.boolean(),
});

export const mirrorDetails = named('MirrorDetails', 'One mirror topic with its partitions', {
  mirror,
  promotion: z
    .strictObject({
      kind: z.enum(['planned', 'now']),
      requestedAtMs: moment,
      deadlineMs: moment,
      partitions: z.array(promotedPartition).nullable(),
    })
    .nullable(),
  partitions: z.array(partition),
});

export const mirrors = named('Mirrors', 'The mirrors of a link', { atMs: moment, mirrors: z.array(mirror) });

const certificate = z.strictObject({
  cluster: z.string(),
  kind: z.enum(['own', 'authority', 'broker']),
  subject: z.string(),
  expiresAtMs: moment,
});

export const link = named('Link', 'One link', {
  name: z.string(),
  source: z.string(),
  destination: z.string(),
  bootstrap: z.array(z.string()).meta({ description: 'Of the source, as declared' }),
  sourceClusterId: z.string().nullable(),
  isDeleted: z.boolean().meta({ description: 'Its last mirrors are being closed' }),
  condition: condition.nullable(),
  generation: z.int().meta({ description: 'Grows by one with every change' }),
  createdAtMs: moment,
  changedAtMs: moment,
  sourceHeardAtMs: moment.nullable(),
  discoveryError: z.string().nullable(),
  heldBytes: count,
  heldBytesMax: count,
  mirrorCount: count,
  partitionCount: count,
  ...summary,
});

export const links = named('Links', 'All links', { atMs: moment, links: z.array(link) });

const foreignRule = z.strictObject({ rule: z.string(), removedCount: count, resumesAtMs: moment });

/** What is kept equal of rights. Fields differ by kind; state and reason are always there. */
const rights = z.strictObject({
  acls: z.strictObject({
    state: z.string(),
    reason: z.string().nullable(),
    sinceMs: moment,
    sourceSeenAtMs: moment.nullable(),
    lookedAtMs: moment.nullable(),
    copiedCount: count,
    deniedCount: count,
    withheldCount: count,
    protectedCount: count,
    unprotected: z.array(
      z.strictObject({ topic: z.string(), writers: z.array(z.string()), reason: z.string() }),
    ),
    foreign: z.array(foreignRule),
    warnings: z.array(z.string()),
  }),
  quotas: z.strictObject({
    state: z.string(),
    reason: z.string().nullable(),
    sinceMs: moment,
    copiedCount: count,
    foreign: z.array(foreignRule),
    warnings: z.array(z.string()),
  }),
  users: z.strictObject({
    state: z.string(),
    reason: z.string().nullable(),
    sinceMs: moment,
    lookedAtMs: moment.nullable(),
    missing: z.array(z.string()),
    created: z.array(z.string()),
    warnings: z.array(z.string()),
  }),
});

/** What is written for MirrorMaker 2's readers; docs/states.md explains each state. */
const told = z.strictObject({
  kind: z.enum(['heartbeats', 'checkpoints']),
  topic: z.string().meta({ description: 'At the destination' }),
  state: z.string(),
  reason: z.string().nullable(),
  sinceMs: moment,
  lastWrittenAtMs: moment
    .nullable()
    .meta({ description: 'Of checkpoints: when a position last changed and was written' }),
  positionCount: count.nullable().meta({ description: 'Of checkpoints' }),
});

export const linkDetails = named('LinkDetails', 'One link with its configuration and its mirrors', {
  link,
  config: z.record(z.string(), z.unknown()).meta({ description: 'As declared; secrets are left out' }),
  topicConditions: z
    .array(condition.extend({ topic: z.string() }))
    .meta({ description: 'Topics that are not copied, those without a mirror, too' }),
  certificates: z.array(certificate),
  rights: rights
    .nullable()
    .meta({ description: 'Null where the answering agent does not keep them (ask the leader)' }),
  told: z.array(told).nullable().meta({
    description: "Heartbeats and checkpoints for MirrorMaker 2's readers; null where no agent leads",
  }),
  mirrors: z.array(mirror),
});

const group = z.strictObject({
  link: z.string(),
  group: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  inStepAtMs: moment.nullable().meta({ description: 'When all positions were last at the destination' }),
  lagMs: durationMs
    .nullable()
    .meta({ description: 'How old the position is that a consumer would resume from' }),
  positions: z.array(
    z.strictObject({
      topic: z.string().meta({ description: 'At the source' }),
      mirrorTopic: z.string(),
      partition: count,
      source: offset.meta({ description: 'Committed at the source' }),
      wanted: offset.meta({ description: 'The same as an offset of the mirror' }),
      destination: offset.nullable().meta({ description: 'Committed at the destination' }),
      state: z.string(),
      isBelowMirrorStart: z.boolean(),
    }),
  ),
});

export const groups = named('Groups', 'The consumer groups whose positions travel along', {
  atMs: moment,
  keptBy: z
    .string()
    .nullable()
    .meta({ description: 'The agent that knows them, the leader; null where none leads' }),
  looks: z.array(
    z.strictObject({
      link: z.string(),
      lookedAtMs: moment.nullable(),
      sourceHeardAtMs: moment.nullable(),
      sourceDownSinceMs: moment.nullable(),
      error: z.string().nullable(),
    }),
  ),
  groups: z.array(group),
});

export type PartitionAnswer = z.infer<typeof partition>;
export type MirrorAnswer = z.infer<typeof mirror>;
export type MirrorDetailsAnswer = z.infer<typeof mirrorDetails>;
export type LinkAnswer = z.infer<typeof link>;
export type LinkDetailsAnswer = z.infer<typeof linkDetails>;
export type GroupsAnswer = z.infer<typeof groups>;
export type AgentsAnswer = z.infer<typeof agents>;
