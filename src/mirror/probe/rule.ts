// What a rule of the probe is: data, so that doctor can list it, and a trial that says what was seen.
import type { ProbeLog } from './probe-log.ts';

export interface Finding {
  readonly held: boolean;
  /** What the broker did, in words. */
  readonly seen: string;
}

export interface ProbeRule {
  readonly id: string;
  /** The rule in a few words. */
  readonly rule: string;
  /** What a broker that a mirror can use does. */
  readonly expected: string;
  /** Which of Lockstep's abilities is lost without it. */
  readonly needs: 'append' | 'marker' | 'source' | 'start';
  readonly trial: (log: ProbeLog) => Promise<Finding>;
}
