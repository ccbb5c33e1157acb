// Why what is asked of a shape is missed, and the list of it that docs/performance.md shows: by how much, out of the records,
// and why, out of here. Pure.
import { measuredText, type ShapeRecord, shortNumber } from './report.ts';

interface Why {
  /** How the words of what is asked begin; several may have one reason. */
  readonly what: string;
  readonly why: string;
}

/** By shape. A reason stays when its row is met: the next run may miss it. */
export const reasons: Readonly<Record<string, readonly Why[]>> = {
  plain: [
    {
      what: "CPU per GB, of tuned MirrorMaker 2's",
      why: 'A Node process that only moves bytes from socket to socket takes 0.32 CPU-s/GB here, most of it in the two copies of the kernel: two thirds of all that is allowed. Warmed up, MirrorMaker 2 is cheaper than in the runs that the limit was made of (9.9 CPU-s/GB).',
    },
    {
      what: 'peak RSS',
      why: "57 MB are pages of Node's binary and of libraries, the rest V8's heap, buffers and malloc. A log that is longer ends some MB higher, as V8 compiles more ([the log](performance-log.md)).",
    },
    {
      what: 'MB/s with a larger share',
      why: 'Two cores are shared with both brokers: whoever is woken sooner has less to do each time. Beyond what runs differ by, this is time that the agent waited for a core, not work of its own.',
    },
  ],
  lz4: [
    { what: 'peak RSS', why: 'As in plain.' },
    { what: 'CPU per GB on the wire', why: 'At fewer MB/s each wake-up finds less to do: see plain.' },
  ],
  zstd: [
    { what: 'peak RSS', why: 'As in plain.' },
    {
      what: 'CPU per GB on the wire',
      why: 'Brokers check zstd batches by decompressing them, which makes them the limit at a fraction of the MB/s of plain; at fewer MB/s each wake-up of the agent finds less to do. Nothing is decompressed here: the counter says so.',
    },
  ],
  tls: [
    {
      what: 'CPU per GB',
      why: 'Node hands over what it decrypted in pieces of 16 KiB, 61,000 a GB, and copies a request once more before it encrypts it: neither can be changed from JavaScript.',
    },
  ],
  tiny: [
    {
      what: 'records/s',
      why: 'The source broker reads and sends 64 partitions of single-record batches, and both contestants wait for it and for the two cores; the CPU per record shows what is ours.',
    },
  ],
  latency: [
    {
      what: "p50, of mm2-defaults's",
      why: 'A record goes two ways from producer to consumer, and the first row of the table tells what one takes: twice that leaves a fifth of a millisecond for the mirror, which is woken for each record, has one fetch under way on a connection and shares two cores with all others.',
    },
    {
      what: 'p50, of',
      why: "A fifth of tuned MirrorMaker 2's is below what producer and consumer take at one cluster without a mirror (the first row of the table), and no mirror adds less than nothing. MirrorMaker 2 appends with acks=1, so that it waits for as little as Lockstep does with one replica.",
    },
    {
      what: 'p99, of',
      why: 'Producer and consumer at one cluster, without a mirror, have a p99 of the same size (the first row of the table): two cores, on which brokers, mirror, producer and consumer take turns.',
    },
    { what: 'p50, ms', why: 'See the first row of the table for what producer and consumer take alone.' },
    { what: 'p99, ms', why: 'See the first row of the table for what producer and consumer take alone.' },
  ],
  wide: [
    {
      what: '10,000 idle partitions',
      why: "Up to half of it is V8's collector: what is looked at every few seconds for ten thousand partitions lives longer than a new space of 2 MiB ([the log](performance-log.md)).",
    },
    {
      what: 'p99 of the active ones',
      why: "Both brokers' collectors stop them for 10 to 40 ms at a time, and two cores are shared by brokers, agent, producer and consumer. The agent's own thread was busy for up to 190 ms without a break, every five seconds; since it gives way to records it is late by less than 50 ms ([the log](performance-log.md#a-look-that-gives-way-to-records-2026-11-22-1020-to-1100)).",
    },
    {
      what: 'CPU per record',
      why: 'What ten thousand partitions cost while nothing comes is part of it: at 1,000 records/s each % of a core is 10 µs of every record. Less that, a record costs nearly what it does with 100 partitions (both columns stand in the table of the shape).',
    },
    {
      what: 'start until all mirror, the very first time',
      why: "The destination's broker has to make ten thousand logs. How long one takes that is asked for nothing else stands in the table of the shape, and is above the limit, too.",
    },
  ],
  wan: [
    {
      what: "MB/s of plain TCP's",
      why: 'Answers end with a batch that is cut off and comes again, and both brokers, the agent and the proxy share two cores.',
    },
  ],
  'fan-out': [
    {
      what: 'CPU per GB delivered to three',
      why: 'Four brokers take turns on the two cores that two had, and each wake-up of the agent finds less to do: peers pay more for the same (their factors stand below the table of the shape).',
    },
    {
      what: 'MB/s delivered to three',
      why: 'One agent takes a third of a core and waits for it beside four brokers: at nice -15, or as three agents, it delivers half as much again ([the log](performance-log.md#fan-out-whose-cost-it-is)); the factors stand below the table of the shape.',
    },
  ],
  transactions: [
    {
      what: 'MB/s at factor',
      why: 'A marker goes in front of what follows it, and data waits until the log end is read: two appends in sequence for each 100 KiB of a partition. By how much the same appends from memory are faster stands in the row without a mirror: so much is the mirror’s, and the rest the brokers’. Agent and brokers take both cores, as they do with MirrorMaker 2, so MB/s follow from the CPU of all together: 17.8 CPU-s/GB here at factor 3, of which the destination’s brokers 14.3, and 15.3 there (2026-11-22). MirrorMaker 2 copies no markers, and with acks=1 waits for no replica.',
    },
    {
      what: "brokers' CPU per GB",
      why: 'Each marker is an append of its own, which MirrorMaker 2 leaves out, and each 100 KiB of data another: with three replicas each of them is fetched twice.',
    },
  ],
  replicated: [
    {
      what: 'MB/s per partition',
      why: 'Batches are put together and compressed anew, two thirds of a core at 100 MB/s; tuned MirrorMaker 2 has its batches of 512 KiB acknowledged without a wait for replicas (acks=1).',
    },
  ],
  compacted: [
    {
      what: 'time from first to last record, markers',
      why: 'Each of the nine million other offsets takes a control batch of 78 bytes, which the broker at the destination writes one by one (its CPU stands in the table of the shape). The option that does is `compactionGaps: copies` ([settings](lockstep-yaml.md)): consumers see a record several times in a row, until compaction removes the copies again.',
    },
    {
      what: 'time from',
      why: 'All ten million offsets are written, where MirrorMaker 2 writes one million.',
    },
  ],
  outage: [
    {
      what: 'largest lag',
      why: 'Two cores for both brokers, the agent, producer and consumer: a record waits for its turn on them.',
    },
    {
      what: 'RSS',
      why: 'V8 lets its heap grow by 30 % before it collects (bin/lockstep.mjs); buffers are bounded by the budget.',
    },
  ],
};

