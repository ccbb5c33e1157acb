// One enabled flow as an entry of `links:`.

import { RE2JS } from 're2js';
import { settingRules } from '../../link/setting-rules.ts';
import type { FilterName } from './filters.ts';
import { filterItems } from './filters.ts';
import { type Found, flagOf, intervalOf, replicationFactorOf, type Told } from './intervals.ts';
import { listOf, shown } from './java-values.ts';
import { policyOf } from './policy.ts';
import type { RawDocument } from './raw-document.ts';
import { type Flow, flowProperty, sourceConsumerProperty } from './settings.ts';
import type { Property } from './types.ts';

/** `us-east-to-eu-west`. */
export function linkNameOf({ source, target }: Flow): string {
  return `${source}-to-${target}`;
}

/** The alias that names use for an end of the flow; connect-mirror lets a property replace the cluster's own. */
export function aliasOf(flow: Flow, end: 'source' | 'target', { file }: Told): string {
  return flowProperty(file, flow, `${end}.cluster.alias`)?.value.trim() ?? flow[end];
}

/** Writes the flow's link; a person finds it in the file where it is enabled. */
export function writeLink(document: RawDocument, flow: Flow, told: Told): void {
  const at = ['links', linkNameOf(flow)];
  const set = (path: string, value: unknown, from?: Property): void =>
    document.set([...at, ...path.split('/')], value, from);
  const setFound = (path: string, found: Found<unknown> | null | undefined): void =>
    set(path, found?.value, found?.from);
  const enabledBy = flowProperty(told.file, flow, 'enabled');
  if (enabledBy !== undefined) document.originate(at, enabledBy);
  set('source', flow.source);
  set('destination', flow.target);
  const setItems = (key: string, name: FilterName): void => {
    const property = flowProperty(told.file, flow, name);
    set(key, filterItems(name, property, told.report), property);
  };
  setItems('topics', 'topics');
  setItems('excludeTopics', 'topics.exclude');

  const policy = policyOf(flow, told);
  const sourceAlias = aliasOf(flow, 'source', told);
  const separatorProperty = flowProperty(told.file, flow, 'replication.policy.separator');
  if (policy.kind === 'default') set('prefix', `${sourceAlias}${policy.separator}`, separatorProperty);
  set('mirrorMaker/sourceAlias', sourceAlias);
  set('mirrorMaker/destinationAlias', aliasOf(flow, 'target', told));
  set('mirrorMaker/policy', policy.kind);
  set('mirrorMaker/separator', policy.separator, separatorProperty);
  set('mirrorMaker/internalSeparator', policy.isInternalSeparated);
  set('mirrorMaker/mirrorHeartbeats', flagOf(flow, 'heartbeats.replication.enabled', true, told));

  setFound('replicationFactor', replicationFactorOf(flow, 'replication.factor', told));
  const startAt = startOf(flow, told);
  if (startAt !== undefined) set('startAt', startAt.value, startAt.from);
  writeGroups(flow, told, { set, setFound, setItems });
  writeSync(flow, told, { set, setFound });
}

interface Writer {
  readonly set: (path: string, value: unknown, from?: Property) => void;
  readonly setFound: (path: string, found: Found<unknown> | null | undefined) => void;
  readonly setItems: (key: string, name: FilterName) => void;
}

