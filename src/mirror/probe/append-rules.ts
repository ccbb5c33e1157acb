// What data leans on: a producer id of our own choice, sequences that follow from the place in the log, answers that
// tell where a batch landed, and batches that are stored as they were sent.
import {
  BatchView,
  encodeBatch,
  normalisedChecksum,
  rewriteHeader,
  verifyChecksum,
} from '../../records/index.ts';
import {
  all,
  anySequence,
  appended,
  describeAppend,
  fencedEpoch,
  named,
  outOfOrder,
  refusal,
  refused,
} from './findings.ts';
import type { AppendResult, ProbeLog } from './probe-log.ts';
import type { Finding, ProbeRule } from './rule.ts';

const invalidRecord = 87;
/** Kafka keeps the last five batches of each producer id (ProducerStateEntry.NUM_BATCHES_TO_RETAIN). */
const rememberedBatches = 5;
const sequenceMax = 2 ** 31 - 1;
/** Where the bytes of a batch begin that a broker has no reason to change. */
const crcAt = 17;

export const appendRules: readonly ProbeRule[] = [
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
