// What a link would certainly break: its literal topics, and patterns of which every topic would. What a pattern may meet
// is decided topic by topic while it runs.
import { literalName } from '../filter.ts';
import { matchesTopic } from '../link-filters.ts';
import type { Flow, ResidencyWorld } from './types.ts';
import { forbidding, violationText } from './verdict.ts';

/** A name that nobody would choose stands for all that a pattern takes. */
const anyName = 'lockstep-any-topic-0';

export interface CertainViolation {
  /** Of the item in the link's `topics`. */
  readonly index: number;
  readonly item: string;
  /** Which rule, and why (`violationText`); `*` where the pattern takes any name. */
  readonly text: string;
}

/** Of each item of `topics`. */
export function certainViolations(world: ResidencyWorld, flow: Flow): CertainViolation[] {
  return flow.topics.flatMap((item, index) => {
    const topic = nameFor(item);
    // The item alone: another one may take the name as well.
    if (!matchesTopic({ ...flow, topics: [item] }, topic)) return [];
    const violation = forbidding(world, flow, topic);
    return violation === null
      ? []
      : [{ index, item, text: violationText(violation).replaceAll(anyName, '*') }];
  });
}

function nameFor(item: string): string {
  const literal = literalName(item, 'topic');
  if (literal !== undefined) return literal;
  return item.startsWith('prefix:') ? `${item.slice('prefix:'.length)}${anyName}` : anyName;
}
