// Broker behaviour that mirrors lean on, one rule each (PARITY.md says why). Chosen producer ids, any first
// sequence and markers from a client are not a documented contract, so each rule is tried on the cluster itself.
//
// Rules are data: a fixed id, what is expected in words, and a trial that says what was seen. Each uses producer
// ids of its own, so that none depends on another, and judges by the log end before and after as well as by the
// broker's answer.
import { kafkaError } from '../../protocol/index.ts';
import {
  BatchView,
  encodeBatch,
  normalisedChecksum,
  rewriteHeader,
  verifyChecksum,
} from '../../records/index.ts';
import type { AppendResult, ProbeLog, WriteResult } from './probe-log.ts';

export interface Finding {
  readonly held: boolean;
  /** What the broker did, in words. */
  readonly seen: string;
}

export interface ProbeRule {
  readonly id: string;
  /** The rule in a few words. */
  readonly rule: string;
  /** What a broker that a mirror can use does. */
  readonly expected: string;
  /** Which of Lockstep's abilities is lost without it. */
  readonly needs: 'append' | 'marker' | 'source' | 'start';
  readonly trial: (log: ProbeLog) => Promise<Finding>;
}

const outOfOrder = 45;
const fencedEpoch = 47;
const coordinatorFenced = 52;
const unknownLeaderEpoch = 75;
const invalidRecord = 87;
/** Kafka keeps the last five batches of each producer id (ProducerStateEntry.NUM_BATCHES_TO_RETAIN). */
const rememberedBatches = 5;
/** A first sequence that no counting from 0 would give. */
const anySequence = 1_234_567;
const sequenceMax = 2 ** 31 - 1;
/** Producer epochs are int16; runs and holes use those below (partition/identity.ts). */
const epochMax = 32_767;
const dataEpochMax = epochMax - 3;
/** A coordinator epoch such as workers take: seconds since 2020. */
const anyGeneration = 217_000_000;
const coordinatorEpochMax = 2 ** 31 - 1;
/** Equal markers in one request. */
const manyMarkers = 40;

