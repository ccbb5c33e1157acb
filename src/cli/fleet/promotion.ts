// A promotion as a person follows it: where each mirror stands while it works, and how each partition ended.
import { LiveBlock } from '../output/live-block.ts';
import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { formatCount, plural } from '../output/units.ts';
import { describeMirror, type MirrorDescription, type PromotedDescription } from './describe.ts';
import type { Fleet } from './fleet.ts';
import { formatAge, formatLag, unknown } from './format.ts';

export interface PromotedMirror {
  readonly topic: string;
  readonly partitions: readonly PromotedDescription[];
}

/** One line for each partition, and what has to be said about them in words. */
export function promotedTable(mirrors: readonly PromotedMirror[], nowMs: number): string {
  const rows = mirrors.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => [
      topic,
      String(partition.partition),
      String(partition.cutOffset),
      partition.sourceEnd === null ? unknown : String(partition.sourceEnd),
      formatAge(partition.sourceSeenAtMs, nowMs),
      missingWords(partition, nowMs),
      partition.isReplicated ? 'yes' : 'NO',
    ]),
  );
  return formatTable(
    [
      { title: 'TOPIC' },
      { title: 'PARTITION', align: 'right' },
      { title: 'CUT OFFSET', align: 'right' },
      { title: 'SOURCE END', align: 'right' },
      { title: 'SOURCE SEEN' },
      { title: 'MISSING', align: 'right' },
      { title: 'REPLICATED' },
    ],
    rows,
  );
}

/** What the source wrote after it was seen last nobody here can know. */
function missingWords({ missingRecords, sourceSeenAtMs }: PromotedDescription, nowMs: number): string {
  if (missingRecords === null) return unknown;
  const isFresh = sourceSeenAtMs !== null && nowMs - sourceSeenAtMs <= seenMsMax;
  return missingRecords === 0n && isFresh ? '0' : `at least ${formatCount(missingRecords)}`;
}

/** A source that was seen longer ago than this may have got more, in ms. */
const seenMsMax = 5_000;

/** What the table says in words, for those who have to decide something. */
export function promotedRemarks(mirrors: readonly PromotedMirror[]): string[] {
  const all = mirrors.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ ...partition, name: `${topic}-${partition.partition}` })),
  );
  const remarks: string[] = [];
  const missing = all.filter(({ missingRecords }) => missingRecords !== null && missingRecords > 0n);
  if (missing.length > 0) {
    const count = missing.reduce((sum, { missingRecords }) => sum + missingRecords!, 0n);
    remarks.push(
      `at least ${plural(count, 'record')} of the source ${count === 1n ? 'is' : 'are'} missing, in ${plural(missing.length, 'partition')}`,
    );
  }
  const unseen = all.filter(({ sourceEnd }) => sourceEnd === null);
  if (unseen.length > 0)
    remarks.push(`what is missing is unknown for ${nameList(unseen)}: nobody knows where the source ended`);
  const unsafe = all.filter(({ isReplicated }) => !isReplicated);
  if (unsafe.length > 0)
    remarks.push(
      `the tail of ${nameList(unsafe)} is not replicated yet: the loss of its leader now would take it along`,
    );
  return remarks;
}

const namesShownMax = 10;

function nameList(partitions: readonly { readonly name: string }[]): string {
  const names = partitions.slice(0, namesShownMax).map(({ name }) => name);
  const more = partitions.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${formatCount(more)} more`;
}

/** `  orders  Draining  lag 1,234 records, 1.2 s`. */
export function progressLines(mirrors: readonly MirrorDescription[]): string[] {
  const width = Math.max(0, ...mirrors.map((mirror) => mirror.sourceTopic.length));
  return mirrors.map((mirror) => {
    const lag = mirror.isCopied ? `  lag ${formatLag(mirror)}` : '';
    const reason = mirror.reason === null ? '' : `  (${mirror.reason})`;
    return `  ${mirror.sourceTopic.padEnd(width)}  ${mirror.state.padEnd('Mirroring'.length)}${lag}${reason}`;
  });
}

const everyMs = { terminal: 500, plain: 5_000 } as const;
/** Mirrors shown one by one; a log or a screen has no room for more. */
const linesMax = 20;

/** Shows where the mirrors stand until it is ended. */
export class PromotionProgress {
  readonly #timer: NodeJS.Timeout;
  readonly #block: LiveBlock | null;
  readonly #output: Output;
  readonly #look: () => MirrorDescription[];

  constructor(
    fleet: Fleet,
    isMeant: (mirror: { link: string; sourceTopic: string }) => boolean,
    output: Output,
  ) {
    this.#output = output;
    this.#block = output.isTerminal ? new LiveBlock(output) : null;
    this.#look = () => {
      const nowMs = fleet.nowMs();
      return [...fleet.state.mirrors.values()]
        .filter(isMeant)
        .map((mirror) => describeMirror(fleet.state, mirror, nowMs));
    };
    this.#timer = setInterval(() => this.#show(), output.isTerminal ? everyMs.terminal : everyMs.plain);
  }

  #show(): void {
    // Those that are still on their way come first: they are what is waited for.
    const mirrors = this.#look().sort(
      (a, b) => Number(b.state !== 'Promoted') - Number(a.state !== 'Promoted'),
    );
    const lines = progressLines(mirrors.slice(0, linesMax));
    const more = mirrors.length - linesMax;
    if (more > 0) lines.push(`  and ${plural(more, 'more mirror')}`);
    if (this.#block !== null) this.#block.show(lines);
    else for (const line of lines) this.#output.message(line);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#block?.show([]);
  }
}
