// Random requests that hit the interesting places: what a producer would send next, one of its last batches again,
// neighbours of both, and epochs around the current ones.
import type { BrokerLog, DataToAppend } from '../../src/mirror/simulation/broker-log.ts';
import { type MarkerWriter, sequencePlus } from '../../src/mirror/simulation/producer-state.ts';
import type { SeededRandom } from '../../src/mirror/simulation/random.ts';
import type { Step } from './broker-pair.ts';

const producerIds = [1n, 2n, 3n].map((n) => (1n << 62n) + n);
const dayMs = 24 * 3600_000;
const sequenceMax = 2 ** 31 - 1;
const recentMax = 8;
const repeatedMax = 7;

/** `canExpire`: a sweep finds old producers of every partition, so only one may be compared meanwhile. */
export function randomStep(
  random: SeededRandom,
  log: BrokerLog<null>,
  { canExpire }: { canExpire: boolean },
): Step {
  const kind = random.next();
  if (kind < 0.01 && canExpire) return { type: 'expire' };
  if (kind < 0.02 && log.end > 0) return { type: 'cut', beforeOffset: random.integer(log.start, log.end) };
  if (kind < 0.3) return { type: 'markers', markers: randomMarkers(random, log) };
  return { type: 'append', batch: randomBatch(random, log) };
}

/** The last batches of each producer's epoch again, one more than brokers remember. */
export function repeats(log: BrokerLog<null>): Step[] {
  return log.producers.allFacts().flatMap(({ producerId, epoch }) =>
    [...log.batches()]
      .filter((batch) => batch.kind === 'data' && batch.producerId === producerId && batch.epoch === epoch)
      .slice(-repeatedMax)
      .map((batch) => ({ type: 'append', batch: batch as DataToAppend<null> }) as const),
  );
}

function randomBatch(random: SeededRandom, log: BrokerLog<null>): DataToAppend<null> {
  const recent = [...log.batches()].filter((batch) => batch.kind === 'data').slice(-recentMax);
  if (random.chance(0.25) && recent.length > 0) {
    const { producerId, epoch, sequence, count, timestampMs, content } =
      recent[random.integer(0, recent.length - 1)]!;
    return { producerId, epoch, sequence, count, timestampMs, content };
  }
  const producerId = producerIds[random.integer(0, producerIds.length - 1)]!;
  const known = log.producers.facts(producerId);
  const count = random.integer(1, 3);
  const timestampMs = Date.now() - (random.chance(0.5) ? 2 * dayMs : 0);
  const rest = { producerId, count, timestampMs, content: null };
  if (known === null) {
    const sequence = random.chance(0.5) ? sequenceMax - random.integer(0, 3) : random.integer(0, 9);
    return { ...rest, epoch: random.integer(0, 2), sequence };
  }
  const next = known.lastSequence < 0 ? 0 : sequencePlus(known.lastSequence, 1);
  if (random.chance(0.8)) return { ...rest, epoch: known.epoch, sequence: next };
  return {
    ...rest,
    epoch: Math.max(0, known.epoch + random.integer(-1, 1)),
    sequence: random.chance(0.5) ? 0 : Math.max(0, next + random.integer(-3, 3)) % (sequenceMax + 1),
  };
}

/** Up to five of one id in one request. */
function randomMarkers(random: SeededRandom, log: BrokerLog<null>): MarkerWriter[] {
  const producerId = producerIds[random.integer(0, producerIds.length - 1)]!;
  const known = log.producers.facts(producerId);
  const around = (value: number): number =>
    Math.max(0, value + (random.chance(0.7) ? 0 : random.integer(-1, 1)));
  return Array.from({ length: random.chance(0.5) ? 1 : random.integer(2, 5) }, () => ({
    producerId,
    epoch: random.chance(0.7) ? (known?.epoch ?? 0) : around(known?.epoch ?? 0),
    coordinatorEpoch: around(known?.coordinatorEpoch ?? 3),
  }));
}
