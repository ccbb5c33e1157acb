// Draws the measurements as bars in an SVG that needs no script and reads well in light and dark pages. Pure.
import { figures } from './figures.ts';
import { numberText } from './report.ts';
import type { ContestantRuns } from './shape.ts';
import { type FigureName, spreadOf } from './wanted.ts';

/** What is worth a panel, the most telling first. */
const plotted: readonly FigureName[] = [
  ...(['latencyP50Ms', 'latencyP99Ms', 'lagSecondsMax', 'cpuSecondsPerGb', 'megabytesPerSecond'] as const),
  ...(['peakRssMb', 'recordsPerSecond', 'corePercent', 'startSeconds', 'rssMb'] as const),
];
const panelsMax = 3;
const [width, labelWidth, valueWidth] = [800, 320, 90];
const [barHeight, barGap, panelGap, headHeight, top] = [22, 8, 26, 26, 44];
const captionLineHeight = 18;
const [accent, muted] = ['#0f766e', '#94a3b8'];

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly better: string;
  /** Of the values; by default as many as small values need. */
  readonly digits?: number;
  readonly bars: readonly Bar[];
}

interface Bar {
  readonly title: string;
  readonly value: number;
  /** Least and greatest of several runs: a line through the bar's end. */
  readonly spread?: readonly [min: number, max: number];
  readonly isOurs: boolean;
}

/** One panel for each of a few figures, medians as bars, with the spread of several runs. `wanted`: which figures; by default what the rows have. */
export function renderPlot(
  rows: readonly ContestantRuns[],
  caption: string,
  wanted: readonly FigureName[] = plotted,
): string {
  const has = (name: FigureName) => rows.some(({ runs }) => spreadOf(runs, name) !== null);
  const panels = wanted.filter(has).slice(0, panelsMax);
  return renderBars(
    panels.map((name) => {
      const { title, isLessBetter, digits } = figures[name];
      const better = isLessBetter === null ? '' : isLessBetter ? 'less is better' : 'more is better';
      const bars = rows.flatMap((row) => {
        const spread = spreadOf(row.runs, name);
        const isOurs = row.contestant.startsWith('lockstep');
        if (spread === null) return [];
        const { median: value, min, max } = spread;
        return [
          { title: row.title, value, isOurs, ...(row.runs.length > 1 && { spread: [min, max] as const }) },
        ];
      });
      return { title, unit: '', better, bars, digits };
    }),
    caption,
  );
}

/** Panels below each other, each with a scale of its own; the caption may have several lines. */
export function renderBars(all: readonly Panel[], caption: string): string {
  const parts: string[] = [];
  const captionLines = caption.split('\n');
  let panelTop = top + captionLineHeight * (captionLines.length - 1);
  for (const { title, unit, better, digits, bars } of all) {
    const largest = Math.max(...bars.map(({ value, spread }) => spread?.[1] ?? value), Number.MIN_VALUE);
    const lengthOf = (value: number) => Math.max(2, ((width - labelWidth - valueWidth) * value) / largest);
    parts.push(
      `<text x="0" y="${panelTop + 14}" class="head">${escapeXml(title)} <tspan class="note">${better}</tspan></text>`,
    );
    for (const [index, bar] of bars.entries()) {
      const { value } = bar;
      const y = panelTop + headHeight + index * (barHeight + barGap);
      const length = lengthOf(value);
      const [from, to] = (bar.spread ?? [value, value]).map(lengthOf) as [number, number];
      const middle = y + barHeight / 2 + 4;
      parts.push(
        `<text x="${labelWidth - 10}" y="${middle}" text-anchor="end">${escapeXml(bar.title)}</text>`,
        `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3" fill="${bar.isOurs ? accent : muted}"/>`,
        `<text x="${(labelWidth + Math.max(length, to) + 8).toFixed(1)}" y="${middle}">${numberText(value, digits ?? (value < 10 ? 2 : 0))}${unit}</text>`,
      );
      if (bar.spread)
        parts.push(
          `<path d="M${(labelWidth + from).toFixed(1)} ${middle - 4}H${(labelWidth + to).toFixed(1)}" class="spread"/>`,
        );
    }
    panelTop += headHeight + bars.length * (barHeight + barGap) + panelGap;
  }
  const height = panelTop;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(captionLines.join('; '))}">
<style>
text { font: 13px system-ui, sans-serif; fill: #334155; }
.spread { stroke: #0f172a; stroke-opacity: 0.55; stroke-width: 2; }
.head { font-weight: 600; } .note { font-weight: 400; fill: #64748b; }
@media (prefers-color-scheme: dark) { text { fill: #e2e8f0; } .note { fill: #94a3b8; }
.spread { stroke: #f8fafc; } }
</style>
${captionLines.map((line, index) => `<text x="0" y="${18 + index * captionLineHeight}" class="note">${escapeXml(line)}</text>`).join('\n')}
${parts.join('\n')}
</svg>
`;
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
