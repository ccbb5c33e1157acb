// What a failover left behind: written down when it happens, completed when the lost region is back.
export { completeLossReport, completeStored } from './complete.ts';
export {
  groupCells,
  lossMarkdown,
  missingWords,
  nextSteps,
  timeOf,
  transactionCells,
  undecidedWords,
} from './markdown.ts';
export { type StoredLoss, storedLosses } from './records.ts';
export { costSentence, formatRate, lossTotals } from './totals.ts';
export type { LossReport, PartitionLoss } from './types.ts';
export { writeLossReport } from './write.ts';
