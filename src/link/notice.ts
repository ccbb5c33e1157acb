/** Something people should know that stops nothing. */
export interface Notice {
  readonly atMs: number;
  readonly level: 'info' | 'warning';
  readonly text: string;
}