export const probeRules: readonly ProbeRule[] = [
  {
    id: 'chosen-producer-id',
    rule: 'a producer id of our own choice may start at any sequence',
    expected: 'accepted at the log end',
    needs: 'append',
    trial: async (log) =>
      appended(await log.append({ ...log.newProducer(), sequence: anySequence, count: 3 }), 3),
  },
  {
    id: 'base-offset-as-planned',
    rule: 'acks=all answers with the base offset, which is the log end read before',
    expected: 'each base offset as planned',
    needs: 'append',
    trial: async (log) => {
      const producer = log.newProducer();
      const findings = [
        appended(await log.append({ ...producer, sequence: anySequence, count: 2 }), 2),
        appended(await log.append({ ...producer, sequence: anySequence + 2, count: 5 }), 5),
        appended(await log.append({ ...producer, sequence: anySequence + 7 }), 1),
      ];
      return all(findings);
    },
  },
  {
    id: 'sequence-wraps',
    rule: 'the sequence goes on at 0 behind 2147483647',
    expected: 'accepted at the log end',
    needs: 'append',
    trial: async (log) => {
      const producer = log.newProducer();
      return all([
        appended(await log.append({ ...producer, sequence: sequenceMax - 1, count: 3 }), 3),
        appended(await log.append({ ...producer, sequence: 1 }), 1),
      ]);
    },
  },
  {
    id: 'gap-refused',
    rule: 'a sequence behind a gap',
    expected: refusal(outOfOrder),
    needs: 'append',
    trial: async (log) => {
      const producer = log.newProducer();
      const first = appended(await log.append({ ...producer, sequence: anySequence, count: 3 }), 3);
      return all(
        [first, refused(await log.append({ ...producer, sequence: anySequence + 4 }), outOfOrder)],
        1,
      );
    },
  },
  {
    id: 'duplicate-answered',
    rule: `one of the last ${rememberedBatches} batches sent again`,
    expected: 'its first base offset, not appended',
    needs: 'append',
    trial: async (log) => {
      const producer = log.newProducer();
      const first: AppendResult[] = [];
      for (let i = 0; i < rememberedBatches; i++)
        first.push(await log.append({ ...producer, sequence: anySequence + i * 2, count: 2 }));
      const findings = first.map((result) => appended(result, 2));
      for (const [i, { baseOffset }] of first.entries()) {
        const again = await log.append({ ...producer, sequence: anySequence + i * 2, count: 2 });
        const held =
          again.errorCode === 0 && again.baseOffset === baseOffset && again.endAfter === again.endBefore;
        findings.push({ held, seen: describeAppend(again) });
      }
      return all(findings, rememberedBatches);
    },
  },
  {
    id: 'lower-epoch-refused',
    rule: 'data of a lower producer epoch',
    expected: refusal(fencedEpoch),
    needs: 'append',
    trial: async (log) => {
      const producer = log.newProducer();
      const newer = appended(await log.append({ ...producer, epoch: 1, sequence: 0 }), 1);
      return all(
        [newer, refused(await log.append({ ...producer, epoch: 0, sequence: anySequence }), fencedEpoch)],
        1,
      );
    },
  },
  {
    id: 'base-offset-zero',
    rule: 'a batch that carries a base offset other than 0',
    expected: refusal(invalidRecord),
    needs: 'append',
    trial: async (log) =>
      refused(
        await log.append({ ...log.newProducer(), sequence: 0, count: 2, baseOffset: 7n }),
        invalidRecord,
      ),
  },
  {
    id: 'log-end',
    rule: 'OffsetForLeaderEpoch for the current epoch answers with the log end',
    expected: 'one behind the last record',
    needs: 'append',
    trial: async (log) => {
      const { baseOffset, errorCode } = await log.append({ ...log.newProducer(), sequence: 0, count: 4 });
      const end = await log.logEnd();
      const seen = errorCode === 0 ? `last record at ${baseOffset + 3n}, log end ${end}` : named(errorCode);
      return { held: errorCode === 0 && end === baseOffset + 4n, seen };
    },
  },
  {
    id: 'stored-as-sent',
    rule: 'a compressed batch whose header was rewritten with its checksum moved along',
    expected: 'stored byte for byte, checksum right',
    needs: 'append',
    trial: storedAsSent,
  },
  {
    id: 'entry-shown',
    rule: 'DescribeProducers shows epoch and last sequence of our producer id',
    expected: 'those of the last append',
    needs: 'append',
    trial: async (log) => {
      const producer = { ...log.newProducer(), epoch: 3 };
      const append = appended(await log.append({ ...producer, sequence: 10, count: 4 }), 4);
      const entry = await log.entry(producer.producerId);
      const seen = entry === null ? 'no entry' : `epoch ${entry.epoch}, last sequence ${entry.lastSequence}`;
      return all([append, { held: entry?.epoch === 3 && entry.lastSequence === 13, seen }], 1);
    },
  },
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
  {
    id: 'leader-epoch-checked',
    rule: 'a fetch that names a leader epoch which is not there yet',
    expected: `refused with ${unknownLeaderEpoch}`,
    needs: 'source',
    trial: async (log) => {
      const { errorCode } = await log.fetch({ offset: 0n, currentLeaderEpoch: log.leaderEpoch + 1 });
      return { held: errorCode === unknownLeaderEpoch, seen: named(errorCode) };
    },
  },
  {
    id: 'diverging-epoch',
    rule: 'a fetch from beyond the end of the epoch it was fetched in, as after a truncation',
    expected: 'DivergingEpoch with the end of that epoch',
    needs: 'source',
    trial: async (log) => {
      const end = await log.logEnd();
      const epoch = log.leaderEpoch;
      const { errorCode, diverging } = await log.fetch({ offset: end + 5n, lastFetchedEpoch: epoch });
      const seen =
        diverging === null ? named(errorCode) : `epoch ${diverging.epoch} ends at ${diverging.endOffset}`;
      return { held: diverging?.epoch === epoch && diverging.endOffset === end, seen };
    },
  },
  {
    id: 'start-cut',
    rule: 'DeleteRecords moves the start of the log, and not its end',
    expected: 'start at the offset asked for',
    needs: 'start',
    trial: async (log) => {
      const { baseOffset } = await log.append({ ...log.newProducer(), sequence: 0, count: 3 });
      const start = await log.cut(baseOffset + 2n);
      const end = await log.logEnd();
      return {
        held: start === baseOffset + 2n && end === baseOffset + 3n,
        seen: `start ${start}, end ${end}`,
      };
    },
  },
];

