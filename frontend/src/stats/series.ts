// The last minute of a figure, and its picture as path data. Pure; no DOM.

/** Samples kept. */
export const KEPT = 60;

/** Adds a sample; the oldest leaves. */
export function add(series: readonly number[], value: number): number[] {
  return [...series, value].slice(-KEPT);
}

/** The picture in a box of `width` × `height`: newest at the right edge, `top` at the upper one. */
export function path(
  series: readonly number[],
  top: number,
  width: number,
  height: number,
): { line: string; area: string } {
  const step = width / (KEPT - 1);
  const start = width - (series.length - 1) * step;
  const points = series.map((value, i) => {
    const y = height - (Math.min(value, top) / (top || 1)) * height;
    return `${round(start + i * step)} ${round(y)}`;
  });
  if (points.length === 0) return { line: "", area: "" };
  const line = `M${points.join("L")}`;
  return { line, area: `${line}L${width} ${height}L${round(start)} ${height}Z` };
}

/** The upper edge of the picture: the limit if there is one and the line is not far below it, else a round figure above the peak. */
export function ceiling(series: readonly number[], limit: number): number {
  const peak = Math.max(...series, 0);
  if (limit > 0 && peak > limit / 4) return limit;
  if (peak === 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(peak));
  const mantissa = peak / unit;
  return unit * (mantissa < 2 ? 2 : mantissa < 5 ? 5 : 10);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
