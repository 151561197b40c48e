// The lines a log page holds: bounded by rows and by characters, oldest go first. Pure; no DOM.
// Every row gets a running number, so that a view can name a range that survives the dropping of old rows.

/** One row as the server sends it. */
export interface Incoming {
  cursor: string;
  time: string;
  stream: string;
  text: string;
  partial: boolean;
}

/** One row as it is kept. A mark (`stream` = "mark") is a remark of ours: a gap, an end, a new start. */
export interface Row {
  id: number;
  time: string;
  stream: string;
  text: string;
  /** More text of this line is to come. */
  open: boolean;
}

/** What a push changed. */
export interface Change {
  /** First new row; equals `next` of the buffer when none is new. */
  from: number;
  /** Older rows whose text grew. */
  grown: Row[];
}

/** A line longer than this goes on as a further row. */
const LINE_CHARS = 64 * 1024;

/** A bounded list of rows. */
export class Buffer {
  #rows: Row[] = [];
  #first = 0;
  #chars = 0;
  #cursor: string | null = null;
  #maxRows: number;
  #maxChars: number;

  constructor(maxRows: number, maxChars: number) {
    this.#maxRows = maxRows;
    this.#maxChars = maxChars;
  }

  /** Number of the oldest row held. */
  get first(): number {
    return this.#first;
  }

  /** Number that the next row will get. */
  get next(): number {
    return this.#first + this.#rows.length;
  }

  /** Where to resume: the cursor of the newest row received. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** Rows `from` to `to` (exclusive), as far as they are held. */
  slice(from: number, to: number): Row[] {
    return this.#rows.slice(Math.max(0, from - this.#first), Math.max(0, to - this.#first));
  }

  /** Takes what came in; joins the pieces of a line. */
  push(incoming: readonly Incoming[]): Change {
    const from = this.next;
    const grown = new Set<Row>();
    for (const row of incoming) {
      this.#cursor = row.cursor;
      const open = this.#open(row.stream);
      if (open && open.text.length + row.text.length <= LINE_CHARS) {
        open.text += row.text;
        open.open = row.partial;
        this.#chars += row.text.length;
        if (open.id < from) grown.add(open);
      } else {
        if (open) open.open = false;
        this.#add({ id: 0, time: row.time, stream: row.stream, text: row.text, open: row.partial });
      }
    }
    this.#trim();
    return { from: Math.max(from, this.#first), grown: [...grown].filter((row) => row.id >= this.#first) };
  }

  /** Sets a remark behind the newest row. */
  mark(text: string, time = ""): Change {
    const from = this.next;
    this.#add({ id: 0, time, stream: "mark", text, open: false });
    this.#trim();
    return { from, grown: [] };
  }

  /** Forgets the rows, not the place to resume from. */
  clear(): void {
    this.#first = this.next;
    this.#rows = [];
    this.#chars = 0;
  }

  #add(row: Row): void {
    row.id = this.next;
    this.#rows.push(row);
    this.#chars += row.text.length;
  }

  /** The unfinished line of a stream: it is among the last rows, as only other streams can come between. */
  #open(stream: string): Row | undefined {
    for (let i = this.#rows.length - 1; i >= Math.max(0, this.#rows.length - 64); i -= 1) {
      const row = this.#rows[i];
      if (row?.stream === stream) return row.open ? row : undefined;
    }
    return undefined;
  }

  /** Drops in strides, so that a busy log does not shift the array for every row. */
  #trim(): void {
    if (this.#rows.length <= this.#maxRows && this.#chars <= this.#maxChars) return;
    let drop = Math.max(0, this.#rows.length - Math.floor(this.#maxRows * 0.9));
    let freed = 0;
    for (const row of this.#rows.slice(0, drop)) freed += row.text.length;
    while (this.#chars - freed > this.#maxChars && drop < this.#rows.length - 1) {
      freed += this.#rows[drop]?.text.length ?? 0;
      drop += 1;
    }
    this.#rows.splice(0, drop);
    this.#first += drop;
    this.#chars -= freed;
  }
}
