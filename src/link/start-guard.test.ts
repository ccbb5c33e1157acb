// What keeps fillers from being read, and how any run ends what another began. A crash is a guard that is thrown away.
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, mirrorOf, settingsOf, sourceLike } from '../../test/support/fake-link-cluster.ts';
import { LockstepError } from '../errors.ts';
import type { PartitionStatus } from '../mirror/index.ts';
import { startTagOf, type TopicSettings } from './mirror-topic.ts';
import { type GuardLook, StartGuard } from './start-guard.ts';

const compacted = sourceLike({
  'cleanup.policy': 'compact',
  'retention.ms': '1000',
  'retention.bytes': '99',
});
const partition = { topic: 't', partition: 0 };

let source: FakeCluster;
let destination: FakeCluster;
let notices: string[];
let guard: StartGuard;

/** A topic with one partition, which is ours. */
function lookAt(partitions: readonly PartitionStatus[]): GuardLook {
  return { topic: 't', partitions, placements: [{ shift: 0n, startOffset: 0n }], mayLift: true };
}

beforeEach(() => {
  source = new FakeCluster('source');
  destination = new FakeCluster('destination');
  notices = [];
  guard = newGuard();
  destination.settings.set('t', mirrorOf(compacted));
  source.ranges.set('t-0', { start: 500n, end: 900n });
  destination.ranges.set('t-0', { start: 0n, end: 0n });
});

function newGuard(): StartGuard {
  return new StartGuard({ source, destination, onNotice: ({ text }) => notices.push(text), nowMs: () => 0 });
}

function settings(): TopicSettings {
  return destination.settings.get('t') as TopicSettings;
}

function statusOf(state: string, isStopped = false): PartitionStatus[] {
  return [{ ...partition, state, isStopped } as PartitionStatus];
}

describe('before the first filler', () => {
  it('the topic says what is going on, then READ is denied, then the leader cuts', async () => {
    await guard.guard(partition);
    expect(destination.log).toEqual([
      'alter t cleanup.policy=delete retention.ms=-1 retention.bytes=-1 message.timestamp.after.max.ms=9223372036854775806',
      'deny t',
      'cuttable t-0',
    ]);
    expect(guard.isGuarded('t')).toBe(true);
  });

  it('the second partition only waits for its own leader, and what is known is not asked again', async () => {
    await Promise.all([guard.guard(partition), guard.guard({ topic: 't', partition: 1 })]);
    await guard.guard(partition);
    expect(destination.log.slice(1).sort()).toEqual(['cuttable t-0', 'cuttable t-1', 'deny t']);
  });

  it('a topic that deletes keeps its policy and retention', async () => {
    destination.settings.set('t', mirrorOf(sourceLike()));
    await guard.guard(partition);
    expect(destination.log[0]).toBe('alter t message.timestamp.after.max.ms=9223372036854775806');
  });

  it('one that compacts and deletes keeps its retention', async () => {
    destination.settings.set('t', mirrorOf(sourceLike({ 'cleanup.policy': 'compact,delete' })));
    await guard.guard(partition);
    expect(destination.log[0]).toBe(
      'alter t cleanup.policy=delete message.timestamp.after.max.ms=9223372036854775806',
    );
  });

  it('somebody else’s compacted topic is refused with the ways out, and not touched', async () => {
    destination.settings.set('t', settingsOf({ 'cleanup.policy': 'compact' }));
    await expect(guard.guard(partition)).rejects.toThrow(/cleanup.policy=delete.*start: shifted/);
    expect(destination.log).toEqual([]);
  });

  it('nobody is denied anything when we may not cut', async () => {
    destination.refusals.set('checkCutRight', new LockstepError('NOT_AUTHORIZED', 'grant DELETE'));
    await expect(guard.guard(partition)).rejects.toThrow('grant DELETE');
    expect(destination.log).toEqual([]);
  });

  it('without an authorizer it is said that fillers can be read', async () => {
    destination.hasAuthorizer = false;
    destination.settings.set('t', mirrorOf(sourceLike()));
    await guard.guard(partition);
    expect(destination.log).toEqual(['cuttable t-0']);
    expect(notices).toEqual([
      expect.stringMatching(/^Unprotected: topic t: no authorizer runs in destination/),
    ]);
  });

  it('a rule that would lock us out is given up, and said', async () => {
    destination.locksOut = true;
    await guard.guard(partition);
    expect(startTagOf(settings())).toBe('fillingReadable');
    expect(notices.at(-1)).toMatch(/^Unprotected: topic t: allow.everyone.if.no.acl.found/);
  });

  it.each(['checkCutRight', 'denyReading', 'untilCuttable', 'alterTopic'])(
    'a failure of %s keeps fillers out',
    async (what) => {
      const refusal = new LockstepError('NOT_AUTHORIZED', 'grant it');
      destination.refusals.set(what, refusal);
      await expect(guard.guard(partition)).rejects.toBe(refusal);
      await expect(guard.guard(partition)).rejects.toBe(refusal);
      destination.refusals.clear();
      await guard.guard(partition);
      expect(destination.denied.has('t')).toBe(true);
      expect(destination.log.at(-1)).toBe('cuttable t-0');
    },
  );
});

