// Which topics a link is about on one cluster, and what we may do with each.
import {
  authorizedOperations,
  type Cluster,
  createTopics,
  isAuthorizationError,
} from '../../client/index.ts';
import { apis } from '../../protocol/index.ts';
import { type LinkConfig, literalTopics, matchesTopic } from '../../topology/index.ts';
import type { Creatable, TopicRights } from './rights.ts';

const topicsPerRequest = 500;
/** Metadata tells rights from version 8 on (KIP-430); from 4 on it can promise not to create topics. */
const metadataVersionMin = 4;
/** More topics than this are not tried one by one. */
const creatableMax = 100;

/** Topics that the link takes: of those that are known to be there, and those that the file names. */
export function topicsTaken(link: LinkConfig, there: Iterable<string>): string[] {
  return [...new Set([...there, ...literalTopics(link)])].filter((topic) => matchesTopic(link, topic));
}

/** What we may do with each of these topics, in the order of their names. */
export async function topicRights(cluster: Cluster, topics: Iterable<string>): Promise<TopicRights[]> {
  const wanted = [...new Set(topics)];
  const rights: TopicRights[] = [];
  for (let i = 0; i < wanted.length; i += topicsPerRequest) {
    rights.push(...(await askRights(cluster, wanted.slice(i, i + topicsPerRequest))));
  }
  return rights.sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

async function askRights(cluster: Cluster, topics: readonly string[]): Promise<TopicRights[]> {
  const answer = await cluster.request(
    apis.Metadata,
    (version) => ({
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
      ...(version >= 8 && { includeTopicAuthorizedOperations: true }),
    }),
    { versionMin: metadataVersionMin, what: 'describing our rights on topics' },
  );
  return answer.topics.map(({ name, errorCode, topicAuthorizedOperations }) => ({
    topic: name ?? '',
    state: errorCode === 0 ? 'there' : isAuthorizationError(errorCode) ? 'denied' : 'absent',
    operations: errorCode === 0 ? authorizedOperations(topicAuthorizedOperations) : null,
  }));
}

/** Whether the absent ones could be created, by a request that only validates. */
export async function creatableTopics(
  cluster: Cluster,
  topics: readonly TopicRights[],
): Promise<Creatable[]> {
  const absent = topics.filter((topic) => topic.state === 'absent').slice(0, creatableMax);
  if (absent.length === 0) return [];
  const outcomes = await createTopics(
    cluster,
    absent.map(({ topic }) => ({ name: topic, partitionCount: 1 })),
    { validateOnly: true },
  );
  return absent.map(({ topic }) => {
    const outcome = outcomes.get(topic);
    return { topic, allowed: outcome === undefined || outcome.ok || outcome.error.code !== 'NOT_AUTHORIZED' };
  });
}
