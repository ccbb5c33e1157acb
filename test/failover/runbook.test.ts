// docs/failover.md word for word, as somebody would who has never seen Lockstep: its commands are typed in its order at two
// real regions, and what they print has to be what the page shows.
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { useRegions } from '../support/region-fixtures.ts';
import { differences, masked, scenes, summary } from './runbook-page.ts';
import { RunbookWorld } from './runbook-world.ts';

const regions = useRegions({ 'us-east': {}, 'eu-west': {} });
/** A file for what was really printed, for whoever renews the page. */
const transcript = process.env.RUNBOOK_TRANSCRIPT;

describe('docs/failover.md', () => {
  test('what the first screen says to type is typed below', () => {
    const typed = scenes().flatMap((scene) => (scene.kind === 'command' ? scene.command : []));
    expect(summary().filter((line) => !typed.includes(line))).toEqual([]);
    expect(typed.length).toBeGreaterThan(15);
  });

  test('what is shown and printed may differ in numbers and progress, and in nothing else', () => {
    const shown = ['1/2 promote .... 1.8 s  2 mirrors promoted', 'lockstep: done: eu-west is primary'];
    const printed = ['1/2 promote ... 20 ms  3 mirrors promoted', '       on the way', shown[1]!];
    expect(differences(shown, printed)).toEqual([]);
    expect(differences(['...', shown[1]!], printed)).toEqual([]);
    expect(differences(shown, [...printed, 'and more'])).toEqual(['not in the page: and more']);
    expect(differences(shown.slice(0, 1), printed)).toEqual([`not in the page: ${shown[1]}`]);
    expect(differences(shown, printed.slice(0, 2))).toEqual([`only in the page: ${shown[1]}`]);
    expect(masked('heard 4.0 s ago at 1,200 records a second; later')).toBe(
      masked('heard 1 min 20 s ago at an unknown rate; later'),
    );
  });

  test('its commands do what it shows', { timeout: 10 * 60_000 }, async () => {
    await using world = await RunbookWorld.open(regions);
    const found: string[] = [];
    const typed: object[] = [];
    for (const scene of scenes()) {
      if (scene.kind === 'stage') await world.stage(scene.words);
      else if (scene.exitCode === null) world.begin(scene.command);
      else {
        const { exitCode, lines } = await world.type(scene.command, answerOf(scene.shown));
        typed.push({ command: scene.command, exitCode, lines });
        if (transcript !== undefined) await writeFile(transcript, JSON.stringify(typed));
        const wrong = [
          ...(exitCode === scene.exitCode ? [] : [`exit code ${exitCode}, not ${scene.exitCode}`]),
          ...differences(scene.shown, lines),
        ];
        if (wrong.length > 0)
          found.push(
            `${scene.heading}: ${scene.command}\n${wrong.join('\n')}\nprinted was\n${lines.join('\n')}`,
          );
      }
    }
    expect(found.join('\n\n'), world.said).toBe('');
    // What the page is about: none of the records is lost in the end.
    expect(JSON.stringify(typed)).toMatch(/120 records in 2 of 4 partitions never came over/);
    expect(JSON.stringify(typed)).toMatch(/120 records found, each as it was/);
  });
});

/** What the page shows as typed behind a question. */
function answerOf(shown: readonly string[]): string | null {
  return (
    shown.map((line) => /to go on: (.*)$/.exec(line)?.[1]).find((answer) => answer !== undefined) ?? null
  );
}
