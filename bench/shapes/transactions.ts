// Transactions: after every 100 records of a partition stands a marker, which has to get its offset in the copy, too.
import type { ContestantRuns, Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { ratio, wantedOfBrokers } from '../wanted.ts';
import { warmForMarkers } from '../warm-brokers.ts';
import { plainWorkload } from './plain.ts';

const markerEveryRecords = 100;
/** What three brokers and a mirror of plain batches reach together on this machine. */
const bytesPerSecondMax = 250e6;
const logBytesMax = 3.5e9;

/** How much of a miss is the brokers': nothing to say where one of the two was not measured. */
function shareOfStraight(rows: readonly ContestantRuns[], called: string): string[] {
  const pair = { of: `lockstep ${called}`, to: `straight ${called}` };
  const speed = ratio(rows, 'megabytesPerSecond', pair);
  const cpu = ratio(rows, 'destinationBrokerCpuSecondsPerGb', pair);
  if (Number.isNaN(speed)) return [];
  return [
    `Lockstep, ${called}: ${speed.toFixed(2)} of the MB/s of the same appends from memory, ${cpu.toFixed(2)} of the destination brokers' CPU`,
  ];
}

export const transactions: Shape = {
  name: 'transactions',
  title:
    'the plain shape in transactions, a marker every 100 records; copies with replication factor 1 and 3',
  run: (options) =>
    // Both factors on the same three brokers, and plain, too: all that differs is what is told.
    shapeOnStage(options, { brokers: 3 }, async (stage) => {
      options.say('warming the brokers of eu-west up');
      await warmForMarkers(stage, { partitions: plainWorkload.partitions, replicationFactor: 3 });
      const bytes = logBytesFor(options.seconds, bytesPerSecondMax, logBytesMax);
      const log = await stage.write('bench', { ...plainWorkload, markerEveryRecords, bytes });
      const plain = await stage.write('plain', { ...plainWorkload, bytes });
      const contestants = ['mm2-defaults', 'mm2-tuned', 'lockstep', 'straight'];
      const { rows, notes } = await measureParts(
        stage,
        [
          { log: plain, contestants: ['lockstep'], called: 'no transactions, RF 1' },
          { log, contestants: ['mm2-tuned', 'lockstep', 'straight'], called: 'RF 1' },
          { log, contestants, replicationFactor: 3, called: 'RF 3' },
        ],
        options,
      );
      return {
        rows,
        notes: [
          `${(log.bytes / 1e9).toFixed(2)} GB of log, ${(log.records / markerEveryRecords).toLocaleString('en-US')} markers; MirrorMaker 2 copies no markers`,
          'no mirror: batches and markers as a mirror writes them, by a bare client from memory (bench/straight-writer.ts): what the brokers alone make of them',
          ...['RF 1', 'RF 3'].flatMap((called) => shareOfStraight(rows, called)),
          ...notes,
        ],
        wanted: [
          {
            what: "MB/s at factor 1, of plain's",
            measured: ratio(rows, 'megabytesPerSecond', {
              ...{ of: 'lockstep RF 1', to: 'lockstep no transactions, RF 1' },
            }),
            limit: 0.5,
            is: 'atLeast',
          },
          ...['mm2-tuned', 'mm2-defaults'].map((to) => ({
            what: `MB/s at factor 3, of ${to}'s`,
            measured: ratio(rows, 'megabytesPerSecond', { of: 'lockstep RF 3', to: `${to} RF 3` }),
            limit: 1,
            is: 'atLeast' as const,
            ...(to === 'mm2-tuned' && { note: 'with acks=1, which does not wait for replicas' }),
          })),
          ...['RF 1', 'RF 3'].map((called) =>
            wantedOfBrokers(rows, { of: `lockstep ${called}`, to: `mm2-tuned ${called}` }),
          ),
        ],
      };
    }),
};
