// The HTTP API of an agent.
export type * from './answers.ts';
export { type Api, startApi } from './server.ts';
