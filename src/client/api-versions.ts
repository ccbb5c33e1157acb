// Which version of each request to speak (KIP-35): the broker says what it knows, we take the highest that
// both know. The first request of every connection.
import type { LockstepError } from '../errors.ts';
import { type Api, type ApiVersionsResponse, apis } from '../protocol/index.ts';
import { type Peer, peerError } from './connect-failure.ts';

/** Versions of one API, both ends included. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** A feature of the cluster with the level that is in force, for example metadata.version. */
export interface FinalizedFeature {
  readonly name: string;
  readonly level: number;
}

/** What a broker says of itself before anything else. */
export interface BrokerVersions {
  readonly apiVersions: ReadonlyMap<number, VersionRange>;
  readonly finalizedFeatures: readonly FinalizedFeature[];
}

/** The name and version that brokers show for us in their metrics and logs (KIP-511). */
const clientSoftware = { clientSoftwareName: 'lockstep', clientSoftwareVersion: '0.1.0' };

/** More APIs than this in one answer are no broker. Kafka 4.3 has 93. */
const apisMax = 1000;

type Send = (version: number, input: object) => Promise<ApiVersionsResponse>;

/**
 * Asks for the broker's versions, in an older way when it does not know the newest (error 35).
 * @throws LockstepError KAFKA_ERROR on another error, FRAME_INVALID on an impossible answer.
 */
export async function negotiateVersions(peer: Peer, send: Send): Promise<BrokerVersions> {
  const ours = apis.ApiVersions.versions;
  let version = ours.max;
  let answer = await send(version, clientSoftware);
  if (answer.errorCode === 35) {
    const theirs = answer.apiKeys.find((entry) => entry.apiKey === apis.ApiVersions.key);
    version = Math.max(ours.min, Math.min(theirs?.maxVersion ?? 0, version - 1));
    answer = await send(version, version >= 3 ? clientSoftware : {});
  }
  if (answer.errorCode !== 0) {
    const text = `ApiVersions was answered with error ${answer.errorCode}.`;
    throw peerError('KAFKA_ERROR', peer, text, { detail: { number: answer.errorCode } });
  }
  if (answer.apiKeys.length > apisMax)
    throw peerError('FRAME_INVALID', peer, 'ApiVersions names too many APIs.');
  const apiVersions = new Map<number, VersionRange>();
  for (const { apiKey, minVersion, maxVersion } of answer.apiKeys)
    apiVersions.set(apiKey, { min: minVersion, max: maxVersion });
  const finalizedFeatures = (answer.finalizedFeatures ?? []).map((feature) => ({
    name: feature.name,
    level: feature.maxVersionLevel,
  }));
  return { apiVersions, finalizedFeatures };
}

export interface VersionChoice {
  /** Exactly this version. */
  readonly version?: number;
  /** No version above this, where a caller relies on something that a later version took away. */
  readonly versionMax?: number;
  /** No version below this, where a caller relies on a field. */
  readonly versionMin?: number;
}

/**
 * The highest version that both sides know.
 * @throws LockstepError UNSUPPORTED_VERSION naming the API, the broker's range and ours.
 */
export function pickVersion(
  peer: Peer,
  api: Api<unknown, unknown>,
  apiVersions: ReadonlyMap<number, VersionRange>,
  choice: VersionChoice = {},
): number {
  const theirs = apiVersions.get(api.key);
  if (theirs === undefined)
    throw unsupported(peer, api, `the broker does not offer ${api.name} (API ${api.key})`);
  const oursMin = Math.max(api.versions.min, choice.version ?? choice.versionMin ?? 0);
  const oursMax = Math.min(api.versions.max, choice.version ?? choice.versionMax ?? api.versions.max);
  const version = Math.min(oursMax, theirs.max);
  if (version >= Math.max(oursMin, theirs.min)) return version;
  const text = `the broker speaks ${api.name} in versions ${theirs.min} to ${theirs.max}, and we need ${oursMin} to ${oursMax}`;
  throw unsupported(peer, api, text);
}

function unsupported(peer: Peer, api: Api<unknown, unknown>, text: string): LockstepError {
  return peerError('UNSUPPORTED_VERSION', peer, `${text}. Is this a Kafka broker of another age?`, {
    detail: { api: api.name, apiKey: api.key },
  });
}
