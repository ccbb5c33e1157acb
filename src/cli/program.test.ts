// Command lines as a person types them: what is printed where, and with which exit code it ends.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { LockstepError } from '../errors.ts';
import { reportFailure } from './fail.ts';
import { Output } from './output/output.ts';
import { buildProgram, runProgram } from './program.ts';

function recorded() {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
      return true;
    },
  });
  return {
    written,
    output: new Output({ stdout: stream('stdout'), stderr: stream('stderr'), environment: {} }),
  };
}

async function run(...args: string[]) {
  const { written, output } = recorded();
  const signal = new AbortController().signal;
  return { exitCode: await runProgram(args, { output, signal, environment: {} }), ...written };
}

const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-cli-'));
function file(text: string): string {
  const name = path.join(folder, 'lockstep.yaml');
  writeFileSync(name, text);
  return name;
}
const clusters = 'version: 1\nclusters: {us: {bootstrap: ["u:1"]}, eu: {bootstrap: ["e:1"]}}\n';
const links = 'links: {us-to-eu: {source: us, destination: eu, topics: [orders]}}\n';
const seeHelp = ' (lockstep --help shows what there is)\n';

describe('a wrong command line ends with 2 and one line on stderr', () => {
  test.each([
    [['frobnicate'], `lockstep: unknown command 'frobnicate'${seeHelp}`],
    [['verfy', 'x'], `lockstep: unknown command 'verfy' - did you mean verify?${seeHelp}`],
    [['verify'], `lockstep: missing required argument 'file'${seeHelp}`],
    [['verify', 'x', 'y'], /^lockstep: too many arguments/],
    [['verify', 'x', '--jsno'], `lockstep: unknown option '--jsno' - did you mean --json?${seeHelp}`],
    [['run', 'x', '--link'], `lockstep: option '--link <link>' argument missing${seeHelp}`],
    [['local', 'upp'], `lockstep: unknown command 'upp' - did you mean up?${seeHelp}`],
    [['local', 'up', '--kafka-version', '4'], /Expected a version of Apache Kafka, such as 4\.3\.1\./],
    [['doctor'], `lockstep: missing required argument 'file'${seeHelp}`],
    [['agent'], /^lockstep: which destination\? Name it with --bootstrap-server/],
    [['agent', '--http', 'x'], /Expected host:port, such as 0\.0\.0\.0:8080\./],
    [['agent', '--id', 'a/b'], /Expected letters, digits/],
    [['agent', '--log-level', 'loud'], /Allowed choices are trace, debug, info/],
    [['links', 'creat', 'x'], `lockstep: unknown command 'creat' - did you mean create?${seeHelp}`],
    [['mirrors', 'promote', 'x'], /^lockstep: required option '--link <link>' not specified/],
  ])('%j', async (args, line) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    if (typeof line === 'string') expect(stderr).toBe(line);
    else expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('help', () => {
  test('that was asked for is data: stdout and 0', async () => {
    const { exitCode, stdout, stderr } = await run('--help');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const command of ['run', 'verify', 'doctor', 'local']) expect(stdout).toContain(`  ${command}`);
    expect(stdout).toContain('Exit codes: 0 done or yes');
  });
  test('that was not asked for is a message: stderr and 2', async () => {
    expect(await run()).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('Usage: lockstep'),
    });
    expect(await run('local')).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('Usage: lockstep local'),
    });
  });
  test('the version alone', async () => {
    expect(await run('--version')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
  test('every command explains itself in one line and knows --stack', async () => {
    const program = await buildProgram(async () => {}, recorded().output);
    const leaves = program.commands.flatMap((command) =>
      command.commands.length > 0 ? command.commands : [command],
    );
    expect(leaves.length).toBeGreaterThanOrEqual(6);
    for (const command of leaves) {
      expect(command.description()).toMatch(/^[a-z`].{20,}$/);
      expect(command.options.map((option) => option.long)).toContain('--stack');
    }
  });
});

describe('a wrong file ends with 2', () => {
  test('that is not there', async () => {
    expect(await run('run', '/nowhere.yaml')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: "lockstep: /nowhere.yaml: can't be read: no such file\n",
    });
  });
  test('with faults: each line begins with its place, and a count closes', async () => {
    const name = file('version: 1\nclusters: {us: {boostrap: ["u:1"]}}\nlinks: {}\nlinkz: {}\n');
    const { exitCode, stderr } = await run('verify', name);
    const lines = stderr.trimEnd().split('\n');
    expect(exitCode).toBe(2);
    expect(lines[0]).toMatch(
      /lockstep\.yaml:2:17: found the unknown key boostrap, .*did you mean bootstrap\?$/,
    );
    expect(lines[1]).toMatch(/lockstep\.yaml:4:1: found the unknown key linkz/);
    expect(lines.slice(2)).toEqual([`lockstep: 2 problems in ${name}`]);
  });
  test('without links, or with another link or topic than was named', async () => {
    const none = file(clusters);
    expect((await run('run', none)).stderr).toBe(`lockstep: ${none} has no links; add one under links:\n`);
    const some = file(clusters + links);
    expect(await run('verify', some, '--link', 'us-to-ue')).toMatchObject({
      exitCode: 2,
      stderr: `lockstep: ${some} has no link us-to-ue; did you mean us-to-eu?\n`,
    });
    expect(await run('verify', some, '--topic', 'order')).toMatchObject({
      exitCode: 2,
      stderr: 'lockstep: no topic of us-to-eu is called order: it is not in topics, or is excluded\n',
    });
  });
});

describe('a failure', () => {
  test('of ours ends with 4 and asks for --stack', () => {
    const { written, output } = recorded();
    expect(reportFailure(new TypeError('x is undefined'), output, { stack: false })).toBe(4);
    expect(written.stderr).toBe(
      'lockstep: an error of ours (TypeError: x is undefined); run it again with --stack and please report what it prints\n',
    );
  });
  test('shows stack and causes only when asked', () => {
    const { written, output } = recorded();
    const error = new LockstepError('CLUSTER_UNREACHABLE', 'cluster us:\nnobody answers', {
      cause: new Error('refused'),
    });
    expect(reportFailure(error, output, { stack: true })).toBe(3);
    expect(written.stderr).toMatch(
      /^lockstep: cluster us: nobody answers\n.*\n +at .*caused by Error: refused\n/s,
    );
    const quiet = recorded();
    reportFailure(error, quiet.output, { stack: false });
    expect(quiet.written.stderr).toBe('lockstep: cluster us: nobody answers\n');
  });
  test('of something that is no error is told too', () => {
    const { written, output } = recorded();
    expect(reportFailure('just words', output, { stack: true })).toBe(4);
    expect(written.stderr).toContain('(just words)');
  });
  test('after an interruption is an interruption: not through, so not yes', async () => {
    const { written, output } = recorded();
    const signal = AbortSignal.abort();
    expect(await runProgram(['run', '/nowhere.yaml'], { output, signal, environment: {} })).toBe(1);
    expect(written.stderr).toBe('lockstep: interrupted before it was through\n');
  });
});