/** MirrorCheckpointConnector: without checkpoints no positions are committed either. */
function writeGroups(flow: Flow, told: Told, { set, setFound, setItems }: Writer): void {
  const { file, report } = told;
  const interval = intervalOf(flow, 'emit.checkpoints.interval.seconds', told);
  const isEmitting = flagOf(flow, 'emit.checkpoints.enabled', true, told) && interval !== null;
  const syncInterval = intervalOf(flow, 'sync.group.offsets.interval.seconds', told);
  const syncProperty = flowProperty(file, flow, 'sync.group.offsets.enabled');
  const isCommitting = flagOf(flow, 'sync.group.offsets.enabled', false, told);
  const factor = replicationFactorOf(flow, 'checkpoints.topic.replication.factor', told);
  if (!isEmitting) {
    if (isCommitting && syncProperty !== undefined) {
      report.fault(syncProperty, {
        found:
          'sync.group.offsets.enabled beside emit.checkpoints.enabled=false, with which MirrorMaker 2 copies no positions',
        expected: 'both true, or both false',
      });
    }
    return;
  }
  setItems('groups', 'groups');
  setItems('excludeGroups', 'groups.exclude');
  set('mirrorMaker/checkpoints/every', interval?.value ?? '60s', interval?.from);
  setFound('mirrorMaker/checkpoints/replicationFactor', factor);
  set('sync/groups/commits', isCommitting && syncInterval !== null, syncProperty);
  setFound('sync/groups/every', isCommitting ? syncInterval : interval);
}

/** Topics, settings and ACLs; what MirrorMaker 2 switches off and a link can't is looked at once an hour. */
function writeSync(flow: Flow, told: Told, { set, setFound }: Omit<Writer, 'setItems'>): void {
  const topicsEvery = intervalOf(flow, 'refresh.topics.interval.seconds', told);
  if (flagOf(flow, 'refresh.topics.enabled', true, told) && topicsEvery !== null)
    setFound('sync/topics/every', topicsEvery);
  else set('sync/topics/every', '1h');

  const configsEvery = intervalOf(flow, 'sync.topic.configs.interval.seconds', told);
  const isSyncing = flagOf(flow, 'sync.topic.configs.enabled', true, told) && configsEvery !== null;
  const excluded = excludedSettings(flow, told);
  setFound('sync/configs/every', configsEvery);
  if (isSyncing) {
    const asked = settingRules.filter(({ name, kind }) => kind === 'ifAsked' && !excluded(name));
    set(
      'sync/configs/also',
      asked.map(({ name }) => name),
    );
  }
  const aclsEvery = intervalOf(flow, 'sync.topic.acls.interval.seconds', told);
  if (flagOf(flow, 'sync.topic.acls.enabled', true, told) && aclsEvery !== null) {
    set('sync/acls/principals', ['regex:.*']);
    set('sync/acls/resources', ['topic']);
    setFound('sync/acls/every', aclsEvery);
  }
}

/** DefaultConfigPropertyFilter; its default names nothing that a link is asked to keep equal. */
function excludedSettings(flow: Flow, { file, report }: Told): (setting: string) => boolean {
  const property = flowProperty(file, flow, 'config.properties.exclude');
  if (property === undefined) return () => false;
  const expressions = listOf(property, report).flatMap((text) => {
    try {
      return [RE2JS.compile(text)];
    } catch {
      report.fault(property, {
        found: property.isReferenced === true ? shown(property) : `${JSON.stringify(text)} (not understood)`,
        expected: "names of settings or regular expressions in RE2's syntax",
      });
      return [];
    }
  });
  const isExcluded = (setting: string): boolean =>
    expressions.some((expression) => expression.testExact(setting));
  const kept = settingRules.filter(({ name, kind }) => kind === 'always' && isExcluded(name));
  if (kept.length > 0) {
    const names = kept.map(({ name }) => name).join(', ');
    report.warn(property, `kept equal all the same, since records and offsets depend on it: ${names}`);
  }
  return isExcluded;
}

/** auto.offset.reset of the consumer that reads the source. */
function startOf(flow: Flow, { file, report }: Told): Found<string> | undefined {
  const from = sourceConsumerProperty(file, flow, 'auto.offset.reset');
  if (from === undefined) return undefined;
  const value = from.value.trim().toLowerCase();
  if (value === 'earliest' || value === 'latest') return { value, from };
  report.fault(from, {
    found: shown(from),
    expected: 'earliest or latest; a moment stands in a lockstep.yaml (startAt)',
  });
  return undefined;
}
