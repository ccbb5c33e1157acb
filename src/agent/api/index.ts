// The HTTP API of an agent.
export type * from './answers.ts';
export { type Api, type ApiOptions, type Readiness, startApi } from './server.ts';