describe('without the right to make rules', () => {
  beforeEach(async () => {
    for (const what of ['denyReading', 'allowReading'])
      destination.refusals.set(what, new LockstepError('NOT_AUTHORIZED', 'ALTER is missing'));
    await expect(guard.guard(partition)).rejects.toThrow('ALTER is missing');
  });

  it('nothing is said to be denied, and nothing is lifted while it is tried again', async () => {
    expect(notices).toEqual([]);
    expect(guard.isReadDenied('t')).toBe(false);
    destination.log.length = 0;
    await guard.look(lookAt(statusOf('NotAuthorized')), compacted);
    expect(destination.log).toEqual([]);
  });

  it('a run that needs no filler any more gives the settings back without that right', async () => {
    const next = newGuard();
    next.meet('t', settings());
    await next.look(lookAt(statusOf('Mirroring')), compacted);
    expect(settings()).toEqual(mirrorOf(compacted));
    expect(next.isGuarded('t')).toBe(false);
  });

  it('it goes on as soon as the right is granted', async () => {
    destination.refusals.clear();
    await guard.guard(partition);
    expect(guard.isReadDenied('t')).toBe(true);
    await guard.look(lookAt(statusOf('Mirroring')), compacted);
    expect(guard.isGuarded('t')).toBe(false);
  });
});

it('whether READ is denied is known to a run that met the topic, and while the rule is being made', async () => {
  const denying = guard.guard(partition);
  destination.denyReading = async () => {
    expect(guard.isReadDenied('t')).toBe(true);
    return true;
  };
  await denying;
  const next = newGuard();
  next.meet('t', settings());
  expect(next.isReadDenied('t')).toBe(true);
  expect(next.isReadDenied('another')).toBe(false);
});

