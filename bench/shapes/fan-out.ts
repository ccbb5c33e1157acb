// Fan-out: one agent keeps three destinations. They cost three times one, and no more. Beside it what the same machine,
// with four brokers on it, makes of peers, and of an agent for each destination.
import type { ContestantRuns, Shape } from '../shape.ts';
import { shapeOnStage } from '../shape-on-stage.ts';
import { logBytesFor, measureParts } from '../throughput.ts';
import { type FigureName, ratio, wantedOfBrokers } from '../wanted.ts';
import { plainBytesPerSecond, plainWorkload } from './plain.ts';

const destinations = 3;
const [one, three] = ['1 destination', '3 destinations'];
const peers = ['mm2-tuned', 'franz-go'];
/** Lockstep in another way, with three destinations: whether it is the agent that limits, or its share of two cores. */
const others = ['lockstep-favoured', 'lockstep-each'];
/** Three copies of it are written. */
const logBytesMax = 5e9;
/** Runs of the same thing differ by as much. */
const noWorseWithin = 1.1;

export const fanOut: Shape = {
  name: 'fan-out',
  title: 'the plain shape into one destination, and into three; GB and MB/s are of bytes delivered',
  run: (options) =>
    shapeOnStage(options, { destinations }, async (stage) => {
      const bytes = logBytesFor(options.seconds, plainBytesPerSecond, logBytesMax);
      const log = await stage.write('bench', { ...plainWorkload, bytes });
      const contestants = [...peers, 'lockstep'];
      const { rows, notes } = await measureParts(
        stage,
        [
          { log, contestants, called: one },
          { log, contestants: [...contestants, ...others], destinations, called: three },
        ],
        options,
      );
      return {
        rows,
        notes: [`${(log.bytes / 1e9).toFixed(2)} GB of log, delivered once and three times`, ...notes],
        wanted: [
          {
            what: 'CPU per GB delivered to three, of that to one',
            measured: factor(rows, 'lockstep', 'cpuSecondsPerGb'),
            limit: noWorseWithin,
            is: 'atMost',
            note: factorsOfPeers(rows, 'cpuSecondsPerGb'),
          },
          {
            what: 'MB/s delivered to three, of that to one',
            measured: factor(rows, 'lockstep', 'megabytesPerSecond'),
            limit: 1 / noWorseWithin,
            is: 'atLeast',
            note: factorsOfPeers(rows, 'megabytesPerSecond'),
          },
          wantedOfBrokers(rows, { of: `lockstep ${three}`, to: `mm2-tuned ${three}` }),
        ],
      };
    }),
};

function factor(rows: readonly ContestantRuns[], contestant: string, figure: FigureName): number {
  return ratio(rows, figure, { of: `${contestant} ${three}`, to: `${contestant} ${one}` });
}

/** What three destinations make of everybody else, who meets the same machine. */
function factorsOfPeers(rows: readonly ContestantRuns[], figure: FigureName): string {
  const told = peers.map((peer) => `${peer} ${factor(rows, peer, figure).toFixed(2)}`);
  const otherwise = others.map((other) =>
    ratio(rows, figure, { of: `${other} ${three}`, to: `lockstep ${one}` }).toFixed(2),
  );
  return `the same factor of ${told.join(', ')}; at nice -15 ${otherwise[0]}, with an agent for each destination ${otherwise[1]}`;
}
