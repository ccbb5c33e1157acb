// An agent's view, made up: two links, mirrors in trouble, a partition of another agent, groups and rights.
import type { AgentView, LinkView } from '../../src/agent/view.ts';
import type { MirrorRecord } from '../../src/control/records/index.ts';
import { partition, statusOf } from './link-status.ts';

export const viewAtMs = 1_790_000_000_000;

export function agentRecord(id: string, fields: Partial<AgentView['agent']> = {}): AgentView['agent'] {
  return {
    ...{ v: 1, id, version: '0.1.0', host: `${id}.example`, pid: 42, api: 'http://127.0.0.1:8080' },
    ...{ startedAtMs: viewAtMs - 60_000, atMs: viewAtMs, isLeader: false, partitionCount: 3 },
    ...fields,
  };
}

export function mirrorRecord(sourceTopic: string, fields: Partial<MirrorRecord> = {}): MirrorRecord {
  return {
    ...{ v: 1, link: 'us-to-eu', sourceTopic, mirrorTopic: sourceTopic, partitionCount: 3 },
    ...{ sourceTopicId: 'source-id', mirrorTopicId: 'mirror-id', state: 'Mirroring' },
    ...{ sinceMs: viewAtMs - 10_000, reason: null },
    ...fields,
  };
}

export function topicStatus(
  topic: string,
  fields: Partial<LinkView['topics'][number]> = {},
): LinkView['topics'][number] {
  return {
    ...{ topic, mirrorTopic: topic, sourceTopicId: 'source-id', mirrorTopicId: 'mirror-id' },
    ...{ state: 'Mirrored', reason: null, partitionCount: 3 },
    ...fields,
  };
}

export function linkView(fields: Partial<LinkView> = {}): LinkView {
  return {
    ...statusOf([]),
    record: {
      ...{ v: 1, name: 'us-to-eu', destination: 'eu-west', generation: 3 },
      ...{ createdAtMs: viewAtMs - 86_400_000, changedAtMs: viewAtMs - 3_600_000 },
      source: { name: 'us-east', bootstrap: ['us-east-kafka:9092'] },
      config: { topics: ['orders', 'payments.*'] },
    },
    ...{ mirrors: [], conditions: [], elsewhere: [], certificates: [], groups: null, rights: null },
    ...{ sourceHeardAtMs: viewAtMs - 1_500, heldBytesMax: 16_777_216 },
    ...fields,
  };
}

export function agentView(links: readonly LinkView[], fields: Partial<AgentView> = {}): AgentView {
  const agent = agentRecord('agent-1', { isLeader: true });
  return {
    ...{ atMs: viewAtMs, agent, generation: 7, sessionTimeoutMs: 10_000, links },
    memory: { heldBytes: 4_096, heldBytesPeak: 8_192, heldBytesMax: 67_108_864 },
    agents: [agent, agentRecord('agent-2')],
    ...fields,
  };
}

const told: AgentView['agent']['told'] = [
  {
    ...{
      kind: 'heartbeats',
      state: 'Telling',
      reason: null,
      sinceMs: viewAtMs - 60_000,
      topic: 'heartbeats',
    },
    ...{ sourceAlias: 'us-east', destinationAlias: 'eu-west', lastWrittenAtMs: viewAtMs - 500 },
  },
];

