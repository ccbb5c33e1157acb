// How far away a source is, and what that lets its links read. One connection has no more under way than the broker's send
// buffer, so it carries a buffer in each round trip: 100 KiB (Kafka's default) at 80 ms are 1.2 MiB/s, whatever the network
// could do. Pure: what was measured and set in, a check out.
import { autoConnectionsMax, roundTripMsMin } from '../../mirror/index.ts';
import { formatBytes, formatBytesPerSecond, plural } from '../output/units.ts';
import type { Check } from './checks.ts';

/** What a link reads of this cluster. */
export interface ReadingLink {
  readonly name: string;
  readonly fetchConnections: 'auto' | number;
  readonly inFlightBytesMax: number;
  /** Of the topics that it takes, at the broker that leads most of them. */
  readonly partitions: number;
}

export interface Way {
  /** The shortest answer to the smallest request, of the farthest broker, ms. */
  readonly roundTripMs: number;
  /** `socket.send.buffer.bytes`, the least of all brokers; -1: the system's own, which grows. Null: not to be seen. */
  readonly sendBufferBytes: number | null;
  readonly links: readonly ReadingLink[];
}

/** What is advised: Linux grows its own buffers as far without being told (tcp_wmem). */
const advisedBufferBytes = 4 * 2 ** 20;
/** Whoever has this much on one connection is not told to look for more, bytes a second. */
const enoughBytesPerSecond = 50e6;

/** Null where nothing reads from the cluster. */
export function wayCheck({ roundTripMs, sendBufferBytes, links }: Way): Check | null {
  if (links.length === 0) return null;
  const name = 'send-buffer';
  const far = `${formatMs(roundTripMs)} there and back`;
  if (roundTripMs < roundTripMsMin)
    return { name, mark: 'ok', detail: `${far}: near enough for one connection to carry all` };
  if (sendBufferBytes === null)
    return { name, mark: 'unknown', detail: `${far}; the brokers' socket.send.buffer.bytes can't be seen` };
  if (sendBufferBytes < 0) {
    const detail = `${far}; socket.send.buffer.bytes is -1: the brokers' system grows its buffers by itself${memory(roundTripMs, advisedBufferBytes, links)}`;
    return { name, mark: 'ok', detail };
  }
  const one = rate(sendBufferBytes, roundTripMs);
  const parts = [
    far,
    `one connection carries ${formatBytesPerSecond(one)} with socket.send.buffer.bytes=${sendBufferBytes} (${formatBytes(sendBufferBytes)})`,
    ...links.map((link) => linkWords(link, one)),
  ];
  const detail = parts.join('; ');
  if (one >= enoughBytesPerSecond)
    return { name, mark: 'ok', detail: `${detail}${memory(roundTripMs, sendBufferBytes, links)}` };
  const advised = rate(advisedBufferBytes, roundTripMs);
  const gain = advisedBufferBytes / sendBufferBytes;
  const buffer = `set socket.send.buffer.bytes=${advisedBufferBytes} on the brokers (or -1, where Linux grows it; a restart of each; net.core.wmem_max has to allow it): one connection then carries up to ${formatBytesPerSecond(advised)}, ${Math.round(gain)} times as much`;
  const few = links.filter((link) => connectionsOf(link) < usefulConnections(link)).map(connectionWords);
  return { name, mark: 'advice', detail, remedy: [buffer, ...few].join('; or ') };
}

/** What a buffer in each round trip comes to, in bytes a second. */
function rate(bufferBytes: number, roundTripMs: number): number {
  return (bufferBytes / roundTripMs) * 1_000;
}

function usefulConnections({ partitions }: ReadingLink): number {
  return Math.max(1, Math.min(autoConnectionsMax, partitions));
}

/** More than partitions carry nothing. */
function connectionsOf(link: ReadingLink): number {
  const { fetchConnections, partitions } = link;
  return fetchConnections === 'auto'
    ? usefulConnections(link)
    : Math.min(fetchConnections, Math.max(1, partitions));
}

function linkWords(link: ReadingLink, one: number): string {
  const count = connectionsOf(link);
  const how =
    link.fetchConnections === 'auto'
      ? `${plural(count, 'connection')} at most (auto)`
      : plural(count, 'connection');
  return `${link.name} reads ${plural(link.partitions, 'partition')} of a broker over ${how}: ${formatBytesPerSecond(count * one)}`;
}

function connectionWords(link: ReadingLink): string {
  const [now, then] = [connectionsOf(link), usefulConnections(link)];
  return `fetchConnections: auto in ${link.name}: ${plural(then, 'connection')} carry ${Math.round((10 * then) / now) / 10} times what ${now === 1 ? '1 carries' : `${now} carry`}`;
}

/** As much as is on the way is asked for meanwhile, or the way runs dry between two answers: memory is for both. */
function memory(roundTripMs: number, bufferBytes: number, links: readonly ReadingLink[]): string {
  const short = links.filter((link) => link.inFlightBytesMax < 2 * bufferBytes * connectionsOf(link));
  const words = short.map((link) => {
    const carried = formatBytesPerSecond(rate(link.inFlightBytesMax / 2, roundTripMs));
    return `; inFlightBytesMax of ${link.name} is enough for about ${carried}`;
  });
  return words.join('');
}

function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
