// The one error class of Lockstep and the closed list of its codes.
// docs/errors.md has a row for each code; a test holds the two together.

/** Exit codes of every command: what a script can tell apart. */
export const exitCodes = {
  /** Done, or yes. */
  ok: 0,
  /** The check says no. */
  no: 1,
  /** The input is wrong. */
  input: 2,
  /** A cluster can't be reached, or refused. */
  cluster: 3,
  /** An error of ours. */
  internal: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Every code, with the exit code of a command that ends with it and whether trying again can help. */
export const errorCodes = {
  CONFIG_INVALID: { exitCode: exitCodes.input, retriable: false },
  USAGE: { exitCode: exitCodes.input, retriable: false },
  FILE_UNREADABLE: { exitCode: exitCodes.input, retriable: false },
  CLUSTER_UNREACHABLE: { exitCode: exitCodes.cluster, retriable: true },
  CONNECTION_CLOSED: { exitCode: exitCodes.cluster, retriable: true },
  REQUEST_TIMED_OUT: { exitCode: exitCodes.cluster, retriable: true },
  REQUEST_QUEUE_FULL: { exitCode: exitCodes.internal, retriable: true },
  CLUSTER_CHANGED: { exitCode: exitCodes.cluster, retriable: false },
  TLS_EXPECTED: { exitCode: exitCodes.cluster, retriable: false },
  TLS_NOT_EXPECTED: { exitCode: exitCodes.cluster, retriable: false },
  TLS_UNTRUSTED: { exitCode: exitCodes.cluster, retriable: false },
  AUTHENTICATION_FAILED: { exitCode: exitCodes.cluster, retriable: false },
  NOT_AUTHORIZED: { exitCode: exitCodes.cluster, retriable: false },
  UNSUPPORTED_VERSION: { exitCode: exitCodes.cluster, retriable: false },
  FRAME_INVALID: { exitCode: exitCodes.cluster, retriable: true },
  FENCED: { exitCode: exitCodes.cluster, retriable: false },
  NO_AGENT: { exitCode: exitCodes.cluster, retriable: false },
  MIRROR_MAKER_RUNS: { exitCode: exitCodes.no, retriable: false },
  AGENT_RUNS: { exitCode: exitCodes.no, retriable: false },
  MIRROR_MOVED: { exitCode: exitCodes.no, retriable: false },
  KAFKA_ERROR: { exitCode: exitCodes.cluster, retriable: false },
  BATCH_CORRUPT: { exitCode: exitCodes.cluster, retriable: false },
  BATCH_UNSUPPORTED: { exitCode: exitCodes.cluster, retriable: false },
  CODEC_INPUT_INVALID: { exitCode: exitCodes.internal, retriable: false },
  TOOL_MISSING: { exitCode: exitCodes.input, retriable: false },
  DOWNLOAD_FAILED: { exitCode: exitCodes.internal, retriable: true },
  REGION_FAILED: { exitCode: exitCodes.internal, retriable: false },
  INTERNAL: { exitCode: exitCodes.internal, retriable: false },
} as const satisfies Record<string, { exitCode: ExitCode; retriable: boolean }>;
export type ErrorCode = keyof typeof errorCodes;

/** What an error carries besides its message: never secrets, never record content. */
export type ErrorDetail = Readonly<Record<string, string | number | bigint | boolean | null>>;

/**
 * An expected failure with a stable code. The message says what failed, where (cluster, topic, partition,
 * offset) and what to do; `detail` has the same facts for programs.
 */
export class LockstepError extends Error {
  readonly code: ErrorCode;
  /** Whether trying the same again can succeed; the code's own answer unless told otherwise. */
  readonly retriable: boolean;
  readonly detail: ErrorDetail;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; detail?: ErrorDetail; retriable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LockstepError';
    this.code = code;
    this.retriable = options.retriable ?? errorCodes[code].retriable;
    this.detail = options.detail ?? {};
  }

  get exitCode(): ExitCode {
    return errorCodes[this.code].exitCode;
  }
}
