// Two regions with Kafka's StandardAuthorizer, an agent and a person who are users there and may do what docs/security.md
// grants and nothing else, and everything that anybody could read of what the agent says.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createLog } from '../../src/agent/log.ts';
import { runFleetAgent } from '../../src/agent/run-fleet-agent.ts';
import { type Acl, Cluster, createAcls, deleteAcls, unwrap } from '../../src/client/index.ts';
import type { Region } from '../../src/regions/index.ts';
import { configOf } from '../client/support.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { lockstepCommand } from '../support/lockstep-command.ts';
import { waitFor } from '../support/wait-for.ts';
import type { GrantCommand, Principal, Right, Side } from './rights-document.ts';

export const users = { AGENT: 'agent', PERSON: 'person' } as const satisfies Record<Principal, string>;
export const passwordOf = (username: string): string => `${username}-secret`;
/** Has a password at the source alone. */
export const appUser = 'shop-app';
export const link = 'us-to-eu';

export const guardedBy = (usernames: readonly string[]) =>
  ({
    security: {
      sasl: {
        users: usernames.map((username) => ({ username, password: passwordOf(username) })),
        mechanisms: ['PLAIN', 'SCRAM-SHA-512'],
      },
      authorizer: {},
    },
  }) as const;

export interface AgentProcess {
  /** JSON lines. */
  readonly lines: readonly string[];
  /** Resolves when it has ended, with why; null after `stop`. */
  readonly ended: Promise<Error | null>;
  stop(): Promise<void>;
}

export class GuardedFleet {
  readonly regions: Readonly<Record<Side, Region>>;
  /** As super users. */
  readonly admins = {} as Record<Side, Cluster>;
  readonly #folder: string;

  private constructor(regions: Readonly<Record<Side, Region>>, folder: string) {
    this.regions = regions;
    this.#folder = folder;
  }

  static async open(regions: Readonly<Record<Side, Region>>, folder: string): Promise<GuardedFleet> {
    const fleet = new GuardedFleet(regions, folder);
    for (const side of ['SOURCE', 'DESTINATION'] as const) {
      fleet.admins[side] = await Cluster.connect(configOf(regions[side]));
      for (const username of Object.values(users))
        await writeFile(fleet.fileOf(side, username), fleet.#login(side, username, passwordOf(username)));
    }
    await writeFile(fleet.sourceFile, fleet.#login('SOURCE', users.AGENT, `\${env:${passwordVariable}}`));
    return fleet;
  }

  close(): void {
    for (const cluster of Object.values(this.admins)) cluster.close();
  }

  /** A cluster file of a user. */
  fileOf(side: Side, username: string): string {
    return path.join(this.#folder, `${side}-${username}.yaml`);
  }

  /** How agents reach the source: without the password itself. */
  get sourceFile(): string {
    return path.join(this.#folder, 'source.yaml');
  }

  #login(side: Side, username: string, password: string): string {
    const bootstrap = JSON.stringify(this.regions[side].bootstrapOf('SASL_PLAINTEXT'));
    return `bootstrap: ${bootstrap}\nsasl: { mechanism: PLAIN, username: ${username}, password: "${password}" }\n`;
  }

  /** Runs the commands of the document with Kafka's own tool, as they are pasted. */
  async paste(commands: readonly GrantCommand[]): Promise<void> {
    for (const { side, args, principal } of commands) {
      const filled = args.map((arg) => arg.replace(`User:${principal}`, `User:${users[principal]}`));
      const server = ['--bootstrap-server', this.regions[side].bootstrap.join(',')];
      await kafkaTool(this.regions[side], 'org.apache.kafka.tools.AclCommand', [...server, ...filled]);
    }
  }

  async grant(principal: Principal, rights: readonly Right[]): Promise<void> {
    for (const { side, acl } of rights)
      for (const outcome of await createAcls(this.admins[side], [ruleOf(principal, acl)])) unwrap(outcome);
  }

  async take(principal: Principal, rights: readonly Right[]): Promise<void> {
    for (const { side, acl } of rights) {
      const [outcome] = await deleteAcls(this.admins[side], [ruleOf(principal, acl)]);
      if (unwrap(outcome!).length === 0) throw new Error('there was no such rule to take away');
    }
  }

  /** A command of the person's. */
  command(...args: string[]) {
    return lockstepCommand(...args, '--cluster-config', this.fileOf('DESTINATION', users.PERSON));
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a program would read
  async json(...args: string[]): Promise<any> {
    const { exitCode, stdout, stderr } = await this.command(...args, '--json');
    if (exitCode !== 0) throw new Error(`${args.join(' ')}: ${exitCode}: ${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  /** `lockstep agent` with its log and its API. */
  async startAgent(agentId: string): Promise<AgentProcess> {
    const { destination } = await readDestination(this.fileOf('DESTINATION', users.AGENT));
    const stopping = new AbortController();
    const lines: string[] = [];
    const ended = runFleetAgent({
      ...{ destination, agentId, version: 'test', signal: stopping.signal, perPartitionMetrics: false },
      http: { host: '127.0.0.1', port: 0 },
      log: createLog({ agent: agentId, level: 'debug', stream: { write: (line) => lines.push(line) } }),
      environment: {
        [passwordVariable]: passwordOf(users.AGENT),
        NEW_USER_PASSWORD: passwordOf('new-user'),
      },
      sessionTimeoutMs: 10_000,
    }).then(
      () => null,
      (error: Error) => error,
    );
    return {
      lines,
      ended,
      stop: async () => {
        stopping.abort();
        await ended;
      },
    };
  }

  /** What the agent's API says of the link: its rights and groups. */
  // biome-ignore lint/suspicious/noExplicitAny: what a program would read
  async answers(): Promise<any> {
    const { agents } = await this.json('links', 'list');
    const ask = async (place: string) =>
      (await (await fetch(`${agents[0].api}/v1/links/${link}${place}`)).json()) as object;
    const [one, groups] = await Promise.all([ask(''), ask('/groups')]);
    return { ...one, ...groups };
  }

  /** Every reason that is shown, by commands and by the agent's API. */
  async reasons(): Promise<string[]> {
    const found = [this.json('links', 'describe'), this.json('mirrors', 'describe'), this.answers()];
    return (await Promise.allSettled(found)).flatMap((answer) =>
      answer.status === 'fulfilled' ? reasonsIn(answer.value) : [],
    );
  }

  async eventually(what: string, condition: () => unknown, agent?: AgentProcess): Promise<void> {
    let seen: unknown = null;
    await waitFor(
      async () => {
        seen = await condition();
        return seen;
      },
      {
        deadlineMs: 120_000,
        pollMs: 200,
        describe: () => `${what}; ${String(seen)}\n${agent?.lines.slice(-40).join('') ?? ''}`,
      },
    );
  }
}

function reasonsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' && /^(reason|lastError|discoveryError|error)$/.test(key)
      ? [inner]
      : reasonsIn(inner),
  );
}

const passwordVariable = 'SOURCE_PASSWORD';

function ruleOf(principal: Principal, acl: Right['acl']): Acl {
  return { ...acl, principal: `User:${users[principal]}` };
}

async function readDestination(file: string) {
  const { readClusterFile } = await import('../../src/topology/cluster-file.ts');
  return { destination: readClusterFile(file, { name: 'eu-west' }).resolve({}).config };
}
