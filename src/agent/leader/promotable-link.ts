// What promotions need of a link, from its worker and from what the fleet has told.
import type { ControlTopic } from '../../control/index.ts';
import { reportText } from '../../link/groups/index.ts';
import type { LinkWorker } from '../link-worker.ts';
import type { PromotableLink } from './promotions.ts';

export function promotableLink(
  worker: LinkWorker | undefined,
  control: ControlTopic,
): PromotableLink | undefined {
  if (worker === undefined) return undefined;
  return {
    source: worker.source,
    producerId: worker.producerId,
    shiftOf: (topic, partition) => worker.shiftOf(topic, partition) ?? 0n,
    seen: (topic, partition) => {
      const status = control.state.statuses.get(`${worker.name}/${topic}/${partition}`);
      if (status?.sourceSeen == null) return null;
      const { end, atMs } = status.sourceSeen;
      // An idle partition is not told again and again; its agent says when it heard of the source.
      const heardAtMs = control.state.agents.get(status.agent)?.heardAtMs?.[worker.name] ?? 0;
      return { sourceEnd: BigInt(end) - BigInt(status.shift), atMs: Math.max(atMs, heardAtMs) };
    },
    syncGroups: async (topics) => {
      const report = await worker.groups?.syncTopics(topics);
      return report === undefined || report.isComplete ? null : reportText(report);
    },
    releaseRights: async (mirrorTopics) => {
      await worker.acls?.release(mirrorTopics);
    },
  };
}
