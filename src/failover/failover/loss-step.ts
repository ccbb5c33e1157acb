// Step 6 of a failover: what is known of the loss is written down. Nothing waits for it but the news for the other regions.
import { LockstepError } from '../../errors.ts';
import { within } from '../../patience.ts';
import { costSentence, writeLossReport } from '../loss/index.ts';
import type { Step } from '../types.ts';

const reportMsMax = 45_000;

export const loss: Step = {
  name: 'loss',
  title: () => 'write the loss report',
  limitMs: () => reportMsMax + 5_000,
  run: async (context, move) => {
    try {
      const report = await within(writeLossReport(context, move), reportMsMax, 'the loss report');
      return { remark: costSentence(report) };
    } catch (error) {
      // The region works; a report can be written later, from the same records.
      if (!(error instanceof LockstepError)) throw error;
      return { remark: `NOT written: ${error.message}` };
    }
  },
};
