// The audit for people: a line for each region that a topic is in, then what must not be.
import { formatAge, unknown } from '../fleet/format.ts';
import type { Output } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { formatCount, plural } from '../output/units.ts';
import type { AuditedPlace, AuditReport } from './audit.ts';

const none = '-';

export function auditText(report: AuditReport, output: Output): string {
  const { clusters, topics, rules, forbiddenCount, isComplete, atMs } = report;
  const wrong = topics.flatMap(({ places }) => places.filter(({ forbiddenBy }) => forbiddenBy !== null));
  const out = topics.flatMap(({ places }) => places.filter(({ kind }) => kind === 'kept out'));
  const away = clusters.filter(({ problem }) => problem !== null);
  return [
    formatTable(
      ['REGION', 'LABELS', 'RULES', 'STATE'].map((title) => ({ title })),
      clusters.map(({ name, labels, rulesGeneration, problem }) => [
        name,
        labelsText(labels),
        problem !== null ? unknown : rulesGeneration === null ? 'none' : `generation ${rulesGeneration}`,
        problem === null ? 'answers' : output.paint('red', `NOT ASKED: ${problem}`),
      ]),
    ),
    ...clusters.flatMap(({ name, rulesDiffer }) =>
      rulesDiffer.length === 0
        ? []
        : [
            `${output.mark('advice')}  ${name} does not keep the rules of the file: ${rulesDiffer.join('; ')}\n`,
          ],
    ),
    '\n',
    topics.length === 0
      ? 'no topics\n'
      : formatTable(
          [
            ...['TOPIC', 'LABELS', 'REGION', 'CALLED', 'AS', 'BY LINK', 'STATE', 'SINCE'].map((title) => ({
              title,
            })),
            { title: 'LAG', align: 'right' },
            { title: 'RULE' },
          ],
          topics.flatMap(({ cluster, topic, labels, places }) =>
            places.map((place, index) => [
              index === 0 ? `${cluster}/${topic}` : '',
              index === 0 ? labels.join(', ') || none : '',
              place.cluster,
              place.topic,
              place.kind,
              place.link ?? none,
              place.state ?? none,
              place.sinceMs === null ? none : formatAge(place.sinceMs, atMs),
              place.lagRecords === null ? none : formatCount(place.lagRecords),
              ruleCell(place, output),
            ]),
          ),
        ),
    ...(out.length === 0 ? [] : ['\n']),
    ...out.map(({ cluster, link, reason }) => `kept out of ${cluster} on link ${link}: ${reason}\n`),
    ...(wrong.length === 0 ? [] : ['\n']),
    ...wrong.map(
      ({ cluster, topic, forbiddenBy }) =>
        `${output.mark('bad')}  ${topic} must not be in ${cluster}: ${forbiddenBy!.reason}\n        ${forbiddenBy!.remedy}\n`,
    ),
    ...(away.length === 0
      ? []
      : [`\nnot complete: ${away.map(({ name }) => name).join(', ')} could not be asked\n`]),
    verdict({ rules, forbiddenCount, isComplete }, output),
  ].join('');
}

function verdict(
  { rules, forbiddenCount, isComplete }: Pick<AuditReport, 'rules' | 'forbiddenCount' | 'isComplete'>,
  output: Output,
): string {
  if (rules.length === 0) return '\nno rules are known, so nothing is held against where topics are\n';
  if (forbiddenCount > 0)
    return `\n${output.mark('bad')}  ${plural(forbiddenCount, 'topic')} where a rule forbids them\n`;
  const where = isComplete ? '' : ' in the regions that answered';
  return `\n${output.mark('ok')}  no data where a rule forbids it${where}\n`;
}

function ruleCell({ forbiddenBy, kind }: AuditedPlace, output: Output): string {
  if (forbiddenBy !== null) return output.paint('red', `BREAKS ${forbiddenBy.rule}`);
  return kind === 'kept out' ? 'kept out' : none;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const text = Object.entries(labels).map(([key, value]) => `${key}: ${value}`);
  return text.length === 0 ? none : text.join(', ');
}
