// docs/links.md is what people type: every command in it has to be one that is understood.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { Output } from './output/output.ts';
import { buildProgram } from './program.ts';

const page = readFileSync(new URL('../../docs/links.md', import.meta.url), 'utf8');
const typed = [...page.matchAll(/^\$ lockstep (.*)$/gm)].map((match) => match[1]!);
const stream = { write: () => true };
const program = await buildProgram(
  async () => {},
  new Output({ stdout: stream, stderr: stream, environment: {} }),
);

function leaves(command: Command): string[] {
  if (command.commands.length === 0) return [command.name()];
  return command.commands.flatMap((child) => leaves(child).map((name) => `${command.name()} ${name}`));
}

describe('docs/links.md', () => {
  test.each(typed)('lockstep %s', async (line) => {
    const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
    await expect(program.parseAsync(args, { from: 'user' })).resolves.toBeDefined();
  });

  test('has an example of every command on links and mirrors', () => {
    const fleet = program.commands.filter((command) => ['links', 'mirrors'].includes(command.name()));
    const missing = fleet.flatMap(leaves).filter((name) => !page.includes(`lockstep ${name}`));
    expect(missing).toEqual([]);
  });
});
