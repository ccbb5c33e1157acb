// The tiny shape: every record a batch of its own, as producers without linger write them when little flows.
import type { Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, wantedOfBrokers } from '../wanted.ts';
import type { Workload } from '../write-log.ts';

export const tinyWorkload: Workload = {
  partitions: 64,
  recordBytes: 200,
  // Less than two records.
  batchBytes: 300,
  compression: 'none',
  markerEveryRecords: null,
};
/** A broker takes some 150,000 batches a second: a minute and more of writing for half a minute of the fastest contestant. */
const bytesPerSecondMax = 100e6;
const logBytesMax = 3.5e9;

export const tiny: Shape = {
  name: 'tiny',
  title: '64 partitions, one record of 200 B in each batch, catching up',
  plot: ['recordsPerSecond', 'cpuMicrosecondsPerRecord', 'peakRssMb'],
  run: (options) =>
    shapeOnStage(options, {}, async (stage) => {
      const bytes = logBytesFor(options.seconds, bytesPerSecondMax, logBytesMax);
      const log = await stage.write('bench', { ...tinyWorkload, bytes });
      const contestants = ['mm2-defaults', 'mm2-tuned', 'franz-go', 'lockstep'];
      const { rows, notes } = await measureParts(stage, [{ log, contestants }], options);
      return {
        rows,
        notes: [
          `${(log.records / 1e6).toFixed(1)} million records, ${(log.bytes / 1e9).toFixed(2)} GB of log`,
          ...notes,
        ],
        wanted: ['mm2-tuned', 'mm2-defaults'].flatMap((to) => [
          {
            what: `records/s, times ${to}'s`,
            measured: ratio(rows, 'recordsPerSecond', { to }),
            limit: 3,
            is: 'atLeast' as const,
          },
          {
            what: `CPU per record, of ${to}'s`,
            measured: ratio(rows, 'cpuMicrosecondsPerRecord', { to }),
            limit: 1 / 3,
            is: 'atMost' as const,
          },
          ...(to === 'mm2-tuned' ? [wantedOfBrokers(rows)] : []),
        ]),
      };
    }),
};
