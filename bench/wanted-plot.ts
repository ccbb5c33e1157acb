// Draws everything that is asked of all shapes against what was seen, as bars to both sides of the line where it is just
// met. Pure.
import { escapeXml } from './plot.ts';
import { barText, measuredText, type ShapeRecord } from './report.ts';

type WantedRecord = ShapeRecord['wanted'][number];

const [width, labelWidth, valueWidth] = [1000, 500, 160];
const [rowHeight, barHeight, headHeight, shapeGap] = [18, 11, 64, 9];
/** How much better and worse than asked the axis reaches, times; what is beyond ends there. */
const [bestTimes, worstTimes] = [16, 16];
const ticks = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8];
const [metColour, missedColour] = ['#0f766e', '#d97706'];

/** A row for each thing asked that was measured, in the order of the shapes: the shape, what is asked, the bar, what was seen. */
export function renderWantedPlot(records: readonly ShapeRecord[]): string {
  const parts: string[] = [];
  let y = headHeight;
  for (const { shape, wanted } of records) {
    const measured = wanted.filter(({ isMet }) => isMet !== null);
    for (const [index, each] of measured.entries()) {
      if (index === 0) parts.push(text(0, y, shape, 'head'));
      parts.push(text(labelWidth - 12, y, each.what, 'what'), bar(each, y));
      parts.push(text(width - valueWidth + 8, y, `${measuredText(each)} (${barText(each)})`, 'value'));
      y += rowHeight;
    }
    if (measured.length > 0) y += shapeGap;
  }
  const all = records.flatMap(({ wanted }) => wanted).filter(({ isMet }) => isMet !== null);
  const caption = `What is wanted of each shape, and what was seen: ${all.filter(({ isMet }) => isMet).length} of ${all.length} met`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="${escapeXml(caption)}">
<style>
text { font: 11px system-ui, sans-serif; fill: #334155; }
.head { font-weight: 600; } .what, .tick { text-anchor: end; } .tick { text-anchor: middle; fill: #64748b; }
.title { font-size: 13px; } line { stroke: #cbd5e1; } .just { stroke: #64748b; stroke-width: 2; }
@media (prefers-color-scheme: dark) { text { fill: #e2e8f0; } .tick { fill: #94a3b8; } line { stroke: #475569; } }
</style>
<text x="0" y="16" class="title">${escapeXml(caption)}</text>
${axis(y)}
${parts.join('\n')}
</svg>
`;
}

/** Times better than asked; below 1 worse. Where nothing is allowed and nothing was seen it is as good as can be. */
function timesBetter({ measured, limit, is }: WantedRecord): number {
  if (is === 'atLeast') return measured! / limit;
  return measured === 0 ? bestTimes : limit / measured!;
}

/** Where on the axis so many times better than asked stands; the axis is logarithmic. */
function xOf(times: number): number {
  const inside = Math.min(bestTimes, Math.max(1 / worstTimes, times));
  const share = Math.log(inside * worstTimes) / Math.log(bestTimes * worstTimes);
  return labelWidth + share * (width - labelWidth - valueWidth);
}

function bar(each: WantedRecord, y: number): string {
  const [just, end] = [xOf(1), xOf(timesBetter(each))];
  const colour = each.isMet ? metColour : missedColour;
  const length = Math.max(2, Math.abs(end - just));
  return `<rect x="${Math.min(just, end).toFixed(1)}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2" fill="${colour}"/>`;
}

function axis(height: number): string {
  const named = (times: number) =>
    times === 1 ? 'just met' : times > 1 ? `${times} times better` : `${1 / times} times worse`;
  return ticks
    .map((times) => {
      const x = xOf(times).toFixed(1);
      const label = [1 / 4, 1, 4].includes(times)
        ? text(Number(x), headHeight - 20, named(times), 'tick')
        : '';
      return `<line x1="${x}" y1="${headHeight - 8}" x2="${x}" y2="${height}"${times === 1 ? ' class="just"' : ''}/>${label}`;
    })
    .join('\n');
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${x}" y="${y + barHeight - 1}" class="${style}">${escapeXml(content)}</text>`;
}
