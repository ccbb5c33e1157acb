// Kafka's wire protocol as data, and the codec.
export { decodeMessage, encodeToBuffer } from './codec.ts';
export { kafkaError, kafkaErrors } from './errors.ts';
export { decodeRequest, decodeResponse, encodeRequest, encodeResponse, peekRequest } from './frames.ts';
export { apis, apisByKey } from './messages/apis.ts';
export * from './messages/index.ts';
export { type Api, type Input, zeroUuid } from './schema.ts';
