// Each rule must be able to fail: a modelled broker that breaks exactly one behaviour, and the rules that must
// notice it. test/doctor tries the same rules on real brokers.
import { describe, expect, test } from 'vitest';
import { LockstepError } from '../../errors.ts';
import { type Deviation, ModelLog } from './model-log.ts';
import { probeRules } from './rules.ts';
import { tryRule } from './run-probe.ts';

async function broken(deviation?: Deviation): Promise<string[]> {
  const log = new ModelLog(deviation);
  const results = [];
  for (const rule of probeRules) results.push(await tryRule(rule, log));
  for (const { seen } of results) expect(seen).not.toBe('');
  return results.filter((result) => result.mark === 'broken').map((result) => result.id);
}

test('a broker that abides by the rules holds all of them', async () => {
  expect(await broken()).toEqual([]);
});

const cases: Record<Deviation, string[]> = {
  refusesChosenIds: [
    'chosen-producer-id',
    'base-offset-as-planned',
    'duplicate-answered',
    'log-end',
    'stored-as-sent',
  ],
  startsAtSequence0Only: ['chosen-producer-id'],
  acceptsGaps: ['gap-refused'],
  appendsDuplicates: ['duplicate-answered'],
  forgetsOlderDuplicates: ['duplicate-answered'],
  answersDuplicatesWithNewOffset: ['duplicate-answered'],
  acceptsLowerEpochs: ['lower-epoch-refused'],
  acceptsBaseOffsets: ['base-offset-zero'],
  // The answer is right and the log is not: only the log end tells.
  appendsWhatItRefuses: ['gap-refused', 'lower-epoch-refused', 'base-offset-zero', 'marker-fences'],
  appendsTwice: ['chosen-producer-id', 'base-offset-as-planned', 'log-end'],
  appendsDuplicatesSilently: ['duplicate-answered'],
  sequenceDoesNotWrap: ['sequence-wraps'],
  logEndIsBehind: ['log-end', 'base-offset-as-planned'],
  answersWrongBaseOffset: ['base-offset-as-planned', 'log-end'],
  recompresses: ['stored-as-sent'],
  hidesEntries: ['entry-shown'],
  writesTwoMarkers: ['marker-grows-log', 'markers-counted'],
  ignoresMarkers: ['marker-grows-log', 'marker-invisible', 'marker-fences', 'markers-counted'],
  markersAreData: ['marker-invisible'],
  markersDoNotFence: ['marker-fences', 'highest-epoch-closes'],
  remembersBatchesOfLowerEpochs: ['marker-fences'],
  ignoresCoordinatorEpochs: ['marker-coordinator-epoch', 'coordinator-epoch-lasts'],
  refusesEqualCoordinatorEpochs: ['marker-coordinator-epoch'],
  newEpochClearsCoordinatorEpoch: ['coordinator-epoch-lasts'],
  hidesCoordinatorEpochs: ['entry-behind-marker'],
  newEpochTakesAnySequence: ['run-starts-at-zero'],
  acceptsLateMarkers: ['late-marker-refused', 'marker-fences', 'highest-epoch-closes'],
  refusesMarkersOfUnknown: ['marker-of-unknown-producer', 'marker-grows-log'],
  writesEqualMarkersOnce: ['markers-counted'],
  forgetsAtHighestEpoch: ['highest-epoch-closes'],
  ignoresLeaderEpochs: ['leader-epoch-checked'],
  neverDiverges: ['diverging-epoch'],
  cutsNothing: ['start-cut'],
};

describe('a broker that differs is found by the rule that is about it', () => {
  test.each(Object.entries(cases))('%s', async (deviation, rules) => {
    expect(await broken(deviation as Deviation)).toEqual(expect.arrayContaining(rules));
  });

  test('every rule is broken by some deviation', () => {
    const caught = new Set(Object.values(cases).flat());
    expect(probeRules.map((rule) => rule.id).filter((id) => !caught.has(id))).toEqual([]);
  });
});

describe('a rule that fails with an error', () => {
  const [rule] = probeRules;
  const failing = (error: Error) =>
    Object.assign(new ModelLog(), {
      append: () => Promise.reject(error),
    });

  test('counts as broken, with the error in words', async () => {
    const log = failing(new LockstepError('REQUEST_TIMED_OUT', 'no answer in 10 s'));
    expect(await tryRule(rule!, log)).toMatchObject({ mark: 'broken', seen: 'no answer in 10 s' });
  });
  test('counts as not tried when a right or a request is missing', async () => {
    const log = failing(new LockstepError('NOT_AUTHORIZED', 'needs ClusterAction'));
    expect(await tryRule(rule!, log)).toMatchObject({ mark: 'notTried', seen: 'needs ClusterAction' });
  });
  test('counts as not tried after an interruption', async () => {
    expect(await tryRule(rule!, new ModelLog(), AbortSignal.abort())).toMatchObject({
      mark: 'notTried',
      seen: 'interrupted',
    });
  });
  test('is not hidden when it is a fault of ours', async () => {
    await expect(tryRule(rule!, failing(new TypeError('x')))).rejects.toThrow(TypeError);
  });
});

test('ids are unique, and expectations are words', () => {
  expect(new Set(probeRules.map((rule) => rule.id)).size).toBe(probeRules.length);
  for (const { id, rule, expected } of probeRules) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(rule.length + expected.length).toBeGreaterThan(20);
  }
});
