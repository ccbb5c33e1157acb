// SCRAM users (KIP-554): who has a password, and setting one. Brokers never tell passwords, and are never told one: they
// get a salted hash.
import { pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { apis } from '../../protocol/index.ts';
import type { Cluster } from '../cluster.ts';
import type { RequestOptions } from '../cluster-options.ts';
import { type Outcome, outcomeOf } from './outcome.ts';

/** Kafka's ScramMechanism. */
const mechanisms = {
  'SCRAM-SHA-256': { number: 1, digest: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { number: 2, digest: 'sha512', bytes: 64 },
} as const;
export type ScramMechanism = keyof typeof mechanisms;

/** Kafka takes 4,096 to 16,384; its own tools take 4,096 unless told otherwise. */
const iterations = 8_192;
const saltBytes = 32;

export interface ScramUser {
  readonly name: string;
  readonly mechanisms: readonly ScramMechanism[];
}

/** Everybody who has a SCRAM password in this cluster. Needs DESCRIBE on the cluster. */
export async function describeScramUsers(
  cluster: Cluster,
  options: Pick<RequestOptions<unknown>, 'timeoutMs'> = {},
): Promise<ScramUser[]> {
  const answer = await cluster.request(
    apis.DescribeUserScramCredentials,
    // The empty list means everybody, as null does. To who may not ask, brokers never answer null at all (seen with Kafka
    // 4.3.1: its error response counts the users), and everything behind it on the connection waits.
    { users: [] },
    { ...options, what: 'describing SCRAM users', right: { operation: 'Describe', resource: 'cluster' } },
  );
  return answer.results
    .filter(({ errorCode }) => errorCode === 0)
    .map(({ user, credentialInfos }) => ({
      name: user,
      mechanisms: credentialInfos.flatMap(({ mechanism }) => wordOf(mechanism) ?? []),
    }));
}

/** Sets the password of one user; a former one is overwritten. Needs ALTER on the cluster. */
export async function setScramPassword(
  cluster: Cluster,
  user: { readonly name: string; readonly mechanism: ScramMechanism; readonly password: string },
): Promise<Outcome<void>> {
  const { number, digest, bytes } = mechanisms[user.mechanism];
  const salt = randomBytes(saltBytes);
  // Kafka normalizes neither side's password (ScramFormatter.normalize: UTF-8 as it stands).
  const saltedPassword = await promisify(pbkdf2)(user.password, salt, iterations, bytes, digest);
  const answer = await cluster.request(
    apis.AlterUserScramCredentials,
    { deletions: [], upsertions: [{ name: user.name, mechanism: number, iterations, salt, saltedPassword }] },
    { to: 'controller', what: `creating the SCRAM user ${user.name}` },
  );
  const result = answer.results[0] ?? { errorCode: -1, errorMessage: 'it has no answer' };
  return outcomeOf(cluster, result, `creating the SCRAM user ${user.name}`, () => undefined);
}

function wordOf(number: number): ScramMechanism | undefined {
  return (Object.keys(mechanisms) as ScramMechanism[]).find((name) => mechanisms[name].number === number);
}
