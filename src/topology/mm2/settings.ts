// Which property decides: connect-mirror's order of precedence (MirrorMakerConfig.clusterProps and connectorBaseConfig,
// MirrorConnectorConfig.sourceConsumerConfig).
import { namesOf, rowOf } from './properties-table.ts';
import {
  type ClientRole,
  type ClusterSettings,
  clientRoles,
  type PropertiesFile,
  type Property,
  type Settings,
} from './types.ts';

/** One flow between two clusters, by their aliases. */
export interface Flow {
  readonly source: string;
  readonly target: string;
}

/** `us-east->eu-west`, as in keys. */
export function arrow({ source, target }: Flow): string {
  return `${source}->${target}`;
}

/** What decides a setting of a flow: `A->B.name` before `name`. */
export function flowProperty(file: PropertiesFile, flow: Flow, name: string): Property | undefined {
  return file.byKey.get(`${arrow(flow)}.${name}`) ?? file.byKey.get(name);
}

/** What the clients of one cluster are told, by role: `A.consumer.name`, then `A.name`, then `name`. */
export function clusterSettings(file: PropertiesFile, alias: string): ClusterSettings {
  const roles = Object.fromEntries(
    clientRoles.map((role) => [role, roleSettings(file, alias, role)]),
  ) as Record<ClientRole, Settings>;
  return { alias, roles };
}

function roleSettings(file: PropertiesFile, alias: string, role: ClientRole): Settings {
  const settings = new Map<string, Property>();
  const own = `${alias}.${role}.`;
  for (const [key, property] of file.byKey) {
    if (key.startsWith(own)) settings.set(key.slice(own.length), property);
  }
  for (const name of sharedNames) {
    const property = file.byKey.get(`${alias}.${name}`) ?? file.byKey.get(name);
    if (property !== undefined && !settings.has(name)) settings.set(name, property);
  }
  return settings;
}

/** MirrorClientConfig.CLIENT_CONFIG_DEF: what stands without a role and serves all of them. */
const sharedNames: readonly string[] = ['bootstrap.servers', ...namesOf(['security'])].filter(
  (name) => name !== 'security.providers',
);

/** What decides a setting of the consumer that reads the source. */
export function sourceConsumerProperty(file: PropertiesFile, flow: Flow, name: string): Property | undefined {
  return (
    file.byKey.get(`${arrow(flow)}.source.consumer.${name}`) ??
    file.byKey.get(`${flow.source}.consumer.${name}`) ??
    file.byKey.get(`${arrow(flow)}.consumer.${name}`)
  );
}

/** Whether connect-mirror takes a worker's property at the top, too (MirrorMakerConfig.workerConfig). */
export function isTakenAtTop(name: string): boolean {
  return (
    /^(offset\.storage|config\.storage|status\.storage|task|worker)/.test(name) &&
    rowOf(name, ['worker']) !== undefined
  );
}
