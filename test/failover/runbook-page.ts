// docs/failover.md as data: the commands that it shows, what it shows of their output, and what happens to the world in
// between (comments in the page, `<!-- stage: ... -->`). The test runs nothing else, so that page and product can't part.
import { readFileSync } from 'node:fs';

/** A command of the page, or something that happens to the world. */
export type Scene =
  | { readonly kind: 'stage'; readonly words: string }
  | {
      readonly kind: 'command';
      /** Below this heading. */
      readonly heading: string;
      readonly command: string;
      /** Null: it goes on until it is stopped, as agents do. */
      readonly exitCode: number | null;
      readonly shown: readonly string[];
    };

const page = readFileSync(new URL('../../docs/failover.md', import.meta.url), 'utf8');

/** The first block of that language, without the fence. */
export function block(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(page);
  if (found === null) throw new Error(`docs/failover.md has no block of ${language}`);
  return found[1]!;
}

/**
 * In the page's order. A block ```` ```sh ```` has one command; `exit=1` behind it is its exit code (0 unless said), `runs`
 * means that it goes on. The block ```` ```text ```` behind it is its output. Blocks `sh first-screen` are a summary.
 */
export function scenes(): Scene[] {
  const found: Scene[] = [];
  let heading = '';
  const parts =
    /^#+ (?<heading>.*)$|^<!-- stage: (?<stage>.*) -->$|^```(?<info>\w.*)\n(?<body>(?:.*\n)*?)```$/gm;
  for (const { groups } of page.matchAll(parts)) {
    const { heading: title, stage, info, body } = groups!;
    if (title !== undefined) heading = title;
    else if (stage !== undefined) found.push({ kind: 'stage', words: stage });
    else if (info === 'text') {
      const last = found.at(-1);
      if (last?.kind === 'command') found[found.length - 1] = { ...last, shown: linesOf(body!) };
    } else if (info!.startsWith('sh') && info !== firstScreen)
      for (const command of linesOf(body!))
        found.push({ kind: 'command', heading, command, exitCode: exitCodeOf(info!), shown: [] });
  }
  return found;
}

const firstScreen = 'sh first-screen';
/** What the first screen says to type. */
export const summary = (): string[] => linesOf(block(firstScreen));

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

function exitCodeOf(info: string): number | null {
  return info.includes(' runs') ? null : Number(/exit=(\d)/.exec(info)?.[1] ?? 0);
}

/**
 * What the page shows and the command did not print, and the other way round; empty: they agree. Numbers, times, names of
 * people and addresses may differ, `...` in the page stands for any lines, and progress need not be shown.
 */
export function differences(shown: readonly string[], printed: readonly string[]): string[] {
  const found: string[] = [];
  const isProgress = (line: string): boolean => /^ {7}/.test(line);
  let at = 0;
  let mayLeaveOut = false;
  const skipTo = (end: number): void => {
    const left = printed.slice(at, end).filter((line) => !isProgress(line));
    if (!mayLeaveOut) found.push(...left.map((line) => `not in the page: ${line}`));
    mayLeaveOut = false;
  };
  for (const line of shown) {
    if (line.trim() === '...') {
      mayLeaveOut = true;
      continue;
    }
    const next = printed.findIndex((other, index) => index >= at && masked(other) === masked(line));
    if (next < 0) {
      found.push(`only in the page: ${line}`);
      mayLeaveOut = true;
      continue;
    }
    skipTo(next);
    at = next + 1;
  }
  skipTo(printed.length);
  return found;
}

export function masked(line: string): string {
  return (
    line
      .replace(/does not answer: .*|GONE: .*/, 'GONE')
      .replace(/\d{8}T\d{6}(Z|-[0-9a-f]+)/g, 'ID')
      .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)/g, 'TIME')
      .replace(/[\w.-]+@[\w.-]+|(?<=(declared|led) by )[\w.-]+/g, 'WHO')
      .replace(/[\w.-]+:\d{2,5}\b/g, 'ADDRESS')
      .replace(/[+-]?\d+(?:[.,]\d+)*(?: (?:ms|s|min|h|d|B|[KMGT]iB))?(?!\w)/g, '#')
      .replace(/#( #)+/g, '#')
      // Nobody knows a rate before a topic was looked at twice.
      .replace(/,? at (an unknown rate|# records? a second)/g, '')
      .replace(/ \?(?= )/g, ' #')
      .replace(/ \.{3,} /g, ' ')
      .replace(/-{3,}/g, '-')
      .replace(/\s+/g, ' ')
      .trim()
  );
}
