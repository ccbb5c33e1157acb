// What holes lean on: transaction markers that a client writes, and what they shut out.
import { BatchView } from '../../records/index.ts';
import {
  all,
  anySequence,
  appended,
  fencedEpoch,
  markerWritten,
  outOfOrder,
  refusal,
  refused,
} from './findings.ts';
import type { ProbeLog } from './probe-log.ts';
import type { Finding, ProbeRule } from './rule.ts';

const coordinatorFenced = 52;
/** Producer epochs are int16; runs and holes use those below (partition/identity.ts). */
const epochMax = 32_767;
const dataEpochMax = epochMax - 3;
/** A coordinator epoch such as workers take: seconds since 2020. */
const anyGeneration = 217_000_000;
const coordinatorEpochMax = 2 ** 31 - 1;
/** Equal markers in one request. */
const manyMarkers = 40;

export const markerRules: readonly ProbeRule[] = [
  {
    id: 'marker-grows-log',
    rule: 'a transaction marker from a client',
    expected: 'the log grows by exactly one',
    needs: 'marker',
    trial: async (log) => markerWritten(await log.writeMarker({ ...log.newProducer(), coordinatorEpoch: 0 })),
  },
  {
    id: 'marker-invisible',
    rule: 'what a marker leaves for consumers',
    expected: 'a control batch, which consumers skip',
    needs: 'marker',
    trial: async (log) => {
      const marker = await log.writeMarker({ ...log.newProducer(), coordinatorEpoch: 0 });
      const { batch } = await log.fetch({ offset: marker.endBefore });
      if (batch === null)
        return all([markerWritten(marker), { held: false, seen: 'nothing to fetch there' }]);
      const { isControl, baseOffset, sizeBytes } = new BatchView(batch, 0);
      const seen = `a ${isControl ? 'control' : 'data'} batch of ${sizeBytes} bytes at ${baseOffset}`;
      return all([markerWritten(marker), { held: isControl && baseOffset === marker.endBefore, seen }], 1);
    },
  },
  {
    id: 'marker-fences',
    rule: 'a marker of a higher epoch than the data in front of it shuts out what comes late',
    expected: `data of the lower epoch, next in sequence or sent again, and markers: ${refusal(fencedEpoch)}`,
    needs: 'marker',
    trial: async (log) => {
      const producer = log.newProducer();
      return all([
        appended(await log.append({ ...producer, sequence: anySequence }), 1),
        markerWritten(await log.writeMarker({ ...producer, epoch: 1, coordinatorEpoch: anyGeneration })),
        refused(await log.append({ ...producer, sequence: anySequence + 1 }), fencedEpoch),
        refused(await log.append({ ...producer, sequence: anySequence }), fencedEpoch),
        refused(await log.writeMarker({ ...producer, coordinatorEpoch: coordinatorEpochMax }), fencedEpoch),
        markerWritten(await log.writeMarker({ ...producer, epoch: 1, coordinatorEpoch: anyGeneration })),
      ]);
    },
  },
  {
    id: 'marker-coordinator-epoch',
    rule: 'a marker of the same coordinator epoch, and one of a lower',
    expected: `the same accepted, the lower ${refusal(coordinatorFenced)}`,
    needs: 'marker',
    trial: async (log) => {
      const producer = log.newProducer();
      return all([
        markerWritten(await log.writeMarker({ ...producer, coordinatorEpoch: anyGeneration })),
        markerWritten(await log.writeMarker({ ...producer, coordinatorEpoch: anyGeneration })),
        refused(
          await log.writeMarker({ ...producer, coordinatorEpoch: anyGeneration - 1 }),
          coordinatorFenced,
        ),
      ]);
    },
  },
  {
    id: 'coordinator-epoch-lasts',
    rule: 'the coordinator epoch of a marker holds behind data of a higher producer epoch',
    expected: `a lower one ${refusal(coordinatorFenced)}, whatever its producer epoch`,
    needs: 'marker',
    trial: async (log) => {
      const producer = log.newProducer();
      const hole = { ...producer, epoch: 3 };
      const older = { coordinatorEpoch: anyGeneration - 1 };
      return all([
        markerWritten(await log.writeMarker({ ...producer, epoch: 1, coordinatorEpoch: anyGeneration })),
        appended(await log.append({ ...producer, epoch: 2, sequence: 0 }), 1),
        appended(await log.append({ ...producer, epoch: 2, sequence: 1 }), 1),
        refused(await log.writeMarker({ ...producer, epoch: 2, ...older }), coordinatorFenced),
        refused(await log.writeMarker({ ...hole, ...older }), coordinatorFenced),
        markerWritten(await log.writeMarker({ ...hole, coordinatorEpoch: anyGeneration })),
        refused(await log.writeMarker({ ...hole, ...older }), coordinatorFenced),
      ]);
    },
  },
  {
    id: 'run-starts-at-zero',
    rule: 'the first data of a higher epoch than the markers in front of it',
    expected: `accepted with sequence 0; with another ${refusal(outOfOrder)}`,
    needs: 'marker',
    trial: async (log) => {
      const producer = log.newProducer();
      const next = { ...producer, epoch: 2 };
      return all([
        appended(await log.append({ ...producer, sequence: anySequence }), 1),
        markerWritten(await log.writeMarker({ ...producer, epoch: 1, coordinatorEpoch: anyGeneration })),
        refused(await log.append({ ...next, sequence: anySequence + 1 }), outOfOrder),
        appended(await log.append({ ...next, sequence: 0, count: 3 }), 3),
        appended(await log.append({ ...next, sequence: 3 }), 1),
      ]);
    },
  },
  {
    id: 'late-marker-refused',
    rule: 'a marker of a lower producer epoch than the newest data, with the highest coordinator epoch',
    expected: refusal(fencedEpoch),
    needs: 'marker',
    trial: async (log) => {
      const hole = { ...log.newProducer(), epoch: 1 };
      const next = { ...hole, epoch: 2 };
      return all([
        markerWritten(await log.writeMarker({ ...hole, coordinatorEpoch: anyGeneration })),
        appended(await log.append({ ...next, sequence: 0 }), 1),
        refused(await log.writeMarker({ ...hole, coordinatorEpoch: coordinatorEpochMax }), fencedEpoch),
        appended(await log.append({ ...next, sequence: 1 }), 1),
      ]);
    },
  },
  {
    id: 'marker-of-unknown-producer',
    rule: 'a marker with a producer id that never wrote, and with any epoch',
    expected: 'the log grows by exactly one; data of the next epoch starts at 0',
    needs: 'marker',
    trial: async (log) => {
      const producer = { ...log.newProducer(), epoch: dataEpochMax - 1 };
      return all([
        markerWritten(await log.writeMarker({ ...producer, coordinatorEpoch: anyGeneration })),
        appended(await log.append({ ...producer, epoch: dataEpochMax, sequence: 0 }), 1),
      ]);
    },
  },
  {
    id: 'markers-counted',
    rule: `one request that names the same producer id ${manyMarkers} times`,
    expected: `the log grows by exactly ${manyMarkers}`,
    needs: 'marker',
    trial: async (log) => {
      const producer = log.newProducer();
      const options = { ...producer, coordinatorEpoch: anyGeneration, count: manyMarkers };
      return markerWritten(await log.writeMarker(options), manyMarkers);
    },
  },
  {
    id: 'entry-behind-marker',
    rule: 'DescribeProducers behind a marker, and behind data that follows it',
    expected: 'the epoch of the newest of both, and the coordinator epoch of the marker',
    needs: 'marker',
    trial: async (log) => {
      const { producerId } = log.newProducer();
      const marker = await log.writeMarker({ producerId, epoch: 5, coordinatorEpoch: anyGeneration });
      const behindMarker = await entryShown(log, producerId, 5);
      const data = await log.append({ producerId, epoch: 6, sequence: 0 });
      return all([
        markerWritten(marker),
        behindMarker,
        appended(data, 1),
        await entryShown(log, producerId, 6),
      ]);
    },
  },
  {
    id: 'highest-epoch-closes',
    rule: `a marker of epoch ${epochMax} shuts the producer id out for good`,
    expected: `data and markers of every lower epoch ${refusal(fencedEpoch)}`,
    needs: 'marker',
    trial: async (log) => {
      const producer = { ...log.newProducer(), epoch: 3 };
      return all([
        appended(await log.append({ ...producer, sequence: 0 }), 1),
        markerWritten(
          await log.writeMarker({ ...producer, epoch: epochMax, coordinatorEpoch: anyGeneration }),
        ),
        refused(await log.append({ ...producer, sequence: 1 }), fencedEpoch),
        refused(await log.append({ ...producer, epoch: dataEpochMax, sequence: 0 }), fencedEpoch),
        refused(
          await log.writeMarker({ ...producer, epoch: dataEpochMax, coordinatorEpoch: coordinatorEpochMax }),
          fencedEpoch,
        ),
      ]);
    },
  },
];

async function entryShown(log: ProbeLog, producerId: bigint, epoch: number): Promise<Finding> {
  const entry = await log.entry(producerId);
  if (entry === null) return { held: false, seen: 'no entry' };
  const held = entry.epoch === epoch && entry.coordinatorEpoch === anyGeneration;
  return { held, seen: `epoch ${entry.epoch}, coordinator epoch ${entry.coordinatorEpoch}` };
}
