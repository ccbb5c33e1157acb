// How a migration is shown, before it is done and after.
import type { BackPlan, GroupsPlan, MigrationPlan, PartitionPlan, TopicPlan } from '../../migrate/index.ts';
import type { Colour } from '../output/marks.ts';
import { formatTable } from '../output/table.ts';
import { plural } from '../output/units.ts';

interface Painter {
  paint(colour: Colour, text: string): string;
}

const colours = {
  continue: 'green',
  taken: 'green',
  lockstep: 'green',
  new: 'green',
  beside: 'yellow',
} as const satisfies Record<TopicPlan['decision'], Colour>;

const numbers = new Set(['PARTITION', 'COMMITTED', 'GOES ON AT', 'REMOTE END', 'SHIFT', 'TO COPY']);

export function planText(plan: MigrationPlan, file: string, painter: Painter): string {
  const titles = [
    ...['TOPIC', 'REMOTE TOPIC', 'DECISION', 'PARTITION'],
    ...['COMMITTED', 'GOES ON AT', 'REMOTE END', 'SHIFT', 'TO COPY', 'REMARK'],
  ];
  const rows = plan.topics.flatMap((topic) => {
    const head = [topic.topic, topic.remoteTopic, painter.paint(colours[topic.decision], topic.decision)];
    if (topic.partitions.length === 0) return [[...head, '', '', '', '', '', '', topic.reason ?? '']];
    return topic.partitions.map((partition) => [...head, ...partitionCells(partition)]);
  });
  const running = plan.members.map(
    ({ memberId, host }) =>
      `MirrorMaker 2 runs: ${memberId} at ${host} (group ${plan.connect.group}); stop all its workers first\n`,
  );
  const unknown = plan.hasConnectOffsets
    ? ''
    : `No topic ${plan.connect.offsetsTopic}: where MirrorMaker 2 stopped is told by the records alone.\n`;
  const title = `Link ${plan.link}: ${plan.source} -> ${plan.destination}\n`;
  const table = formatTable(
    titles.map((name) => ({ title: name, align: numbers.has(name) ? 'right' : 'left' })),
    rows,
  );
  return `${title}${running.join('')}${unknown}${table}${waysOut(plan, file)}`;
}

function partitionCells(partition: PartitionPlan): string[] {
  const { committed, start, remoteEnd, shift, toCopy } = partition;
  const cells = [partition.partition, committed ?? '-', start, remoteEnd, shift, toCopy].map(String);
  return [...cells, remarks(partition)];
}

function remarks(plan: PartitionPlan): string {
  const { uncommittedCount, doubledCount, abortedCount, committed, start } = plan;
  return [
    committed !== null && committed >= start && 'the committed offset lies ahead of what is there',
    uncommittedCount > 0 && `${plural(uncommittedCount, 'record')} copied behind the committed offset`,
    doubledCount > 0 && `${plural(doubledCount, 'record')} copied twice`,
    abortedCount > 0 && `${plural(abortedCount, 'aborted record')} copied (read_uncommitted)`,
  ]
    .filter((remark) => remark !== false)
    .join(', ');
}

/** What a person can do about topics that can't be continued. */
function waysOut({ topics, link }: MigrationPlan, file: string): string {
  const beside = topics.filter(({ decision }) => decision === 'beside');
  if (beside.length === 0) return '';
  const lines = beside.flatMap(({ topic, remoteTopic }) => [
    `${topic}: Lockstep leaves ${remoteTopic} alone (ForeignData). For an identical mirror, either`,
    `  exclude it from link ${link} and mirror it beside, under another prefix, by a link of its own in ${file}:`,
    `    topics: [${topic}]`,
    `    prefix: lockstep.`,
    `  or, when nobody needs what MirrorMaker 2 copied: kafka-topics.sh --delete --topic ${remoteTopic}; Lockstep makes it anew.`,
  ]);
  return `\n${lines.join('\n')}\n`;
}

export function groupsText({ plans, untold }: GroupsPlan): string {
  if (plans.length === 0 && untold.length === 0) return '';
  const rows = plans.flatMap(({ groupId, state, reason, positions }) =>
    positions.map(({ mirrorTopic, partition, destination, commit, wanted }) => [
      ...[
        groupId,
        `${mirrorTopic}-${partition}`,
        String(destination ?? '-'),
        String(commit?.offset ?? wanted),
      ],
      commit === null ? (destination === wanted ? 'there already' : (reason ?? state)) : 'moved',
    ]),
  );
  const lost = untold.map(({ group, topic, partition, source, reason }) => [
    ...[group, `${topic}-${partition}`, '-', '-', `source offset ${source}: ${reason}`],
  ]);
  const titles = ['GROUP', 'PARTITION', 'NOW', 'THEN', ''];
  const columns = titles.map((title, index) => ({
    title,
    align: index === 2 || index === 3 ? ('right' as const) : ('left' as const),
  }));
  return `\n${formatTable(columns, [...rows, ...lost])}`;
}

export function backText({ link, offsetsTopic, topics, unfenced, denials }: BackPlan): string {
  const rows = topics.flatMap(({ topic, remoteTopic, reason, partitions }) =>
    reason !== null
      ? [[topic, remoteTopic, '', '', '', '', reason]]
      : partitions.map(({ partition, before, mirrorEnd, offset }) => [
          ...[topic, remoteTopic, String(partition), String(mirrorEnd ?? '-'), String(before ?? '-')],
          ...[mirrorEnd === null ? '-' : String(offset ?? 'none'), ''],
        ]),
  );
  const titles = ['TOPIC', 'REMOTE TOPIC', 'PARTITION', 'MIRROR END', 'CONNECT SAYS', 'IS TOLD', 'REMARK'];
  const right = new Set(['PARTITION', 'MIRROR END', 'CONNECT SAYS', 'IS TOLD']);
  const table = formatTable(
    titles.map((title) => ({ title, align: right.has(title) ? 'right' : 'left' })),
    rows,
  );
  const warning = [
    ...(unfenced === null ? [] : [unfenced]),
    ...denials.map(
      ({ topic, principal }) =>
        `WRITE on ${topic} is denied to ${principal}; if that is MirrorMaker 2: kafka-acls.sh --remove --deny-principal ${principal} --operation Write --topic ${topic}`,
    ),
  ]
    .map((line) => `${line}\n`)
    .join('');
  return `Link ${link}, offsets in ${offsetsTopic}\n${table}${warning}`;
}
