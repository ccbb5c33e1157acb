// What promotions need of a link, from its worker and from what the fleet has told.
import type { Cluster } from '../../client/index.ts';
import type { ControlTopic } from '../../control/index.ts';
import { LockstepError } from '../../errors.ts';
import { reportText } from '../../link/groups/index.ts';
import { hasEnded } from '../../mirror/index.ts';
import type { LinkWorker } from '../link-worker.ts';

/** What a promotion needs of a link. */
export interface PromotableLink {
  /** Null while it can't be reached. */
  readonly source: Cluster | null;
  /** The link's producer id in a life of a mirror; null when the source was never reached: nothing was ever copied. */
  producerIdOf(incarnation: number): bigint | null;
  shiftOf(topic: string, partition: number): bigint;
  /** What was last seen of the source; offsets are the mirror's. */
  seen(topic: string, partition: number): { readonly sourceEnd: bigint; readonly atMs: number } | null;
  /** Why a partition of this source topic is not copied any more, in words; null: it is. */
  stoppedBy(topic: string): string | null;
  /** Whether its agents have told that nothing of this source topic is copied any more. */
  isAtRest(topic: string): boolean;
  /** Last sync of the groups, for these source topics; resolves with what is not as at the source, null: all is. */
  syncGroups(topics: readonly string[]): Promise<string | null>;
  /** Grants what was withheld on these mirror topics; a source is waited for so long that may be gone. */
  releaseRights(mirrorTopics: readonly string[], sourcePatienceMs: number): Promise<void>;
}

export function promotableLink(
  worker: LinkWorker | undefined,
  control: ControlTopic,
): PromotableLink | undefined {
  if (worker === undefined) return undefined;
  return {
    source: worker.source,
    producerIdOf: (incarnation) => worker.producerIdOf(incarnation),
    shiftOf: (topic, partition) => worker.shiftOf(topic, partition) ?? 0n,
    seen: (topic, partition) => {
      const status = control.state.statuses.get(`${worker.name}/${topic}/${partition}`);
      if (status?.sourceSeen == null) return null;
      const { end, atMs } = status.sourceSeen;
      // An idle partition is not told again and again; its agent says when it heard of the source.
      const heard = control.state.agents.get(status.agent)?.heardAtMs?.[worker.name];
      // But one broker of the source may be silent while others are heard.
      const heardAtMs = status.sourceEnd === null ? 0 : (heard ?? 0);
      return { sourceEnd: BigInt(end) - BigInt(status.shift), atMs: Math.max(atMs, heardAtMs) };
    },
    stoppedBy: (topic) => {
      const partitionCount = control.state.mirrors.get(`${worker.name}/${topic}`)?.partitionCount ?? 0;
      for (let partition = 0; partition < partitionCount; partition++) {
        const status = control.state.statuses.get(`${worker.name}/${topic}/${partition}`);
        if (status === undefined || !hasEnded(status.state)) continue;
        const reason = status.reason === null ? '' : `: ${status.reason}`;
        return `partition ${partition} is ${status.state}${reason}; promote --now goes on with what there is`;
      }
      return null;
    },
    isAtRest: (topic) => {
      const partitionCount = control.state.mirrors.get(`${worker.name}/${topic}`)?.partitionCount ?? 0;
      for (let partition = 0; partition < partitionCount; partition++) {
        const state = control.state.statuses.get(`${worker.name}/${topic}/${partition}`)?.state ?? 'Stopped';
        if (state !== 'Stopped' && !hasEnded(state)) return false;
      }
      return true;
    },
    syncGroups: async (topics) => {
      const { groups, config } = worker;
      if (groups === null && config?.groups.length !== 0) throw nobodyKeeps('positions of groups', worker);
      const report = await groups?.syncTopics(topics);
      return report === undefined || report.isComplete ? null : reportText(report);
    },
    releaseRights: async (mirrorTopics, sourcePatienceMs) => {
      const { acls, config } = worker;
      const hasRules = control.state.entries(`acl/${worker.name}/`).size > 0;
      // A promotion that ended here would leave its topics closed to everybody, for good.
      if (acls === null && (hasRules || config?.sync.acls != null)) throw nobodyKeeps('ACLs', worker);
      await acls?.release(mirrorTopics, sourcePatienceMs);
    },
  };
}

/** Keepers begin a moment after an agent leads, or a link was altered; tried again by then. */
function nobodyKeeps(what: string, worker: LinkWorker): LockstepError {
  const why = worker.config === null ? worker.status().discoveryError : 'they are about to be looked after';
  return new LockstepError('NO_AGENT', `${what} of link ${worker.name} can't be looked after now: ${why}`);
}
