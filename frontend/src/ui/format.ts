// Numbers as people read them. Pure; every script of the console formats through here.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `134217728` → `128 MiB`: three digits at most. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** A share of one core: `0.125` → `12.5 %`. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value.toFixed(value >= 100 ? 0 : 1)} %`;
}

/** A span of time in the two units that matter: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`. */
export function span(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How long ago: `just now`, `5 minutes ago`, `in 2 hours`. */
export function ago(then: number, now: number): string {
  if (Math.abs(now - then) < 5000) return "just now";
  const words = lasting(then, now);
  return now < then ? `in ${words}` : `${words} ago`;
}

/** The time between two moments in its largest unit: `40 seconds`, `1 hour`. */
export function lasting(then: number, now: number): string {
  const steps: [number, string][] = [
    [60, "second"],
    [60, "minute"],
    [24, "hour"],
    [7, "day"],
    [4.35, "week"],
    [12, "month"],
    [Number.POSITIVE_INFINITY, "year"],
  ];
  let value = Math.abs(Math.round((now - then) / 1000));
  for (const [limit, unit] of steps) {
    if (value < limit) {
      const whole = Math.floor(value);
      return `${whole} ${unit}${whole === 1 ? "" : "s"}`;
    }
    value /= limit;
  }
  return "";
}

/** Wall-clock time of a log line in the reader's zone: `14:03:09.120`. */
export function clock(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
