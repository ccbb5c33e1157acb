// What is seen of a contestant at one moment, and what two such moments tell. Pure.
import type { Figures } from './figures.ts';

/** A gigabyte and a megabyte are decimal here, as in docs/performance.md. */
const bytesPerGb = 1e9;
const bytesPerMb = 1e6;

/** What was seen at one moment. */
export interface Look {
  readonly at: number;
  readonly offsets: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly sourceCpuSeconds: number;
  readonly destinationCpuSeconds: number;
}

/** Of the source's log, on average. */
export interface PerOffset {
  readonly bytesPerOffset: number;
  readonly recordsPerOffset: number;
}

/** What happened between two looks. Several destinations count as often: bytes are those delivered. */
export function figuresOf(
  from: Look,
  last: Look,
  how: PerOffset & { readonly startSeconds: number },
): Figures {
  const offsets = last.offsets - from.offsets;
  const seconds = (last.at - from.at) / 1000;
  const cpuSeconds = last.cpuSeconds - from.cpuSeconds;
  const [bytes, records] = [offsets * how.bytesPerOffset, offsets * how.recordsPerOffset];
  const gb = bytes / bytesPerGb;
  return {
    cpuSecondsPerGb: cpuSeconds / gb,
    cpuMicrosecondsPerRecord: (cpuSeconds * 1e6) / records,
    corePercent: (100 * cpuSeconds) / seconds,
    megabytesPerSecond: bytes / bytesPerMb / seconds,
    recordsPerSecond: records / seconds,
    peakRssMb: last.peakRssBytes / bytesPerMb,
    sourceBrokerCpuSecondsPerGb: (last.sourceCpuSeconds - from.sourceCpuSeconds) / gb,
    destinationBrokerCpuSecondsPerGb: (last.destinationCpuSeconds - from.destinationCpuSeconds) / gb,
    startSeconds: how.startSeconds,
    seconds,
  };
}

/**
 * What it took to copy all, from the first record and from the start of the process. Who was stopped before is credited with
 * the pace until then: a note says how far it was.
 */
export function finishOf({
  first,
  last,
  startedAt,
  wantedOffsets,
  how,
  title,
}: {
  readonly first: Look;
  readonly last: Look;
  readonly startedAt: number;
  readonly wantedOffsets: number;
  readonly how: PerOffset;
  readonly title: string;
}): { figures: Figures; note: string | null } {
  const startSeconds = (first.at - startedAt) / 1000;
  const share = last.offsets / wantedOffsets;
  const finishSeconds = (last.at - first.at) / 1000 / share;
  const figures = {
    ...figuresOf(first, last, { ...how, startSeconds }),
    ...{ finishSeconds, startToFinishSeconds: startSeconds + finishSeconds },
    // Of all records over all of the time: the first look may come late.
    recordsPerSecond: (wantedOffsets * how.recordsPerOffset) / finishSeconds,
  };
  const percent = (share * 100).toFixed(1);
  const seconds = ((last.at - first.at) / 1000).toFixed(0);
  return {
    figures,
    note:
      share < 1
        ? `${title}: ${percent} % of the offsets after ${seconds} s; its time until all is copied is that pace's`
        : null,
  };
}
