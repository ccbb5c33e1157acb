// node scripts/start.mjs bench/write-table.ts
//
// Writes what bench/results/ keeps into docs/performance.md and README.md, between their marks, and draws
// bench/results/wanted.svg. Shapes that were never measured whole are left out.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ShapeRecord } from './report.ts';
import { shapes } from './shapes/index.ts';
import { briefTable, putBetween, shapeSection, shapesTable, shortTable } from './summary.ts';
import { renderWantedPlot } from './wanted-plot.ts';
import { missedList, missedWithoutReason } from './why-missed.ts';

const root = path.resolve(import.meta.dirname, '..');
const performanceFile = path.join(root, 'docs', 'performance.md');
const readmeFile = path.join(root, 'README.md');

const records: ShapeRecord[] = [];
for (const { name } of shapes) {
  const file = path.join(root, 'bench', 'results', `${name}.json`);
  if (existsSync(file)) records.push(JSON.parse(await readFile(file, 'utf8')) as ShapeRecord);
}
await put(performanceFile, {
  shapes: shapesTable(records),
  missed: missedList(records),
  sections: records.map((record) => shapeSection(record)).join('\n\n'),
});
const plain = records.find(({ shape }) => shape === 'plain');
if (plain)
  await put(readmeFile, {
    plain: `![CPU, throughput and memory of all contestants](bench/results/plain.svg)

${shortTable(plain, ['cpuSecondsPerGb', 'megabytesPerSecond', 'recordsPerSecond', 'peakRssMb'])}

Of ${plain.date.slice(0, 10)}, the replicating process alone and steady, ${plain.runs === 1 ? 'one run' : `medians of ${plain.runs} runs`} of up to ${plain.seconds} s (\`${plain.command}\`). The
tuned settings are in [bench/mm2-tuned.properties](bench/mm2-tuned.properties), every run in
[bench/results/plain.json](bench/results/plain.json).`,
    shapes: `![What is wanted of each shape, and what was seen](bench/results/wanted.svg)\n\n${briefTable(records)}`,
  });
await writeFile(path.join(root, 'bench', 'results', 'wanted.svg'), renderWantedPlot(records));
console.log(
  `${records.map(({ shape }) => shape).join(', ') || 'no shape'} written into docs/performance.md and README.md`,
);

for (const each of missedWithoutReason(records))
  console.log(`bench/why-missed.ts gives no reason of ${each}`);

async function put(file: string, parts: Readonly<Record<string, string>>): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const [name, content] of Object.entries(parts)) text = putBetween(text, name, `\n${content}\n`);
  await writeFile(file, text);
}