/** A batch as another producer made it, its header changed as a mirror does, read back. */
async function storedAsSent(log: ProbeLog): Promise<Finding> {
  const value = Buffer.from('lockstep probe '.repeat(64));
  const records = [0n, 1n, 2n].map((offset) => ({
    offset,
    timestamp: 1_700_000_000_000n + offset,
    key: Buffer.from([Number(offset)]),
    value,
    headers: [{ key: Buffer.from('h'), value: null }],
  }));
  const batch = encodeBatch(records, {
    compression: 'gzip',
    producerId: 4711n,
    producerEpoch: 9,
    baseSequence: 33,
  });
  const { producerId } = log.newProducer();
  rewriteHeader(new BatchView(batch, 0), { producerId, producerEpoch: 0, baseSequence: anySequence });
  const sent = Buffer.from(batch);
  const result = await log.appendBatch(batch);
  const append = appended(result, 3);
  if (!append.held) return append;
  const { batch: stored } = await log.fetch({ offset: result.baseOffset });
  if (stored === null) return { held: false, seen: 'nothing to fetch there' };
  const view = new BatchView(stored, 0);
  const sameChecksum = normalisedChecksum(view) === normalisedChecksum(new BatchView(sent, 0));
  // Behind base offset, length, leader epoch and magic, everything has to be as it was sent.
  const sameBytes = stored.subarray(crcAt).equals(sent.subarray(crcAt));
  const held = sameChecksum && sameBytes && verifyChecksum(view) && view.baseOffset === result.baseOffset;
  if (held) return { held, seen: `${stored.length} bytes, the same` };
  return {
    held,
    seen: `${sent.length} bytes sent, ${stored.length} other bytes stored (${view.compression})`,
  };
}

async function entryShown(log: ProbeLog, producerId: bigint, epoch: number): Promise<Finding> {
  const entry = await log.entry(producerId);
  if (entry === null) return { held: false, seen: 'no entry' };
  const held = entry.epoch === epoch && entry.coordinatorEpoch === anyGeneration;
  return { held, seen: `epoch ${entry.epoch}, coordinator epoch ${entry.coordinatorEpoch}` };
}

/** Where the bytes begin that a broker has no reason to change. */
const crcAt = 17;

function appended(result: AppendResult, count: number): Finding {
  const { errorCode, baseOffset, endBefore, endAfter } = result;
  const held = errorCode === 0 && baseOffset === endBefore && endAfter === endBefore + BigInt(count);
  return { held, seen: describeAppend(result) };
}

function refused(result: WriteResult, errorCode: number): Finding {
  const held = result.errorCode === errorCode && result.endAfter === result.endBefore;
  return { held, seen: `${named(result.errorCode)}, ${growth(result)}` };
}

function markerWritten(result: WriteResult, count = 1): Finding {
  const held = result.errorCode === 0 && result.endAfter === result.endBefore + BigInt(count);
  return { held, seen: `${named(result.errorCode)}, ${growth(result)}` };
}

/** Held when every step was; shows the first that was not, or else the step that the rule is about. */
function all(findings: readonly Finding[], shown = findings.length - 1): Finding {
  return findings.find((finding) => !finding.held) ?? (findings[shown] as Finding);
}

function describeAppend(result: AppendResult): string {
  if (result.errorCode !== 0) return `${named(result.errorCode)}, ${growth(result)}`;
  return `base offset ${result.baseOffset}, ${growth(result)}`;
}

function growth({ endBefore, endAfter }: WriteResult): string {
  return endBefore === endAfter ? `log end still ${endAfter}` : `log end from ${endBefore} to ${endAfter}`;
}

function refusal(errorCode: number): string {
  return `refused with ${errorCode}, not appended`;
}

function named(errorCode: number): string {
  return errorCode === 0 ? 'no error' : `${errorCode} ${kafkaError(errorCode).name}`;
}
