// Messages to bytes and back. One codec serves every API, every version, both directions: for each message and
// version a reader and a writer are composed once (coders.ts) and kept.
import { LockstepError } from '../errors.ts';
import { structCoder } from './coders.ts';
import { invalidFrame, Reader } from './reader.ts';
import { type Input, includes, type MessageSchema } from './schema.ts';
import type { Coder } from './value-coders.ts';
import { Writer } from './writer.ts';

/** @throws LockstepError CODEC_INPUT_INVALID for a wrong value, UNSUPPORTED_VERSION for a field the version lacks. */
export function encodeMessage<T>(schema: MessageSchema<T>, version: number, input: Input<T>): Buffer[] {
  const writer = new Writer();
  writeMessage(schema, version, input, writer);
  return writer.finish();
}

export function encodeToBuffer<T>(schema: MessageSchema<T>, version: number, input: Input<T>): Buffer {
  return Buffer.concat(encodeMessage(schema, version, input));
}

/** Reads a message; bytes and records are slices of `buffer`. @throws LockstepError FRAME_INVALID. */
export function decodeMessage<T>(schema: MessageSchema<T>, version: number, buffer: Buffer, start = 0): T {
  return decodeMessageWithEnd(schema, version, buffer, start).value;
}

/** As `decodeMessage`, with the position behind the message. */
export function decodeMessageWithEnd<T>(
  schema: MessageSchema<T>,
  version: number,
  buffer: Buffer,
  start = 0,
): { value: T; end: number } {
  const coder = coderOf(schema, version);
  const reader = new Reader(buffer, start);
  try {
    const value = coder.read(reader) as T;
    return { value, end: reader.position };
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    // Buffer's own bounds check; anything else is an error of ours and must not pass for the peer's.
    if (!(error instanceof RangeError)) throw error;
    throw invalidFrame(
      `${schema.name} v${version} ends too early, at byte ${reader.position} of ${buffer.length}`,
      error,
    );
  }
}

export function writeMessage<T>(
  schema: MessageSchema<T>,
  version: number,
  input: Input<T>,
  writer: Writer,
): void {
  const coder = coderOf(schema, version);
  try {
    coder.write(writer, input as never);
  } catch (error) {
    if (error instanceof LockstepError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LockstepError('CODEC_INPUT_INVALID', `${schema.name} v${version} can't be written: ${reason}`, {
      cause: error,
    });
  }
}

const coders = new WeakMap<object, Map<number, Coder>>();

function coderOf(schema: MessageSchema<unknown>, version: number): Coder {
  let versions = coders.get(schema);
  if (versions === undefined) {
    versions = new Map();
    coders.set(schema, versions);
  }
  let coder = versions.get(version);
  if (coder === undefined) {
    if (!includes(schema.versions, version)) {
      const [min, max] = schema.versions;
      throw new LockstepError(
        'UNSUPPORTED_VERSION',
        `${schema.name} has the versions ${min} to ${max}, not ${version}.`,
      );
    }
    const flexible = includes(schema.flexible, version);
    coder = structCoder(schema, { message: schema.name, version, flexible });
    versions.set(version, coder);
  }
  return coder;
}
