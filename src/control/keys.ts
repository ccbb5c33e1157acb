// The keys of the control topic. Names of links, topics and agents have no '/', so a key can be taken apart again.

export const linkKey = (name: string): string => `link/${name}`;
export const mirrorKey = (mirror: { readonly link: string; readonly sourceTopic: string }): string =>
  `mirror/${mirror.link}/${mirror.sourceTopic}`;
export const statusKey = (at: {
  readonly link: string;
  readonly topic: string;
  readonly partition: number;
}): string => `status/${at.link}/${at.topic}/${at.partition}`;
/** Of a link, or of one of its topics. */
export const conditionKey = (link: string, topic?: string): string =>
  topic === undefined ? `condition/${link}` : `condition/${link}/${topic}`;
export const agentKey = (id: string): string => `agent/${id}`;
export const commandKey = (id: string): string => `command/${id}`;
export const answerKey = (id: string): string => `answer/${id}`;
export const rolesKey = (group: string): string => `roles/${group}`;
/** There is one set of rules in a fleet. */
export const residencyRules = 'residency';
export const rulesKey = `rules/${residencyRules}`;
export const originsKey = (link: string): string => `origins/${link}`;
export const moveKey = (move: { readonly group: string; readonly id: string }): string =>
  `move/${move.group}/${move.id}`;
/** What a failover left behind of one topic; `topic` empty: the prefix of all. */
export const lossKey = (move: { readonly group: string; readonly id: string }, topic: string): string =>
  `loss/${move.group}/${move.id}/${topic}`;
