// The files chosen for an upload: names made safe to compare, the common folder taken off, sums. Pure.

/** A file and its path within what will be uploaded. */
export interface Chosen<F> {
  path: string;
  file: F;
}

/** Adds files; a path chosen again replaces the one before. Sorted, a Dockerfile first. */
export function merge<F>(known: readonly Chosen<F>[], added: readonly Chosen<F>[]): Chosen<F>[] {
  const byPath = new Map(known.map((one) => [one.path, one]));
  for (const one of added) byPath.set(one.path, one);
  return [...byPath.values()].sort((a, b) => rank(a.path) - rank(b.path) || (a.path < b.path ? -1 : 1));
}

/** `project/src/a` and `project/Dockerfile` → without `project/`: a folder stands for its content. */
export function strip<F>(added: readonly Chosen<F>[]): Chosen<F>[] {
  const first = added[0]?.path.split("/")[0];
  const common = added.every((one) => one.path.includes("/") && one.path.split("/")[0] === first);
  if (!common || first === undefined) return [...added];
  return added.map((one) => ({ ...one, path: one.path.slice(first.length + 1) }));
}

function rank(path: string): number {
  return /^(Dockerfile|Containerfile)/.test(path) ? 0 : path.includes("/") ? 2 : 1;
}
