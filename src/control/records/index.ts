// What the control topic holds: one JSON value per key. Each value carries the version `v` of its shape; a value with a
// higher one than ours is left alone, with a warning. Shapes stand in the file of their name beside.
//
//   link/<link>                          a link as declared                           written by the leader
//   mirror/<link>/<source topic>         one mirror and where it stands               written by the leader
//   condition/<link>[/<source topic>]    why a link or a topic is not copied          written by the leader
//   acl/<link>/..., group/<link>/...     what a keeper has to remember                written by the leader
//   behind/<link>/<source topic>         groups that a promotion left behind          written by the leader
//   flow/<teller>/<destination>/<link>   which way links lead (flows.ts)              written by leaders, here and elsewhere
//   telling/<source>                     what a source was told of links              written by the leader (tellings.ts)
//   producerIds/<link>                   how far producer ids are apart               written by the leader
//   shift/..., start/...                 see src/link/{shift,start-at,takeover}.ts      first value wins
//   status/<link>/<topic>/<partition>    how a partition stands                       written by the agent that copies it
//   agent/<id>                           an agent, where its API listens              written by that agent
//   command/<id>                         what a person asks for                       written by the command line
//   answer/<id>                          what became of it                            written by the leader
//   roles/<group>                        which region is primary for what             written by the leader
//   move/<group>/<id>                    a switchover, failover or restore            written by the leader
//   loss/<group>/<id>/[<topic>]          what a failover left behind                  written by the leader
//   rules/residency                      where data must not be copied                written by the leader
//   origins/<link>                       what its source is known to copy             written by the leader
//   leader                               when somebody began to lead                  written by that agent
//   restored                             a topic that is complete again               written by the leader
export type { AgentRecord, BeatDeclaration, ToldRecord } from './agent.ts';
export type { AnswerRecord, Change, CommandBody, CommandRecord } from './command.ts';
export type { ConditionRecord, LinkDeclaration, LinkRecord, SourceReference } from './link.ts';
export type { MirrorRecord, PromotedPartition, Promotion } from './mirror.ts';
export type { MoveRecord, MoveStepDone } from './move.ts';
export type { PrimaryOf, RolesAncestor, RolesDeclaration, RolesRecord } from './roles.ts';
export type { OriginsRecord, RulesDeclaration, RulesRecord } from './rules.ts';
export type { ReleaseRecord, SeenSourceEnd, StatusRecord } from './status.ts';

/** The version of every shape below that this Lockstep writes. */
export const recordVersion = 1;
