// The public door of the room: what the user declares in lockstep.yaml.
export { nearestName } from './did-you-mean.ts';
export { type LoadOptions, loadTopology, parseTopology } from './load.ts';
export { isInternalTopic, literalTopics, matchesTopic } from './topic-filter.ts';
export type { LinkConfig, LocalRegionConfig, Topology } from './types.ts';
