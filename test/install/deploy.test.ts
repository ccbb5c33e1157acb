// The files under deploy/ are what Kubernetes, systemd and the command itself take.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readClusterFile } from '../../src/topology/cluster-file.ts';
import { kubernetesValidateIsInstalled, validate } from './kubernetes-validate.ts';

const root = path.resolve(import.meta.dirname, '..', '..');
const deploy = (file: string): string => path.join(root, 'deploy', file);
const read = (file: string): string => readFileSync(deploy(file), 'utf8');
const scratch = mkdtempSync(path.join(tmpdir(), 'lockstep-deploy-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Manifest {
  kind: string;
  // Read as people read it: a path that is not there fails the check that asks for it.
  // biome-ignore lint/suspicious/noExplicitAny: manifests are checked against Kubernetes' own schemas
  [field: string]: any;
}
const manifests = parseAllDocuments(read('kubernetes/lockstep.yaml')).map((each) => each.toJS() as Manifest);
const manifest = (kind: string): Manifest => manifests.find((each) => each.kind === kind)!;
const pod = manifest('Deployment').spec.template.spec;
const container = pod.containers[0];

/** The options that a command line has, by the command's own help. */
const agentHelp = spawnSync(process.execPath, [path.join(root, 'bin', 'lockstep.mjs'), 'agent', '--help'], {
  encoding: 'utf8',
}).stdout;

describe.skipIf(!kubernetesValidateIsInstalled)('the manifests', () => {
  it.each(['1.25', '1.31', '1.37'])('are valid for Kubernetes %s, every field known', (version) => {
    const { status, output } = validate(deploy('kubernetes/lockstep.yaml'), version);
    expect(status, output).toBe(0);
    for (const kind of [
      'serviceaccount',
      'configmap',
      'secret',
      'deployment',
      'poddisruptionbudget',
      'service',
    ])
      expect(output).toContain(`resource ${kind}/lockstep`);
  });

  it('would not be with a field that does not exist', () => {
    const file = path.join(scratch, 'planted.yaml');
    writeFileSync(
      file,
      read('kubernetes/lockstep.yaml').replace('readOnlyRootFilesystem', 'readOnlyRootFileSystem'),
    );
    expect(validate(file, '1.37').status).not.toBe(0);
  });
});

describe('the Deployment', () => {
  it('runs as nobody, without rights, on a file system that it can not write', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65532 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  it('asks the probes that the API has, on the port where it listens', () => {
    expect(container.livenessProbe.httpGet).toEqual({ path: '/healthz', port: 'http' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
    expect(container.args).toContain(`--http=0.0.0.0:${container.ports[0].containerPort}`);
  });

  it('is one fleet: disruptions, service and rolling restarts concern the same pods', () => {
    const labels = manifest('Deployment').spec.template.metadata.labels;
    for (const selector of [
      manifest('Deployment').spec.selector.matchLabels,
      manifest('PodDisruptionBudget').spec.selector.matchLabels,
      manifest('Service').spec.selector,
    ])
      expect(labels).toMatchObject(selector);
    expect(manifest('Deployment').spec.replicas).toBe(3);
    expect(manifest('PodDisruptionBudget').spec.maxUnavailable).toBe(1);
  });

  it('gives the command options that it has', () => {
    expect(container.args[0]).toBe('agent');
    for (const argument of container.args.slice(1) as string[])
      expect(agentHelp, argument).toContain(`${argument.split('=')[0]} `);
  });

  it('mounts a cluster file that the command reads, with the secrets that it names', () => {
    const text: string = manifest('ConfigMap').data['cluster.yaml'];
    const mounts = Object.keys(manifest('Secret').stringData).map((key) => `/etc/lockstep/secrets/${key}`);
    const readFile = (file: string): string => {
      if (file.endsWith('cluster.yaml')) return text;
      if (!mounts.includes(file)) throw new Error(`${file} is not mounted`);
      return file.endsWith('.crt')
        ? '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n'
        : 'a password\n';
    };
    const cluster = readClusterFile('/etc/lockstep/config/cluster.yaml', {
      ...{ name: 'destination', bootstrap: [manifest('ConfigMap').data['bootstrap-server']], readFile },
    });
    cluster.refuseSecrets();
    expect(cluster.resolve({}).config).toMatchObject({
      sasl: { username: 'lockstep', password: 'a password' },
      tls: { ca: expect.stringContaining('BEGIN CERTIFICATE') },
    });
  });
});

describe.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('the systemd unit', () => {
  /** With a program that is there in the place of the installed one. */
  const unit = path.join(scratch, 'lockstep.service');
  writeFileSync(unit, read('systemd/lockstep.service').replace('/usr/local/bin/lockstep', process.execPath));
  const analyze = (args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    return { status, output: `${stdout}${stderr}` };
  };

  it('is one that systemd takes without a word', () => {
    expect(analyze(['verify', unit])).toEqual({ status: 0, output: '' });
  });

  it('would not be with a setting that does not exist', () => {
    const planted = path.join(scratch, 'planted.service');
    writeFileSync(planted, readFileSync(unit, 'utf8').replace('NoNewPrivileges=', 'NoNewPrivilege='));
    expect(analyze(['verify', planted]).output).toContain("Unknown key 'NoNewPrivilege'");
  });

  it('is exposed little, by systemd’s own measure', () => {
    // 0 is nothing, 10 is everything; up to 2.0 counts as OK in tenths.
    expect(analyze(['security', '--offline=true', '--threshold=20', unit])).toMatchObject({ status: 0 });
  });

  it('gives the command options that it has', () => {
    const [, line] = read('systemd/lockstep.service').match(/^ExecStart=\S+ (agent .*)$/m)!;
    for (const option of line!.match(/--[a-z-]+/g)!) expect(agentHelp, option).toContain(`${option} `);
  });
});

describe('the Containerfile', () => {
  // No container engine builds it here: what is checked is what can be read.
  const lines = read('Containerfile').split('\n');

  it('ends as a user without rights, with the program of the package', () => {
    expect(lines.filter((line) => line.startsWith('USER '))).toEqual(['USER 65532:65532']);
    const entry = JSON.parse(
      lines.find((line) => line.startsWith('ENTRYPOINT '))!.slice('ENTRYPOINT '.length),
    );
    expect(entry).toEqual(['node', '/app/node_modules/lockstep/bin/lockstep.mjs']);
  });

  it('starts from the Node that the package asks for', () => {
    const { engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    const major = engines.node.replace('>=', '');
    const images = lines.filter((line) => line.startsWith('FROM '));
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toContain(`/node:${major}-`);
  });

  it('carries no secret and runs no package’s code', () => {
    expect(read('Containerfile')).toContain('--ignore-scripts');
    expect(read('Containerfile')).not.toMatch(/password|secret|token/i);
  });
});
