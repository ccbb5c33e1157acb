// What can be wrong with a simulated world; thrown where it is noticed at once.

export type FailureKind = 'wrong' | 'undetected' | 'stuck' | 'unexplained' | 'memory' | 'crashed';

export interface Failure {
  readonly kind: FailureKind;
  readonly what: string;
}

export class Stop extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.what);
    this.failure = failure;
  }
}
