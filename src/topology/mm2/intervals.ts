// Intervals in seconds, as Lockstep's durations.

import { booleanOf, wholeNumberOf } from './java-values.ts';
import { arrow, type Flow, flowProperty } from './settings.ts';
import type { PropertiesFile, Property, Reporter } from './types.ts';

/** A link looks at everything at least once an hour. */
const secondsMax = 3_600;
const javaLongMax = 9_007_199_254_740_991;

export interface Told {
  readonly file: PropertiesFile;
  readonly report: Reporter;
}

/** A value and the property that gave it. */
export interface Found<Value> {
  readonly value: Value;
  readonly from: Property;
}

/**
 * The interval of a flow as a duration; undefined where it is not set, null where it is negative, which switches the thing off
 * (Scheduler.scheduleRepeating). Longer ones than an hour become an hour, and that is told.
 */
export function intervalOf(
  flow: Flow,
  name: string,
  { file, report }: Told,
): Found<string> | null | undefined {
  const property = flowProperty(file, flow, name);
  if (property === undefined) return undefined;
  const seconds = wholeNumberOf(
    property,
    { min: -javaLongMax, max: javaLongMax },
    report,
    'a whole number of seconds, such as 60',
  );
  if (seconds === undefined) return undefined;
  if (seconds < 0) {
    report.warn(property, `${name} is negative, which switches it off for ${arrow(flow)}`);
    return null;
  }
  if (seconds === 0) {
    report.fault(property, { found: '0', expected: 'at least 1, or -1 to switch it off' });
    return undefined;
  }
  if (seconds > secondsMax)
    report.warn(property, `${seconds} s: at most ${secondsMax} s here, so every hour`);
  return { value: `${Math.min(seconds, secondsMax)}s`, from: property };
}

/** A boolean of a flow; the default where it is not set, or wrong. */
export function flagOf(flow: Flow, name: string, byDefault: boolean, { file, report }: Told): boolean {
  const property = flowProperty(file, flow, name);
  return (property && booleanOf(property, report)) ?? byDefault;
}

/** A replication factor; undefined where it is not set or -1, the broker's default. */
export function replicationFactorOf(
  flow: Flow,
  name: string,
  { file, report }: Told,
): Found<number> | undefined {
  const property = flowProperty(file, flow, name);
  const value = property && wholeNumberOf(property, { min: -1, max: 32_767 }, report);
  if (property === undefined || value === undefined || value === -1) return undefined;
  if (value === 0) report.fault(property, { found: '0', expected: 'a whole number from 1 to 32767, or -1' });
  return value === 0 ? undefined : { value, from: property };
}
