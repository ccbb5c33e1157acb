// Values of the control topic for tests.
import type {
  AgentRecord,
  AnswerRecord,
  CommandRecord,
  LinkRecord,
  MirrorRecord,
  StatusRecord,
} from './records/index.ts';

export function testLink(name = 'us-to-eu'): LinkRecord {
  return {
    v: 1,
    name,
    source: { name: 'us-east', bootstrap: ['127.0.0.1:9092'] },
    destination: 'eu-west',
    config: { topics: ['orders'] },
    generation: 1,
    createdAtMs: 1,
    changedAtMs: 1,
  };
}

export function testMirror(sourceTopic = 'orders', partitionCount = 4): MirrorRecord {
  return {
    v: 1,
    link: 'us-to-eu',
    sourceTopic,
    mirrorTopic: sourceTopic,
    partitionCount,
    sourceTopicId: 'a',
    mirrorTopicId: 'b',
    state: 'Mirroring',
    sinceMs: 1,
    reason: null,
  };
}

export function testStatus(): StatusRecord {
  return {
    v: 1,
    agent: 'a1',
    atMs: 1,
    state: 'Mirroring',
    reason: null,
    sinceMs: 1,
    sourceEnd: '10',
    mirrorEnd: '9',
    lagRecords: '1',
    behindMs: null,
    lastFetchAtMs: null,
    lastError: null,
    shift: '0',
  };
}

export function testAgent(id: string, atMs = 1): AgentRecord {
  return {
    v: 1,
    id,
    version: '0.1.0',
    host: 'h',
    pid: 1,
    api: null,
    startedAtMs: 1,
    atMs,
    isLeader: false,
    partitionCount: 0,
  };
}

export function testCommand(id: string, deadlineMs = 1): CommandRecord {
  return {
    v: 1,
    id,
    by: 'me@here',
    atMs: 1,
    deadlineMs,
    isDryRun: false,
    body: { do: 'deleteLink', link: 'us-to-eu', withMirrors: false },
  };
}

export function testAnswer(id: string, state: AnswerRecord['state'], atMs = 1): AnswerRecord {
  return { v: 1, id, atMs, state, message: '', changes: [] };
}
