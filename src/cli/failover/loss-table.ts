// What a failover now would cost, topic by topic.
import type { MirrorLag } from '../../failover/index.ts';
import { formatTable } from '../output/table.ts';
import { formatCount, formatDuration } from '../output/units.ts';

/** Those that lose most come first; a screen has no room for more. */
const rowsMax = 20;
const unknown = '?';

export function lossTable(lags: readonly MirrorLag[]): string {
  const rows = [...lags]
    .sort((a, b) => (a.missing === b.missing ? (a.topic < b.topic ? -1 : 1) : a.missing < b.missing ? 1 : -1))
    .slice(0, rowsMax)
    .map((lag) => [
      lag.topic,
      String(lag.partitionCount),
      lag.unknownCount === lag.partitionCount ? unknown : formatCount(lag.sourceEnd),
      formatCount(lag.mirrorEnd),
      `${lag.unknownCount > 0 ? `${unknown} ` : ''}${formatCount(lag.missing)}`,
      lag.behindMs === null ? unknown : formatDuration(lag.behindMs),
      lag.heardAgoMs === null ? 'never' : `${formatDuration(lag.heardAgoMs)} ago`,
      lag.perSecond === null ? unknown : formatCount(Math.round(lag.perSecond)),
      lag.state,
    ]);
  const more = lags.length - rows.length;
  const table = formatTable(
    [
      { title: 'TOPIC' },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'SOURCE END SEEN', align: 'right' },
      { title: 'MIRROR END', align: 'right' },
      { title: 'LOST AT LEAST', align: 'right' },
      { title: 'BEHIND', align: 'right' },
      { title: 'SOURCE HEARD', align: 'right' },
      { title: 'RECORDS/S', align: 'right' },
      { title: 'STATE' },
    ],
    rows,
  );
  return more > 0 ? `${table}and ${formatCount(more)} more topics\n` : table;
}