/** An entry for each reason of something missed; rows without one say that it is not known. */
export function missedList(records: readonly ShapeRecord[]): string {
  const entries = records.flatMap(({ shape, wanted }) => {
    const byWhy = new Map<string, string[]>();
    for (const each of wanted.filter(({ isMet }) => isMet === false)) {
      const why = whyOf(shape, each.what) ?? 'Why is not known.';
      byWhy.set(why, [...(byWhy.get(why) ?? []), byHowMuch(each)]);
    }
    return [...byWhy].map(([why, rows]) => `- **${shape}**: ${rows.join('; ')}. ${why}`);
  });
  return entries.length === 0 ? 'None is.' : entries.join('\n');
}

/** `plain: what` of everything missed that no reason is given of. */
export function missedWithoutReason(records: readonly ShapeRecord[]): string[] {
  return records.flatMap(({ shape, wanted }) =>
    wanted
      .filter(({ isMet, what }) => isMet === false && whyOf(shape, what) === null)
      .map(({ what }) => `${shape}: ${what}`),
  );
}

function whyOf(shape: string, what: string): string | null {
  return reasons[shape]?.find((each) => what.startsWith(each.what))?.why ?? null;
}

function byHowMuch({ what, measured, limit, is }: ShapeRecord['wanted'][number]): string {
  const times = limit === 0 ? '' : ` (${shortNumber((measured ?? Number.NaN) / limit)} times that)`;
  return `${what}: ${measuredText({ measured })}, wanted at ${is === 'atMost' ? 'most' : 'least'} ${shortNumber(limit)}${times}`;
}
