// What the API answers, as data: one entry per path. The server serves them, the OpenAPI document lists them, and the
// tests walk them.
import type { AgentView, LinkView } from '../view.ts';
import type * as answers from './answers.ts';
import {
  showAgents,
  showGroups,
  showLinkDetails,
  showLinks,
  showMirrorDetails,
  showMirrors,
} from './show.ts';

export interface Route {
  /** In OpenAPI's form: `/v1/links/{link}`. */
  readonly path: string;
  readonly summary: string;
  /** By name: only the OpenAPI document needs the schemas themselves. */
  readonly schema: keyof typeof answers;
  /** @throws NotFound */
  answer(view: AgentView, parameters: Readonly<Record<string, string>>): unknown;
}

/** There is no such link, mirror or path. */
export class NotFound extends Error {}

export const routes: readonly Route[] = [
  {
    path: '/v1/agents',
    summary: 'The fleet',
    schema: 'agents',
    answer: (view) => showAgents(view),
  },
  {
    path: '/v1/links',
    summary: 'All links',
    schema: 'links',
    answer: (view) => ({ atMs: view.atMs, links: showLinks(view) }),
  },
  {
    path: '/v1/links/{link}',
    summary: 'One link with its configuration and its mirrors',
    schema: 'linkDetails',
    answer: (view, { link }) => showLinkDetails(view, linkOf(view, link)),
  },
  {
    path: '/v1/links/{link}/mirrors',
    summary: 'The mirrors of a link',
    schema: 'mirrors',
    answer: (view, { link }) => ({ atMs: view.atMs, mirrors: showMirrors(view, linkOf(view, link)) }),
  },
  {
    path: '/v1/links/{link}/mirrors/{topic}',
    summary: 'One mirror with its partitions, by the name of the topic at the source',
    schema: 'mirrorDetails',
    answer: (view, { link, topic = '' }) => {
      const found = showMirrorDetails(view, linkOf(view, link), topic);
      if (found === null) throw new NotFound(`link ${link} has no mirror of topic ${topic}`);
      return found;
    },
  },
  {
    path: '/v1/links/{link}/groups',
    summary: 'The consumer groups of a link',
    schema: 'groups',
    answer: (view, { link }) => showGroups(view, [linkOf(view, link)]),
  },
  {
    path: '/v1/groups',
    summary: 'The consumer groups of all links',
    schema: 'groups',
    answer: (view) => showGroups(view, view.links),
  },
];

function linkOf(view: AgentView, name: string | undefined): LinkView {
  const link = view.links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  const known = view.links.map((candidate) => candidate.name).join(', ');
  throw new NotFound(
    `there is no link ${name}; ${known === '' ? 'none is declared' : `there are: ${known}`}`,
  );
}
