// The figures that shapes report, with their units and how tables show them.

export interface Figure {
  /** Column of the table. */
  readonly title: string;
  readonly digits: number;
  /** Whether less is better; null where it is neither. */
  readonly isLessBetter: boolean | null;
}

export const figures = {
  cpuSecondsPerGb: { title: 'CPU-s/GB', digits: 2, isLessBetter: true },
  cpuMicrosecondsPerRecord: { title: 'CPU µs/record', digits: 2, isLessBetter: true },
  corePercent: { title: '% of a core', digits: 1, isLessBetter: true },
  megabytesPerSecond: { title: 'MB/s', digits: 0, isLessBetter: false },
  recordsPerSecond: { title: 'records/s', digits: 0, isLessBetter: false },
  peakRssMb: { title: 'peak RSS MB', digits: 0, isLessBetter: true },
  rssMb: { title: 'RSS MB', digits: 0, isLessBetter: true },
  latencyP50Ms: { title: 'p50 ms', digits: 1, isLessBetter: true },
  latencyP90Ms: { title: 'p90 ms', digits: 1, isLessBetter: true },
  latencyP99Ms: { title: 'p99 ms', digits: 1, isLessBetter: true },
  latencyMaxMs: { title: 'max ms', digits: 1, isLessBetter: true },
  lagSecondsMax: { title: 'largest lag s', digits: 2, isLessBetter: true },
  sourceBrokerCpuSecondsPerGb: { title: 'source broker CPU-s/GB', digits: 2, isLessBetter: true },
  destinationBrokerCpuSecondsPerGb: { title: 'destination broker CPU-s/GB', digits: 2, isLessBetter: true },
  finishSeconds: { title: 'first to last record s', digits: 2, isLessBetter: true },
  startToFinishSeconds: { title: 'start to last record s', digits: 2, isLessBetter: true },
  startSeconds: { title: 'start s', digits: 1, isLessBetter: true },
  firstStartSeconds: { title: 'first start s', digits: 1, isLessBetter: true },
  rssGrowth: { title: 'RSS, later to earlier', digits: 2, isLessBetter: true },
  brokersCorePercent: { title: 'brokers, % of a core', digits: 1, isLessBetter: true },
  seconds: { title: 'measured s', digits: 1, isLessBetter: null },
} as const satisfies Record<string, Figure>;

/** What one run of one contestant was measured with; what does not apply to a shape is absent. */
export type Figures = { readonly [name in keyof typeof figures]?: number };
