// npm run simulate -- --seed S --steps N [--scenario "one worker"]
//
// Runs simulated worlds, seed after seed, until N steps are done. Ends with code 0 when all went well. The first world
// that fails ends it with code 1 and the shortest history that was found; the seed in the last line replays it.
import { parseArgs } from 'node:util';
import {
  type CampaignProgress,
  runCampaign,
  type Scenario,
  scenarios,
  scriptOf,
  shrink,
} from '../src/mirror/simulation/index.ts';

const progressMs = 2_000;
const stepsDefault = 1_000_000;
const { seed, steps, scenario } = readArguments();

const startedMs = performance.now();
let shownMs = startedMs;
const result = runCampaign({
  seed,
  steps,
  ...(scenario === undefined ? {} : { scenario }),
  onProgress: (progress) => {
    if (performance.now() - shownMs < progressMs) return;
    shownMs = performance.now();
    console.error(inWords(progress));
  },
});

console.log(`${inWords(result)}, seeds ${seed} to ${seed + result.worldCount - 1}`);
console.log(`fired: ${counts(result.fired)}`);
console.log(`seen:  ${counts(result.seen)}`);
if (result.failed === null) console.log('every world went well');
else {
  tellFailure(result.failed);
  process.exitCode = 1;
}

function tellFailure(failed: NonNullable<typeof result.failed>): void {
  console.log(
    `\nseed ${failed.seed} (${failed.scenario}) failed: ${failed.failure.kind}: ${failed.failure.what}`,
  );
  const script = scriptOf(failed.seed, scenario);
  const { script: short, outcome, runCount } = shrink(script);
  console.log(
    `the shortest history found (${short.strokes.length} of ${script.strokes.length} strokes, ${runCount} runs), in ticks:\n`,
  );
  for (const line of outcome.history) console.log(line);
  console.log(`\n${outcome.failure?.kind}: ${outcome.failure?.what}`);
  const only = scenario === undefined ? '' : ` --scenario ${JSON.stringify(scenario.name)}`;
  console.log(`replay: npm run simulate -- --seed ${failed.seed} --steps 1${only}`);
}

function inWords({ steps: done, worldCount }: CampaignProgress): string {
  const minutes = (performance.now() - startedMs) / 60_000;
  const rate = Math.round(done / minutes);
  return `${done.toLocaleString('en')} steps in ${worldCount.toLocaleString('en')} worlds, ${rate.toLocaleString('en')} steps a minute`;
}

function counts(record: Readonly<Record<string, number>>): string {
  return Object.entries(record)
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what} ${count.toLocaleString('en')}`)
    .join(', ');
}

function readArguments(): { seed: number; steps: number; scenario: Scenario | undefined } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      steps: { type: 'string', default: String(stepsDefault) },
      scenario: { type: 'string' },
    },
  });
  const found = scenarios.find(({ name }) => name === values.scenario);
  if (values.scenario !== undefined && found === undefined) {
    const names = scenarios.map(({ name }) => `"${name}"`).join(', ');
    return refuse(`there is no scenario "${values.scenario}"; there are ${names}`);
  }
  return {
    seed: wholeNumber('seed', values.seed),
    steps: wholeNumber('steps', values.steps),
    scenario: found,
  };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= 0
    ? value
    : refuse(`--${name} ${text} is not a whole number`);
}

function refuse(message: string): never {
  console.error(`simulate: ${message}`);
  process.exit(2);
}
