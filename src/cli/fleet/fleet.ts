// A fleet as the commands see it: what its control topic says, and a way to ask it for something. All through the
// destination's Kafka; no agent is spoken to directly.
import { hostname, userInfo } from 'node:os';
import type { ClusterConfig } from '../../client/index.ts';
import type { AnswerRecord, CommandBody, FleetState } from '../../control/index.ts';

/** What is read of the control topic. */
export type FleetView = Pick<
  FleetState,
  'links' | 'mirrors' | 'statuses' | 'conditions' | 'agents' | 'rules' | 'foreign' | 'warnings' | 'get'
>;

export interface SendOptions {
  readonly timeoutMs: number;
  readonly isDryRun: boolean;
  readonly signal?: AbortSignal;
}

export interface Fleet {
  /** The destination, as messages call it. */
  readonly destination: string;
  /** Follows the topic. */
  readonly state: FleetView;
  nowMs(): number;
  /** Resolves with the last answer. @throws LockstepError NO_AGENT, REQUEST_TIMED_OUT */
  send(body: CommandBody, options: SendOptions): Promise<AnswerRecord>;
  close(): Promise<void>;
}

export type ConnectFleet = (config: ClusterConfig, onWarning: (text: string) => void) => Promise<Fleet>;

export const connectFleet: ConnectFleet = async (config, onWarning) => {
  const [{ Cluster }, { ControlTopic, sendCommand }] = await Promise.all([
    import('../../client/index.ts'),
    import('../../control/index.ts'),
  ]);
  const cluster = await Cluster.connect(config);
  try {
    const control = await ControlTopic.open(cluster, { mayCreate: false, onWarning });
    return {
      destination: config.name,
      state: control.state,
      nowMs: Date.now,
      send: (body, options) => sendCommand(control, body, { by: person(), ...options }),
      close: async () => {
        await control.close();
        cluster.close();
      },
    };
  } catch (error) {
    cluster.close();
    throw error;
  }
};

/** Who asks, for people who look at the topic later. */
export function person(): string {
  const host = hostname();
  try {
    return `${userInfo().username}@${host}`;
  } catch {
    // A user id without a name, as in many containers.
    return `uid ${process.getuid?.() ?? 'unknown'}@${host}`;
  }
}
