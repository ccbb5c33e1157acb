// `--http HOST:PORT`.
import { InvalidArgumentError } from 'commander';
import { isProblem, parseAddress } from '../topology/bootstrap.ts';

export function httpAddress(text: string): { host: string; port: number } {
  const address = parseAddress(text);
  if (isProblem(address)) throw new InvalidArgumentError('Expected host:port, such as 0.0.0.0:8080.');
  return address;
}
