// A member as a process of its own, for tests that kill and freeze it: tells on stdout what it is told, a line of JSON
// for each. Arguments: name, bootstrap, group, number of items. Ends when its stdin does.
import { keyOf } from '../../src/fleet/index.ts';
import { makeMember, workOf } from './members.ts';

const [name, bootstrap, groupId, itemCount] = process.argv.slice(2) as [string, string, string, string];
const work = workOf(Number(itemCount));
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const member = await makeMember(name, [bootstrap], {
  groupId,
  work: () => work,
  onAssigned: ({ added }) => tell({ added: added.map(keyOf) }),
  onRevoked: async (items, reason) => void tell({ revoked: items.map(keyOf), reason }),
  onLeader: (isLeader) => tell({ isLeader }),
  onNotice: ({ text }) => tell({ notice: text }),
});
await member.membership.start();
process.stdin.on('end', () => void member.end());
process.stdin.resume();
