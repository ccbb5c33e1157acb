// What a failover now would cost, topic by topic.
import type { MirrorLag } from '../../failover/index.ts';
import { formatTable } from '../output/table.ts';
import { formatCount, formatDuration } from '../output/units.ts';

/** Those that lose most come first; a screen has no room for more. */
const rowsMax = 20;
const unknown = '?';

export function lossTable(lags: readonly MirrorLag[]): string {
  const rows = [...lags]
    .sort((a, b) =>
      a.loss.recordsMin === b.loss.recordsMin
        ? a.topic < b.topic
          ? -1
          : 1
        : a.loss.recordsMin < b.loss.recordsMin
          ? 1
          : -1,
    )
    .slice(0, rowsMax)
    .map((lag) => [
      lag.topic,
      String(lag.partitionCount),
      lag.loss.unseenCount === lag.partitionCount ? unknown : formatCount(lag.sourceEnd),
      lag.loss.unseenCount === lag.partitionCount ? unknown : formatCount(lag.mirrorEnd),
      `${lag.loss.unseenCount > 0 ? `${unknown} ` : ''}${formatCount(lag.loss.recordsMin)}`,
      lag.behindMs === null ? unknown : formatDuration(lag.behindMs),
      lag.loss.heardAgoMs === null ? 'never' : `${formatDuration(lag.loss.heardAgoMs)} ago`,
      lag.loss.perSecond === null ? unknown : formatCount(Math.round(lag.loss.perSecond)),
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
