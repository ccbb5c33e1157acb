// What people ask for, and what became of it.
import type { ErrorCode } from '../../errors.ts';
import type { LinkDeclaration, SourceReference } from './link.ts';
import type { PromotedPartition } from './mirror.ts';
import type { MoveRecord } from './move.ts';
import type { RolesDeclaration, RolesRecord } from './roles.ts';
import type { RulesDeclaration } from './rules.ts';

/** What a person asks for. Topics are names at the source; null stands for all mirrors of the link. */
export type CommandBody =
  | { readonly do: 'createLink'; readonly link: LinkDeclaration }
  /** Keys with null go back to their default; `ifGeneration` refuses when somebody else was faster. */
  | {
      readonly do: 'alterLink';
      readonly link: string;
      readonly changes: Readonly<Record<string, unknown>>;
      readonly source?: SourceReference;
      readonly ifGeneration?: number;
    }
  /** Refused while it has mirrors that are not promoted, unless `withMirrors`: they stay as topics. */
  | { readonly do: 'deleteLink'; readonly link: string; readonly withMirrors: boolean }
  /** Creates and alters until the links are as declared; links that are not named stay. */
  | { readonly do: 'applyLinks'; readonly links: readonly LinkDeclaration[] }
  | { readonly do: 'createMirrors'; readonly link: string; readonly topics: readonly string[] }
  | { readonly do: 'pauseMirrors'; readonly link: string; readonly topics: readonly string[] | null }
  | { readonly do: 'resumeMirrors'; readonly link: string; readonly topics: readonly string[] | null }
  /** Forgets them; their topics stay, closed for the link as by a promotion. */
  | { readonly do: 'deleteMirrors'; readonly link: string; readonly topics: readonly string[] | null }
  | {
      readonly do: 'promoteMirrors';
      readonly link: string;
      readonly topics: readonly string[] | null;
      readonly isNow: boolean;
      readonly timeoutMs: number;
      /**
       * Where the partitions of a topic stood still before this was sent, while whoever sends it watched them, offsets of
       * the source: where they stand there still, a planned promotion need not watch them once more.
       */
      readonly stoodStill?: Readonly<Record<string, readonly string[]>>;
    }
  /** Generation 1 where there are no roles yet; else refused where they contradict (`RolesDeclaration`). */
  | { readonly do: 'declareRoles'; readonly roles: RolesDeclaration }
  /**
   * Takes these roles over, which have a higher generation. `ifGeneration` is the one that was seen here (0: none): another
   * one refuses. Mirrors that were promoted and are copied again from now on are forgotten, and begin their next life.
   */
  | { readonly do: 'setRoles'; readonly roles: RolesRecord; readonly ifGeneration: number }
  /** Other labels or rules than those that stand are refused unless `isChange`. */
  | { readonly do: 'declareRules'; readonly rules: RulesDeclaration; readonly isChange: boolean }
  /** `ifRevision` null: begins a move, refused while another one of the group runs. */
  | { readonly do: 'writeMove'; readonly move: MoveRecord; readonly ifRevision: number | null }
  /** Keys below `loss/<group>/<id>/`, and their values. */
  | { readonly do: 'writeLoss'; readonly entries: Readonly<Record<string, unknown>> };

export interface CommandRecord {
  readonly v: number;
  readonly id: string;
  /** Who asks: user@host, for people. */
  readonly by: string;
  readonly atMs: number;
  /** Not carried out any more after this moment. */
  readonly deadlineMs: number;
  readonly isDryRun: boolean;
  readonly body: CommandBody;
}

/** One thing that a command changes, or would change. */
export interface Change {
  readonly what: 'link' | 'mirror' | 'roles' | 'rules' | 'move';
  readonly name: string;
  readonly action: 'create' | 'alter' | 'delete' | 'pause' | 'resume' | 'promote' | 'none';
  /** In words: "topics: orders -> orders, payments.*"; why, where nothing is done. */
  readonly details: readonly string[];
}

export interface AnswerRecord {
  readonly v: number;
  readonly id: string;
  readonly atMs: number;
  /** `working`: more will come under the same key (a promotion that waits). */
  readonly state: 'working' | 'done' | 'refused';
  /** Set where it was refused: decides the exit code. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly changes: readonly Change[];
  /** Promotions: how each mirror ended. */
  readonly promoted?: readonly {
    readonly topic: string;
    readonly partitions: readonly PromotedPartition[];
  }[];
}