/** Everything that a view can hold, at least once. */
export const fullView: AgentView = agentView(
  [
    linkView({
      partitions: [
        partition({
          ...{
            partition: 0,
            sourceEnd: 2n ** 60n + 5n,
            mirrorEnd: 2n ** 60n,
            lagRecords: 5n,
            behindMs: 2_000,
          },
          ...{
            lastFetchAtMs: viewAtMs - 250,
            recordsMirrored: 100,
            bytesMirrored: 10_000,
            batchesMirrored: 4,
          },
          openTransactionSinceMs: viewAtMs - 90_000,
        }),
        partition({
          ...{
            partition: 1,
            state: 'Diverged',
            reason: 'the batch at 7 differs',
            isStopped: true,
            stoppedAt: 7n,
          },
          ...{ mirrorEnd: null, sourceEnd: null, lagRecords: null, behindMs: null, lastFetchAtMs: null },
        }),
      ],
      elsewhere: [
        {
          ...{
            v: 1,
            topic: 'orders',
            partition: 2,
            agent: 'agent-2',
            atMs: viewAtMs - 800,
            state: 'Mirroring',
          },
          ...{ reason: null, sinceMs: viewAtMs - 9_000, sourceEnd: '10', mirrorEnd: '8', lagRecords: '2' },
          ...{ behindMs: 40, lastFetchAtMs: viewAtMs - 900, lastError: null, shift: '0' },
        },
      ],
      topics: [topicStatus('orders')],
      conditions: [
        { v: 1, topic: null, state: 'Unreachable', reason: 'the source is down', sinceMs: viewAtMs - 5_000 },
        { v: 1, topic: 'events', state: 'Refused', reason: 'it has 4 partitions', sinceMs: viewAtMs - 4_000 },
      ],
      mirrors: [
        mirrorRecord('orders', { partitionCount: 4 }),
        mirrorRecord('resting', { state: 'Paused', partitionCount: 1 }),
        mirrorRecord('payments.cards', {
          state: 'Promoted',
          promotion: {
            ...{ commandId: 'c1', kind: 'now', requestedAtMs: viewAtMs - 500, deadlineMs: viewAtMs + 500 },
            partitions: [
              {
                ...{ partition: 0, cutOffset: '12', sourceEnd: '14', sourceSeenAtMs: viewAtMs - 600 },
                ...{ missingRecords: '2', isReplicated: true },
              },
            ],
          },
        }),
      ],
      heldBytes: 4_096,
      reading: {
        readBytes: 5_000_000,
        allowance: { bytesPerSecondMax: 1_048_576, share: 0.75 },
        heldBack: 'the limit of the link',
      },
      certificates: [
        { cluster: 'us-east', kind: 'own', subject: 'CN=agent', expiresAtMs: viewAtMs + 10 * 86_400_000 },
      ],
      groups: {
        ...{ sourceHeardAtMs: viewAtMs - 400, sourceDownSinceMs: null, lastError: null },
        ...{ lookedAtMs: viewAtMs - 300, retentionMs: 604_800_000, isRetentionAssumed: false },
        groups: [
          {
            ...{ group: 'billing', state: 'WaitingForMirror', reason: 'the mirror is behind' },
            ...{ inStepAtMs: viewAtMs - 4_000, lagMs: 4_000 },
            positions: [
              {
                ...{ topic: 'orders', mirrorTopic: 'orders', partition: 0, source: '120', wanted: '120' },
                ...{ destination: '115', state: 'waiting', isBelowMirrorStart: false },
              },
              {
                ...{ topic: 'orders', mirrorTopic: 'orders', partition: 1, source: '9', wanted: '9' },
                ...{ destination: null, state: 'behind', isBelowMirrorStart: false },
              },
            ],
          },
        ],
      },
      rights: {
        acls: {
          ...{ state: 'ForeignOwner', reason: 'somebody removes our rules', sinceMs: viewAtMs - 1_000 },
          ...{ sourceSeenAtMs: viewAtMs - 700, lookedAtMs: viewAtMs - 700 },
          ...{ copiedCount: 12, deniedCount: 0, withheldCount: 3 },
          ...{ protectedCount: 2, warnings: [] },
          unprotected: [{ topic: 'orders', writers: ['User:app'], reason: 'a rule of the user allows it' }],
          foreign: [{ rule: 'User:app may READ topic orders', removedCount: 3, resumesAtMs: viewAtMs }],
        },
        quotas: {
          ...{ state: 'Off', reason: null, sinceMs: viewAtMs, copiedCount: 0, foreign: [], warnings: [] },
        },
        users: {
          ...{ state: 'Current', reason: null, sinceMs: viewAtMs, lookedAtMs: viewAtMs },
          ...{ missing: ['app'], created: [], warnings: [] },
        },
      },
    }),
    linkView({
      name: 'quiet',
      ...{ sourceHeardAtMs: null, discoveryError: 'us-west can not be reached' },
      record: { ...linkView().record, name: 'quiet' },
    }),
  ],
  { agent: agentRecord('agent-1', { isLeader: true, told }) },
);
