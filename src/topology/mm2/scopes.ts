// Whom a property is about: all flows (`topics`), one cluster (`us-east.topics`) or one flow (`us-east->eu-west.topics`).

export type Scope =
  | { readonly kind: 'top'; readonly name: string }
  | { readonly kind: 'cluster'; readonly alias: string; readonly name: string }
  | { readonly kind: 'flow'; readonly source: string; readonly target: string; readonly name: string }
  /** It has an arrow, and an alias beside it that is none of the clusters. */
  | { readonly kind: 'unknownFlow'; readonly source: string; readonly target: string; readonly name: string };

/** What the key is about; longest aliases first, since an alias may have dots. */
export function scopeOf(key: string, aliases: readonly string[]): Scope {
  const longest = [...aliases].sort((a, b) => b.length - a.length);
  const arrow = key.indexOf('->');
  if (arrow >= 0) {
    const source = key.slice(0, arrow);
    const rest = key.slice(arrow + 2);
    const target = longest.find((alias) => rest.startsWith(`${alias}.`));
    if (aliases.includes(source) && target !== undefined)
      return { kind: 'flow', source, target, name: rest.slice(target.length + 1) };
    const dot = rest.indexOf('.');
    const end = target?.length ?? (dot < 0 ? rest.length : dot);
    return { kind: 'unknownFlow', source, target: rest.slice(0, end), name: rest.slice(end + 1) };
  }
  const alias = longest.find((candidate) => key.startsWith(`${candidate}.`));
  if (alias !== undefined) return { kind: 'cluster', alias, name: key.slice(alias.length + 1) };
  return { kind: 'top', name: key };
}
