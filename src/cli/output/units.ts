// Numbers as people read them, for the files that print.
export { formatBytes, formatBytesPerSecond, formatCount, formatDuration, plural } from '../../units.ts';
