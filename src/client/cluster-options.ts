// What may be set for the client of one cluster, for one request, and for a connection of one's own.

import type { AnswerDigest } from './answer-digest.ts';
import type { VersionChoice } from './api-versions.ts';
import type { Clock, Random } from './clock.ts';
import type { ConnectionOptions } from './connection-options.ts';
import type { CoordinatorKey } from './coordinators.ts';
import type { FramePool } from './frame-pool.ts';
import type { TopicIdChange } from './metadata.ts';
import type { KafkaRight } from './rights.ts';

export interface ClusterOptions {
  /** Memory for responses of dedicated connections. Default: one pool for this cluster, 64 MiB kept. */
  readonly framePool?: FramePool;
  /** A response above this ends its connection, bytes. Default 128 MiB. */
  readonly frameBytesMax?: number;
  /** Time for one answer, ms. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** Time for one connection attempt, ms. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Time for one request with all its retries, ms. Default 60 s, as default.api.timeout.ms. */
  readonly deadlineMs?: number;
  /** Leaders are looked up again, in the background, when they are asked for and older than this, ms. Default 5 min, as metadata.max.age.ms. */
  readonly metadataAgeMsMax?: number;
  /** Kafka's id of the cluster that is meant: at another one every request fails with CLUSTER_CHANGED. Default: the first that is met. */
  readonly clusterId?: string;
  /** Told when a topic lives under its name with another id. */
  readonly onTopicIdChange?: (change: TopicIdChange) => void;
  /** Told in words when newer credentials can't be read or are refused; the former ones stay in use. */
  readonly onWarning?: (text: string) => void;
  /** Newer credentials are looked for so often, besides at each connection and login, ms. Default 10 s. */
  readonly credentialsCheckMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Where a request goes. */
export type RequestTarget =
  | 'any'
  | 'controller'
  /** A broker id. */
  | number
  | { readonly leaderOf: { readonly topic: string; readonly partition: number } }
  | { readonly coordinatorOf: CoordinatorKey };

export interface RequestOptions<Res> extends VersionChoice {
  /** Default `any`. */
  readonly to?: RequestTarget;
  /** For all attempts together, ms. Default `deadlineMs` of the cluster. */
  readonly timeoutMs?: number;
  /** false: one attempt, for requests that must not be executed twice. Default true. */
  readonly retry?: boolean;
  /** What is asked, in an operator's words, for messages. Default the API's name. */
  readonly what?: string;
  /** What it needs, for messages, by the error number where that differs. */
  readonly right?: KafkaRight | ((number: number) => KafkaRight);
  /**
   * The Kafka error number that decides about the whole answer, with the broker's words; 0 for fine. Default:
   * `errorCode` and `errorMessage` at the top of the answer, where it has them.
   */
  readonly errorOf?: (body: Res) => { number: number; message?: string | null };
  /** As in `SendOptions`. */
  readonly digest?: AnswerDigest;
}

export interface OpenConnectionOptions
  extends Pick<
    ConnectionOptions,
    'readBufferBytes' | 'frameBytesMax' | 'requestTimeoutMs' | 'framePool' | 'inFlightRequestsMax'
  > {
  /** What the connection is for, seen by brokers as the end of the client id: `reading`, `appending`. */
  readonly purpose?: string;
}
