// The plain shape: what everybody measures, and where the cost of a byte shows best.
import type { Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, seen, wantedOfBrokers } from '../wanted.ts';
import type { Workload } from '../write-log.ts';

export const plainWorkload: Workload = {
  partitions: 8,
  recordBytes: 1024,
  batchBytes: 131_072,
  compression: 'none',
  markerEveryRecords: null,
};
/** What the fastest contestant was seen to copy on this machine, and some more. */
export const plainBytesPerSecond = 450e6;
/** Runs differ by as much on a machine with other work. */
const sameWithin = 1.05;

export const plain: Shape = {
  name: 'plain',
  title: '8 partitions, records of 1 KiB, batches of 128 KiB, no compression',
  run: (options) =>
    shapeOnStage(options, {}, async (stage) => {
      const bytes = logBytesFor(options.seconds, plainBytesPerSecond);
      const log = await stage.write('bench', { ...plainWorkload, bytes });
      const contestants = [
        ...['mm2-defaults', 'mm2-tuned', 'redpanda-connect', 'redpanda-connect-tuned', 'franz-go'],
        ...['lockstep', 'lockstep-favoured'],
      ];
      const { rows, notes } = await measureParts(stage, [{ log, contestants }], options);
      return {
        rows,
        notes: [`${(log.bytes / 1e9).toFixed(2)} GB of log`, ...notes],
        wanted: [
          {
            what: "CPU per GB, of tuned MirrorMaker 2's",
            measured: ratio(rows, 'cpuSecondsPerGb', { to: 'mm2-tuned' }),
            limit: 1 / 15,
            is: 'atMost',
          },
          {
            what: "CPU per GB, of the bare franz-go copier's",
            measured: ratio(rows, 'cpuSecondsPerGb', { to: 'franz-go' }),
            limit: 1,
            is: 'atMost',
          },
          {
            what: 'peak RSS, MB',
            measured: seen(rows, 'lockstep', 'peakRssMb'),
            limit: 120,
            is: 'atMost',
          },
          {
            what: 'MB/s with a larger share of the processor, of those without',
            measured: ratio(rows, 'megabytesPerSecond', { of: 'lockstep-favoured', to: 'lockstep' }),
            limit: sameWithin,
            is: 'atMost',
          },
          wantedOfBrokers(rows),
        ],
      };
    }),
};
