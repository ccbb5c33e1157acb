// What a broker refused, in words. Brokers tell only what kind of thing it was: the right that is missing is named here.
import {
  describeRight,
  type GrantedOperation,
  grantCommand,
  isAuthorizationError,
} from '../../client/index.ts';
import { kafkaError } from '../../protocol/index.ts';

/** CORRUPT_MESSAGE, the code under which the machine hears of records that can't be read. */
export const corruptMessage = 2;

/** `NOT_LEADER_OR_FOLLOWER`; `TOPIC_AUTHORIZATION_FAILED: needed is READ on topic orders: kafka-acls ...` */
export function refusalOf(
  errorCode: number,
  { side, ...right }: { operation: GrantedOperation; topic: string; side: 'source' | 'destination' },
): string {
  const { name } = kafkaError(errorCode);
  if (!isAuthorizationError(errorCode)) return name;
  return `${name}: ${neededOn(right)} at the ${side}: ${grantCommand(`the ${side}`, rightOn(right), 'user of the agent')}`;
}

/** `needed is READ on topic orders` */
export function neededOn(right: { operation: GrantedOperation; topic: string }): string {
  return `needed is ${describeRight(rightOn(right))}`;
}

function rightOn({ operation, topic }: { operation: GrantedOperation; topic: string }) {
  return { operation, resource: { topic } };
}
