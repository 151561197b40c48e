// Which rows of the buffer are drawn: a range that follows the end or stays where the reader is. Pure; no DOM.

/** Rows drawn at most, and rows fetched at a time when the reader nears an edge. */
export const MOST = 800;
export const STRIDE = 200;

/** A range of row numbers, `to` exclusive. */
export interface Range {
  from: number;
  to: number;
}

/** The newest rows. */
export function tail(first: number, next: number): Range {
  return { from: Math.max(first, next - MOST), to: next };
}

/** After rows came in: a pinned view follows; another grows only while nothing must leave for it. */
export function grown(range: Range, first: number, next: number, pinned: boolean): Range {
  if (pinned) return { from: Math.max(first, range.from, next - MOST), to: next };
  if (range.to < first) return range;
  return { from: range.from, to: Math.min(next, Math.max(range.to, range.from + MOST)) };
}

/** The reader nears the top edge: older rows in, newest out. */
export function older(range: Range, first: number): Range {
  const from = Math.max(first, range.from - STRIDE);
  if (from >= range.from) return range;
  return { from, to: Math.min(range.to, from + MOST) };
}

/** The reader nears the bottom edge: newer rows in, oldest out. Where the buffer has dropped what would come
 * next, the range jumps to the oldest rows there are. */
export function newer(range: Range, first: number, next: number): Range {
  if (range.to < first) return { from: first, to: Math.min(next, first + MOST) };
  const to = Math.min(next, range.to + STRIDE);
  if (to <= range.to) return range;
  return { from: Math.max(range.from, to - MOST), to };
}
