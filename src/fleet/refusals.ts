// What the coordinator's refusals say to people: with a way out where there is one, and once rather than with each attempt.
import { grantCommand, isAuthorizationError } from '../client/index.ts';
import { LockstepError } from '../errors.ts';
import { kafkaError } from '../protocol/index.ts';

export class Refusals {
  readonly #group: { readonly cluster: string; readonly groupId: string };
  /** The one that was told last; empty since things have gone well. */
  #told = '';

  constructor(group: { readonly cluster: string; readonly groupId: string }) {
    this.#group = group;
  }

  /** `request`: Kafka's name of what was refused. */
  text(request: string, errorCode: number): string {
    const { name, message } = kafkaError(errorCode);
    const hint = wayOut(errorCode, this.#group.groupId);
    return `${request} was refused with ${name} (${errorCode}): ${message}${hint === null ? '' : ` ${hint}.`}`;
  }

  /** What to tell people; null where that was the last that they were told. */
  news(text: string): string | null {
    if (text === this.#told) return null;
    this.#told = text;
    return `group ${this.#group.groupId}: ${text}`;
  }

  /** It goes well again: the next one is news, even the same. */
  passed(): void {
    this.#told = '';
  }

  /** For those that do not get better by themselves. */
  error(errorCode: number, text: string): LockstepError {
    const { cluster, groupId } = this.#group;
    const code = isAuthorizationError(errorCode) ? 'NOT_AUTHORIZED' : 'KAFKA_ERROR';
    return new LockstepError(code, `cluster ${cluster}: group ${groupId}: ${text}`, {
      detail: { cluster, kafkaError: kafkaError(errorCode).name, number: errorCode },
    });
  }
}

/** What a person can do about a refusal, where there is something to say. */
export function wayOut(errorCode: number, groupId: string): string | null {
  switch (errorCode) {
    case 23: // INCONSISTENT_GROUP_PROTOCOL
      return `The group's members speak no version that this agent speaks, or another application uses the group id ${groupId}: see kafka-consumer-groups --describe --group ${groupId} --members`;
    case 24: // INVALID_GROUP_ID
      return 'Choose another group id';
    case 26: // INVALID_SESSION_TIMEOUT
      return 'Choose a session timeout between group.min.session.timeout.ms and group.max.session.timeout.ms of the brokers';
    case 30: // GROUP_AUTHORIZATION_FAILED
      return `Grant this user READ on group ${groupId}: ${grantCommand('the destination', { operation: 'Read', resource: { group: groupId } })}`;
    case 81: // GROUP_MAX_SIZE_REACHED
      return 'Raise group.max.size of the brokers, or run fewer agents';
    default:
      return null;
  }
}
