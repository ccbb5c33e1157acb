// What a member has in its hands: items that it works on, and items that it is stopping. An item that is being
// stopped is still claimed, so that nobody else begins before the last request for it is done.

export class Holdings {
  readonly #active = new Set<string>();
  readonly #releasing = new Set<string>();
  /** The newest sharing out. */
  #wanted: ReadonlySet<string> = new Set();

  get active(): ReadonlySet<string> {
    return this.#active;
  }
  get releasing(): ReadonlySet<string> {
    return this.#releasing;
  }

  /** Takes over a sharing out: what is to begin now, and what is to be stopped. */
  share(keys: Iterable<string>): { readonly added: readonly string[]; readonly revoked: readonly string[] } {
    this.#wanted = new Set(keys);
    const revoked = this.#release((key) => !this.#wanted.has(key));
    return { added: this.#begin(this.#wanted), revoked };
  }

  /** Everything is to be stopped. */
  giveUp(): readonly string[] {
    this.#wanted = new Set();
    return this.#release(() => true);
  }

  /** These are stopped. What was shared out to this member again meanwhile begins now. */
  released(keys: Iterable<string>): { readonly added: readonly string[]; readonly freedCount: number } {
    const stopped = [...keys].filter((key) => this.#releasing.delete(key));
    const added = this.#begin(stopped.filter((key) => this.#wanted.has(key)));
    return { added, freedCount: stopped.length - added.length };
  }

  #release(isLost: (key: string) => boolean): readonly string[] {
    const lost = [...this.#active].filter(isLost);
    for (const key of lost) {
      this.#active.delete(key);
      this.#releasing.add(key);
    }
    return lost;
  }

  #begin(keys: Iterable<string>): readonly string[] {
    const added = [...keys].filter((key) => !this.#active.has(key) && !this.#releasing.has(key));
    for (const key of added) this.#active.add(key);
    return added;
  }
}
