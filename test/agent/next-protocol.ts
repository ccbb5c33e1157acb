// The next version of the group protocol as a later release may speak it: another encoding altogether, preferred by who
// knows it, and today's with a field more, for groups in which somebody does not.
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { FleetProtocol, MemberView } from '../../src/fleet/index.ts';
import { protocolV1 } from '../../src/fleet/protocol-v1.ts';

const mark = 'two ';
const pack = (value: unknown): Buffer => Buffer.from(mark + JSON.stringify(value));
const unpack = (bytes: Buffer) => JSON.parse(bytes.toString().slice(mark.length));
const withField = (bytes: Buffer): Buffer =>
  deflateRawSync(JSON.stringify({ ...JSON.parse(inflateRawSync(bytes).toString()), later: { x: 1 } }));

const protocolV2: FleetProtocol = {
  name: 'v2',
  encodeMember: (view) => pack({ ...view, load: [...view.load] }),
  decodeMember(bytes): MemberView {
    const view = unpack(bytes);
    return { ...view, load: new Map(view.load) };
  },
  encodeAssignment: pack,
  decodeAssignment: unpack,
};

const laterV1: FleetProtocol = {
  ...protocolV1,
  encodeMember: (view) => withField(protocolV1.encodeMember(view)),
  encodeAssignment: (keys) => withField(protocolV1.encodeAssignment(keys)),
};

/** Preferred first. */
export const nextProtocols: readonly FleetProtocol[] = [protocolV2, laterV1];
