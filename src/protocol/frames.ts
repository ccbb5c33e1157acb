// Whole requests and responses with their headers (KIP-482 header versions), in both directions.

import { decodeMessageWithEnd, writeMessage } from './codec.ts';
import { RequestHeader } from './messages/request-header.ts';
import { ResponseHeader } from './messages/response-header.ts';
import { invalidFrame, Reader } from './reader.ts';
import { type Api, type Input, includes } from './schema.ts';
import { Writer } from './writer.ts';

const apiVersionsKey = 18;
const lengthBytes = 4;

export interface RequestEnvelope {
  readonly correlationId: number;
  readonly clientId: string | null;
}

function requestHeaderVersion(api: Api<unknown, unknown>, version: number): number {
  return includes(api.request.flexible, version) ? 2 : 1;
}

/** An ApiVersions answer always has header v0: the client does not know the versions yet (KIP-511). */
function responseHeaderVersion(api: Api<unknown, unknown>, version: number): number {
  return api.key !== apiVersionsKey && includes(api.response.flexible, version) ? 1 : 0;
}

/** A complete frame, its 4-byte length first, as parts for one vectored write. Records are not copied. */
export function encodeRequest<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  envelope: RequestEnvelope,
  input: Input<Req>,
): Buffer[] {
  const writer = new Writer();
  const header = { requestApiKey: api.key, requestApiVersion: version, ...envelope };
  writeMessage(RequestHeader, requestHeaderVersion(api as Api<unknown, unknown>, version), header, writer);
  writeMessage(api.request, version, input, writer);
  return withLength(writer);
}

/** Reads a request. `frame` comes without its length. */
export function decodeRequest<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  frame: Buffer,
): { correlationId: number; clientId: string | null; body: Req } {
  const headerVersion = requestHeaderVersion(api as Api<unknown, unknown>, version);
  const { value: header, end } = decodeMessageWithEnd(RequestHeader, headerVersion, frame);
  const { value: body } = decodeMessageWithEnd(api.request, version, frame, end);
  return { correlationId: header.correlationId, clientId: header.clientId, body };
}

/** The API key and version that a request frame starts with. @throws LockstepError FRAME_INVALID */
export function peekRequest(frame: Buffer): { apiKey: number; version: number } {
  if (frame.length < 4) throw invalidFrame(`a request of ${frame.length} bytes`);
  const reader = new Reader(frame);
  return { apiKey: reader.int16(), version: reader.int16() };
}

export function encodeResponse<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  correlationId: number,
  input: Input<Res>,
): Buffer[] {
  const writer = new Writer();
  writeMessage(
    ResponseHeader,
    responseHeaderVersion(api as Api<unknown, unknown>, version),
    { correlationId },
    writer,
  );
  writeMessage(api.response, version, input, writer);
  return withLength(writer);
}

/** Reads an answer. `frame` comes without its length; records are slices of it. */
export function decodeResponse<Req, Res>(
  api: Api<Req, Res>,
  version: number,
  frame: Buffer,
): { correlationId: number; body: Res } {
  const headerVersion = responseHeaderVersion(api as Api<unknown, unknown>, version);
  const { value: header, end } = decodeMessageWithEnd(ResponseHeader, headerVersion, frame);
  const { value: body } = decodeMessageWithEnd(api.response, version, frame, end);
  return { correlationId: header.correlationId, body };
}

function withLength(writer: Writer): Buffer[] {
  const length = Buffer.allocUnsafe(lengthBytes);
  length.writeInt32BE(writer.sizeBytes, 0);
  return [length, ...writer.finish()];
}
