// kubernetes-validate (PyPI) brings the JSON schemas of Kubernetes 1.25 to 1.37, so that manifests are checked without a
// cluster. It is installed once into .kafka/python; where that can't be done its tests are skipped and counted as skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const version = '1.37.0';
const folder = path.resolve(import.meta.dirname, '../../.kafka/python', `kubernetes-validate-${version}`);

function install(): boolean {
  if (existsSync(folder)) return true;
  const incoming = `${folder}.${process.pid}`;
  mkdirSync(path.dirname(incoming), { recursive: true });
  const python = path.join(incoming, 'bin', 'python');
  const steps = [
    ['python3', '-m', 'venv', incoming],
    [python, '-m', 'pip', 'install', '-q', `kubernetes-validate==${version}`],
    [python, '-c', 'import kubernetes_validate'],
  ];
  for (const [command, ...args] of steps) {
    if (spawnSync(command!, args, { timeout: 180_000 }).status === 0) continue;
    rmSync(incoming, { recursive: true, force: true });
    return false;
  }
  try {
    renameSync(incoming, folder);
  } catch {
    // Whoever was faster made the same.
    rmSync(incoming, { recursive: true, force: true });
  }
  return true;
}

export const kubernetesValidateIsInstalled = install();

/** Unknown fields are faults, too. */
export function validate(file: string, kubernetesVersion: string): { status: number | null; output: string } {
  const args = ['-m', 'kubernetes_validate', '--strict', '-k', kubernetesVersion, file];
  const python = path.join(folder, 'bin', 'python');
  const { status, stdout, stderr } = spawnSync(python, args, { encoding: 'utf8', timeout: 60_000 });
  return { status, output: `${stdout}${stderr}` };
}
