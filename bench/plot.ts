// Draws the measurements as bars in an SVG that needs no script and reads well in light and dark pages. Pure.
import type { Measurement } from './measure.ts';

const panels: readonly {
  title: string;
  unit: string;
  better: string;
  value: (row: Measurement) => number;
}[] = [
  {
    title: 'CPU seconds per GB, steady',
    unit: '',
    better: 'less is better',
    value: (row) => row.cpuSecondsPerGb,
  },
  { title: 'Throughput', unit: ' MB/s', better: 'more is better', value: (row) => row.megabytesPerSecond },
  { title: 'Peak memory', unit: ' MB', better: 'less is better', value: (row) => row.peakRssMb },
];
const [width, labelWidth, valueWidth] = [720, 200, 90];
const [barHeight, barGap, panelGap, headHeight, top] = [22, 8, 26, 26, 44];
const [accent, muted] = ['#0f766e', '#94a3b8'];

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly better: string;
  readonly bars: readonly { readonly title: string; readonly value: number; readonly isOurs: boolean }[];
}

export function renderPlot(rows: readonly Measurement[], caption: string): string {
  return renderBars(
    panels.map(({ value, ...panel }) => ({
      ...panel,
      bars: rows.map((row) => ({
        ...{ title: row.title, value: value(row), isOurs: row.title.startsWith('Lockstep') },
      })),
    })),
    caption,
  );
}

/** Panels below each other, each with a scale of its own. */
export function renderBars(all: readonly Panel[], caption: string): string {
  const parts: string[] = [];
  let panelTop = top;
  for (const { title, unit, better, bars } of all) {
    const largest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
    parts.push(
      `<text x="0" y="${panelTop + 14}" class="head">${escapeXml(title)} <tspan class="note">${better}</tspan></text>`,
    );
    for (const [index, bar] of bars.entries()) {
      const { value } = bar;
      const y = panelTop + headHeight + index * (barHeight + barGap);
      const length = Math.max(2, ((width - labelWidth - valueWidth) * value) / largest);
      const middle = y + barHeight / 2 + 4;
      parts.push(
        `<text x="${labelWidth - 10}" y="${middle}" text-anchor="end">${escapeXml(bar.title)}</text>`,
        `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3" fill="${bar.isOurs ? accent : muted}"/>`,
        `<text x="${(labelWidth + length + 8).toFixed(1)}" y="${middle}">${value.toFixed(value < 10 ? 2 : 0)}${unit}</text>`,
      );
    }
    panelTop += headHeight + bars.length * (barHeight + barGap) + panelGap;
  }
  const height = panelTop;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(caption)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #334155; }
.head { font-weight: 600; } .note { font-weight: 400; fill: #64748b; }
@media (prefers-color-scheme: dark) { text { fill: #e2e8f0; } .note { fill: #94a3b8; } }
</style>
<text x="0" y="18" class="note">${escapeXml(caption)}</text>
${parts.join('\n')}
</svg>
`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
