// Numbers as people read them. JSON output never uses these: there the plain number stands, with its unit in
// the field's name.

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1536` is `1.5 KiB`: three digits that matter, powers of 1024. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (Math.abs(value) >= 1023.95 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(Math.round(value)) : value.toFixed(1)} ${byteUnits[unit]}`;
}

/** `12.3 MiB/s`. */
export function formatBytesPerSecond(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** `1234567` is `1,234,567`. */
export function formatCount(count: number | bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** The two largest units that matter: `850 ms`, `1.5 s`, `3 min 20 s`, `2 h 5 min`, `7 days`. */
export function formatDuration(milliseconds: number): string {
  const ms = Math.round(milliseconds);
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return twoUnits(seconds, 60, 'min', 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return twoUnits(minutes, 60, 'h', 'min');
  const hours = Math.round(minutes / 60);
  return twoUnits(hours, 24, hours >= 48 ? 'days' : 'day', 'h');
}

function twoUnits(small: number, factor: number, bigName: string, smallName: string): string {
  const rest = small % factor;
  const big = `${Math.floor(small / factor)} ${bigName}`;
  return rest === 0 ? big : `${big} ${rest} ${smallName}`;
}

/** `1 partition`, `2 partitions`. */
export function plural(count: number | bigint, singular: string, many = `${singular}s`): string {
  return `${formatCount(count)} ${Number(count) === 1 ? singular : many}`;
}
