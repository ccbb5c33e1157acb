// A metric family as data: what is made at each scrape and handed to prom-client to be written. Made anew each time, so
// that no series outlives what it tells of, and what is unknown is simply not there.
import { setImmediate } from 'node:timers/promises';
import { type Gauge, Registry } from 'prom-client';
import type { LatencyHistogram } from './latency.ts';

export type Labels = Readonly<Record<string, string | number>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Where it differs from the family's: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly metricName?: string;
}

export class Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly values: Sample[] = [];

  constructor(type: Family['type'], name: string, help: string) {
    this.type = type;
    this.name = name;
    this.help = help;
  }

  /** Null is unknown and leaves nothing behind. */
  add(labels: Labels, value: number | bigint | null): void {
    if (value !== null) this.values.push({ labels, value: Number(value) });
  }

  addHistogram(labels: Labels, histogram: LatencyHistogram): void {
    for (const [le, value] of histogram.buckets())
      this.values.push({ metricName: `${this.name}_bucket`, labels: { ...labels, le }, value });
    this.values.push({ metricName: `${this.name}_sum`, labels, value: histogram.sumSeconds });
    this.values.push({ metricName: `${this.name}_count`, labels, value: histogram.count });
  }
}

/**
 * The families in Prometheus' text format; those without a sample are left out. Ten thousand samples take a while to be
 * written, so that other work gets its turn after each family: mirrors are not to wait for a scrape.
 */
export async function familiesText(families: readonly Family[]): Promise<string> {
  const registry = new Registry();
  let text = '';
  for (const family of families) {
    if (family.values.length === 0) continue;
    // All that a registry asks of a metric is its name and what it holds.
    const metric = { name: family.name, get: async () => family } as unknown as Gauge;
    registry.registerMetric(metric);
    text += `${await registry.getSingleMetricAsString(family.name)}\n\n`;
    await setImmediate();
  }
  return text;
}
