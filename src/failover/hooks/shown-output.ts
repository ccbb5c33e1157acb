// What a hook says is other people's text: it is shown, but bounded, without control characters that would act on the
// terminal, and without the secrets that it was given.

/** A hook that pours out more than this is read on, and the rest is counted only. */
const keptBytesMax = 64 * 1024;
const shownLinesMax = 20;
const shownLineLengthMax = 300;
/** A shorter value is no secret, and hiding it would eat common words. */
const secretLengthMin = 6;
const hidden = '(hidden)';

/** Collects output as it comes. */
export class ShownOutput {
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  #leftBytes = 0;

  /** False: enough is kept, more of it is only counted. */
  add(chunk: Uint8Array): boolean {
    const kept = chunk.subarray(0, keptBytesMax - this.#keptBytes);
    // A copy: the chunk's memory may be used again.
    if (kept.length > 0) this.#chunks.push(Buffer.from(kept));
    this.#keptBytes += kept.length;
    this.#leftBytes += chunk.length - kept.length;
    return this.#leftBytes === 0;
  }

  /** The last lines that are not empty: an error usually stands at the end. */
  lines(secrets: readonly string[]): string[] {
    const text = withoutSecretValues(Buffer.concat(this.#chunks).toString('utf8'), secrets);
    const all = text
      .split(/\r\n|\r|\n/)
      .map(plainLine)
      .filter((line) => line !== '');
    const left = all.length - shownLinesMax;
    return [
      ...(left > 0 ? [`(${left} lines before)`] : []),
      ...all.slice(-shownLinesMax),
      ...(this.#leftBytes > 0 ? [`(and ${this.#leftBytes} bytes that are not shown)`] : []),
    ];
  }
}

/** Values that must not be seen: also without the scheme before them (`Bearer x`). */
export function secretsIn(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => [value, ...value.split(/\s+/).slice(1)]);
}

export function withoutSecretValues(text: string, secrets: readonly string[]): string {
  const longestFirst = secrets
    .filter(({ length }) => length >= secretLengthMin)
    .toSorted((a, b) => b.length - a.length);
  return longestFirst.reduce((shown, secret) => shown.replaceAll(secret, hidden), text);
}

function plainLine(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences of terminals are what is removed
  const plain = line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  const { length } = plain;
  return (length > shownLineLengthMax ? `${plain.slice(0, shownLineLengthMax)}...` : plain).trimEnd();
}
