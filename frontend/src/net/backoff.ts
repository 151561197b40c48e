// How long to wait before the n-th try in a row: doubling, capped, with jitter so that a restarted server
// is not met by every open page at the same instant. Pure.

const FIRST_MS = 500;
const CAP_MS = 15_000;

/** Milliseconds before try number `attempt` (0 = first retry). `random` is in [0, 1). */
export function delayMs(attempt: number, random: number): number {
  const full = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full * (0.75 + random * 0.5));
}
