// Turns an error number out of a Kafka response into an error of ours: what was asked, of which cluster, what
// Kafka answered, what to do. Rights that are missing get a code of their own, because the way out is another.
import { LockstepError } from '../errors.ts';
import { kafkaError } from '../protocol/index.ts';
import { describeRight, grantCommand, type KafkaRight } from './rights.ts';

/** Kafka's *_AUTHORIZATION_FAILED: TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, DELEGATION_TOKEN. */
const authorizationErrors: ReadonlySet<number> = new Set([29, 30, 31, 53, 65]);

/** How brokers begin when they print a request of their own, as they do where ACLs are refused: no words for people. */
const innards = /^Request Request\(/;

/** What to do, for the errors that people meet. */
const waysOut: Readonly<Record<number, string>> = {
  3: 'Check the name, and that this user may describe it',
  10: 'Raise max.message.bytes of the topic, or send less at once',
  17: 'Topic names have at most 249 of the characters a-z A-Z 0-9 . _ -',
  36: 'It exists already',
  37: 'Ask for more partitions than there are',
  38: 'Use at most as many replicas as there are brokers',
  40: 'Check names and values of the settings',
  44: 'A policy of the brokers forbids it',
  54: 'The brokers run no authorizer (authorizer.class.name)',
  58: 'Check the login of this user',
  68: 'The group has members; stop its consumers first',
  69: 'Check the name of the group',
  90: 'Another producer uses this transactional id',
};

/** Of two names that differ by dots and underscores alone, as `a.orders` and `a_orders` do. */
const wayOutOfCollision =
  'Kafka takes . and _ in names for the same (metrics): use another name, prefix or separator, or delete the other topic';

export interface KafkaFailureContext {
  /** Name of the cluster. */
  readonly cluster: string;
  /** What was asked: `CreateTopics`, or `create topic orders`. */
  readonly what: string;
  /** The broker's own words, where the response has some. */
  readonly brokerMessage?: string | null | undefined;
  /** What would be enough: brokers tell only which kind of thing was refused. */
  readonly right?: KafkaRight | undefined;
}

/** Whether this error number says that a right is missing. */
export function isAuthorizationError(number: number): boolean {
  return authorizationErrors.has(number);
}

/** KAFKA_ERROR or NOT_AUTHORIZED, with detail {cluster, kafkaError: name, number}; retriable as Kafka says. */
export function kafkaFailure(number: number, context: KafkaFailureContext): LockstepError {
  const error = kafkaError(number);
  const { cluster, what, brokerMessage, right } = context;
  const told = brokerMessage?.trim().slice(0, 500) ?? '';
  const words = told === '' || innards.test(told) ? error.message : told;
  const denied = isAuthorizationError(number);
  const collides = number === 17 && told.includes('collides');
  const wayOut = denied ? grantOf(cluster, right) : collides ? wayOutOfCollision : waysOut[number];
  const text = `cluster ${cluster}: ${what} was refused with ${error.name} (${number}): ${sentence(words)}${wayOut === undefined ? '' : ` ${wayOut}.`}`;
  return new LockstepError(denied ? 'NOT_AUTHORIZED' : 'KAFKA_ERROR', text, {
    detail: {
      ...{ cluster, kafkaError: error.name, number },
      ...(denied && right !== undefined && { right: describeRight(right) }),
    },
    retriable: error.retriable,
  });
}

function grantOf(cluster: string, right: KafkaRight | undefined): string {
  if (right === undefined) return 'Grant this user the right, or use another user';
  return `Needed is ${describeRight(right)}: ${grantCommand(cluster, right)}`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
