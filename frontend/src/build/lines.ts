// Cuts a stream of text into lines, the last of which may still grow. Pure.

/** What a piece of output does to the lines shown. */
export interface Cut {
  /** Text to put behind the unfinished line (or to begin one with). */
  first: string;
  /** Whether `first` goes on with the line before. */
  joins: boolean;
  /** Further lines. */
  rest: string[];
}

/** Remembers per stream whether its last line is unfinished. */
export class Lines {
  #open = new Map<string, boolean>();

  /** Takes one piece of `stream`; null when it holds nothing. */
  cut(stream: string, text: string): Cut | null {
    if (text === "") return null;
    const joins = this.#open.get(stream) ?? false;
    const parts = text.split("\n");
    const ended = parts.at(-1) === "";
    if (ended) parts.pop();
    this.#open.set(stream, !ended);
    return { first: parts[0] ?? "", joins, rest: parts.slice(1) };
  }
}
