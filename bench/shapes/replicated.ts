// A destination of three brokers with replication factor 3: each append waits for replicas, of which only one is under way
// in a partition. Small compressed batches make much of that waiting.
import type { Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, wantedOfBrokers } from '../wanted.ts';
import type { Workload } from '../write-log.ts';

const workload: Workload = {
  partitions: 8,
  recordBytes: 1024,
  batchBytes: 16_384,
  compression: 'lz4',
  markerEveryRecords: null,
};
const bytesPerSecondMax = 150e6;
const logBytesMax = 5e9;
/** The part with a partition alone, where nothing else fills the time that an append waits. */
const alonePart = 0.4;

export const replicated: Shape = {
  name: 'replicated',
  title: 'replication factor 3 at the destination, lz4 batches of 16 KiB, 8 partitions and 1',
  run: (options) =>
    shapeOnStage(options, { brokers: 3 }, async (stage) => {
      const bytes = logBytesFor(options.seconds, bytesPerSecondMax, logBytesMax);
      const log = await stage.write('bench', { ...workload, bytes });
      const alone = await stage.write('alone', { ...workload, partitions: 1, bytes: bytes * alonePart });
      const contestants = ['mm2-defaults', 'mm2-tuned', 'franz-go', 'lockstep'];
      const { rows, notes } = await measureParts(
        stage,
        [
          { log, contestants, replicationFactor: 3, called: '8 partitions' },
          { log: alone, contestants, replicationFactor: 3, called: '1 partition' },
        ],
        options,
      );
      return {
        rows,
        notes: [`${(log.bytes / 1e9).toFixed(2)} and ${(alone.bytes / 1e9).toFixed(2)} GB of log`, ...notes],
        wanted: [
          ...['8 partitions', '1 partition'].flatMap((called) =>
            ['mm2-tuned', 'mm2-defaults'].map((to) => ({
              what: `MB/s per partition, ${called}, of ${to}'s`,
              measured: ratio(rows, 'megabytesPerSecond', {
                ...{ of: `lockstep ${called}`, to: `${to} ${called}` },
              }),
              limit: 1,
              is: 'atLeast' as const,
              ...(to === 'mm2-tuned' && { note: 'with acks=1, which does not wait for replicas' }),
            })),
          ),
          wantedOfBrokers(rows, { of: 'lockstep 8 partitions', to: 'mm2-tuned 8 partitions' }),
        ],
      };
    }),
};