describe('afterwards', () => {
  const endings: [
    name: string,
    state: string,
    mirror: [bigint, bigint],
    source: [bigint, bigint],
    isStopped: boolean,
    ends: boolean,
  ][] = [
    ['it is being filled', 'FillingStart', [0n, 100n], [500n, 900n], false, false],
    ['it is being cut', 'CuttingStart', [0n, 500n], [500n, 900n], false, false],
    ['fillers stand in the log and nobody says more', 'Settling', [0n, 100n], [500n, 900n], false, false],
    ['all fillers stand, none is cut', 'NotAuthorized', [0n, 500n], [500n, 900n], false, false],
    ['it stopped amid fillers', 'Diverged', [0n, 100n], [500n, 900n], true, false],
    ['it mirrors', 'Mirroring', [500n, 800n], [500n, 900n], false, true],
    ['it mirrors behind the retention of the source', 'Mirroring', [500n, 800n], [850n, 900n], false, true],
    ['it is cut and empty', 'Settling', [500n, 500n], [500n, 900n], false, true],
    ['it is cut and has records', 'Recovering', [500n, 700n], [600n, 900n], false, true],
    ['it was never begun', 'StartTooFar', [0n, 0n], [500n, 900n], true, true],
    ['its source starts at 0', 'NotAuthorized', [0n, 700n], [0n, 900n], false, true],
    ['retention overtook it', 'RetentionOvertook', [0n, 100n], [500n, 900n], true, true],
  ];
  it.each(endings)('when %s', async (_name, state, mirror, origin, isStopped, ends) => {
    await guard.guard(partition);
    destination.ranges.set('t-0', { start: mirror[0], end: mirror[1] });
    source.ranges.set('t-0', { start: origin[0], end: origin[1] });
    await guard.look(lookAt(statusOf(state, isStopped)), compacted);
    expect(guard.isGuarded('t')).toBe(!ends);
    expect(destination.denied.has('t')).toBe(!ends);
  });

  it('the settings come first, then the rule goes, then the tag', async () => {
    await guard.guard(partition);
    destination.log.length = 0;
    await guard.look(lookAt(statusOf('Mirroring')), compacted);
    expect(destination.log).toEqual([
      'alter t cleanup.policy=compact retention.ms=1000 retention.bytes=99 message.timestamp.after.max.ms=9223372036854775805',
      'allow t',
      'alter t message.timestamp.after.max.ms=9223372036854775807',
    ]);
    expect(settings()).toEqual(mirrorOf(compacted));
  });

  it('a partition whose leader does not answer may hold fillers', async () => {
    await guard.guard(partition);
    source.ranges.clear();
    await guard.look(lookAt(statusOf('Recovering')), compacted);
    expect(destination.denied.has('t')).toBe(true);
  });

  it('a mirror that the source’s retention overtook is told from fillers by its timestamps', async () => {
    await guard.guard(partition);
    destination.ranges.set('t-0', { start: 0n, end: 100n });
    destination.timed.add('t-0');
    await guard.look(lookAt(statusOf('Recovering')), compacted);
    expect(destination.denied.has('t')).toBe(false);
  });

  it('a rule that somebody else made stays', async () => {
    destination.denied.add('t');
    await guard.guard(partition);
    await guard.look(lookAt(statusOf('Mirroring')), compacted);
    expect(destination.log.filter((line) => /^(deny|allow)/.test(line))).toEqual([]);
    expect(destination.denied.has('t')).toBe(true);
    expect(settings()).toEqual(mirrorOf(compacted));
  });

  it('another agent that lifted too early is answered by guarding again', async () => {
    await guard.guard(partition);
    const other = newGuard();
    other.meet('t', settings());
    await other.look(lookAt(statusOf('Mirroring')), compacted);
    expect(destination.denied.has('t')).toBe(false);
    await guard.look(lookAt(statusOf('FillingStart')), compacted);
    await guard.guard(partition);
    expect(destination.denied.has('t')).toBe(true);
  });
});

describe('a crash at any step', () => {
  const steps = ['alterTopic', 'denyReading', 'untilCuttable', 'allowReading'];
  it.each(steps)('in %s of the guard is healed by the next run', async (step) => {
    const crash = new LockstepError('CONNECTION_CLOSED', 'gone');
    destination.refusals.set(step, crash);
    await guard.guard(partition).catch(() => {});
    destination.refusals.clear();
    await nextRunEndsIt();
  });

  it('between any two changes of lifting is healed by the next run', async () => {
    for (let changes = 0; changes < 3; changes += 1) {
      await guard.guard(partition);
      failAfter(changes);
      await expect(guard.look(lookAt(statusOf('Mirroring')), compacted)).rejects.toThrow('gone');
      destination.refusals.clear();
      // A run that finds the start open must not deny anybody again.
      destination.log.length = 0;
      await nextRunEndsIt();
      expect(destination.log).not.toContain('deny t');
      guard = newGuard();
    }
  });

  /** Lets that many changes through, then refuses all. */
  function failAfter(changes: number): void {
    const before = destination.log.length;
    const crash = new LockstepError('CONNECTION_CLOSED', 'gone');
    destination.refusals.get = () => (destination.log.length - before >= changes ? crash : undefined);
    destination.refusals.clear = () => {
      destination.refusals.get = Map.prototype.get;
    };
  }

  async function nextRunEndsIt(): Promise<void> {
    const next = newGuard();
    next.meet('t', settings());
    await next.look(lookAt(statusOf('Mirroring')), compacted);
    expect(destination.denied.has('t')).toBe(false);
    expect(settings()).toEqual(mirrorOf(compacted));
    expect(next.isGuarded('t')).toBe(false);
  }
});
