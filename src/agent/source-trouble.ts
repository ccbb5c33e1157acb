// Why a link's source can't be read, in words for people.
import type { LockstepError } from '../errors.ts';

export function sourceTrouble(link: string, { code, message, detail }: LockstepError): string {
  if (code !== 'CLUSTER_CHANGED') return message;
  return (
    `link ${link}: the source was cluster ${detail.from} and is ${detail.to} now; nothing is copied. Point the link at ` +
    'the former cluster, or delete it and create it anew'
  );
}
