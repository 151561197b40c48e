// The accounting of a terminal session: which bytes were seen, drawn, acknowledged and sent. Pure; no DOM,
// no socket. Output is numbered by the server, so that a reload or a lost network resumes at the exact byte.

const HEADER_BYTES = 8;
/** Output drawn before it is acknowledged, so that a busy program does not cost a message per frame. */
const ACK_EVERY_BYTES = 64 * 1024;
/** Input on its way at most, and in one message at most: a paste must not fill the server's memory. */
const INPUT_WINDOW_BYTES = 256 * 1024;
const INPUT_MESSAGE_BYTES = 16 * 1024;

/** What one binary message from the server amounts to. */
export interface Output {
  bytes: Uint8Array;
  /** Sequence number behind the last byte. */
  end: number;
  /** Bytes between what we have and this are gone: the screen must start anew. */
  jumped: boolean;
}

/** The receiving half: sequence numbers in, acknowledgements out. */
export class Inbound {
  #next: number | null = null;
  #drawn = 0;
  #acked = 0;

  /** Where to resume; null before the first byte. */
  get next(): number | null {
    return this.#next;
  }

  /** Takes a message; null when it holds nothing new. */
  accept(message: Uint8Array): Output | null {
    if (message.byteLength <= HEADER_BYTES) return null;
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const start = Number(view.getBigUint64(0));
    const body = message.subarray(HEADER_BYTES);
    const end = start + body.byteLength;
    const known = this.#next;
    if (known !== null && end <= known) return null;
    const skip = known !== null && start < known ? known - start : 0;
    this.#next = end;
    return { bytes: body.subarray(skip), end, jumped: known !== null && start > known };
  }

  /** Everything below `seq` is on the screen. Returns the acknowledgement to send now, if one is due. */
  drawn(seq: number): number | null {
    this.#drawn = Math.max(this.#drawn, seq);
    return this.#drawn - this.#acked >= ACK_EVERY_BYTES ? this.ack() : null;
  }

  /** The acknowledgement for all that is drawn, if the server does not have it yet. */
  ack(): number | null {
    if (this.#drawn <= this.#acked) return null;
    this.#acked = this.#drawn;
    return this.#acked;
  }

  /** A new connection: the server counts from where we resume. */
  resumed(): void {
    this.#acked = this.#next ?? 0;
    this.#drawn = Math.max(this.#drawn, this.#acked);
  }
}

/** The sending half: what was typed or pasted, in order, never more on its way than the window. */
export class Outbound {
  #queue: Uint8Array[] = [];
  #head = 0;
  #sent = 0;
  #taken = 0;

  push(bytes: Uint8Array): void {
    if (bytes.byteLength > 0) this.#queue.push(bytes);
  }

  /** Bytes typed but not yet sent. */
  get waiting(): number {
    return this.#queue.reduce((sum, part) => sum + part.byteLength, 0) - this.#head;
  }

  /** Bytes sent of which nobody said that they arrived. */
  get unsure(): number {
    return this.#sent - this.#taken;
  }

  /** The next message to send, if the window has room. */
  take(): Uint8Array<ArrayBuffer> | null {
    const room = Math.min(INPUT_MESSAGE_BYTES, INPUT_WINDOW_BYTES - this.unsure);
    if (room <= 0 || this.#queue.length === 0) return null;
    const message = new Uint8Array(Math.min(room, this.waiting));
    let filled = 0;
    while (filled < message.byteLength) {
      const part = this.#queue[0];
      if (!part) break;
      const piece = part.subarray(this.#head, this.#head + message.byteLength - filled);
      message.set(piece, filled);
      filled += piece.byteLength;
      this.#head += piece.byteLength;
      if (this.#head === part.byteLength) {
        this.#queue.shift();
        this.#head = 0;
      }
    }
    this.#sent += filled;
    return message;
  }

  /** The server passed on `total` bytes of this connection. */
  taken(total: number): void {
    this.#taken = Math.min(this.#sent, Math.max(this.#taken, total));
  }

  /** The connection broke: what was on its way is never sent twice. Returns how much that is. */
  broken(): number {
    const lost = this.unsure;
    this.#sent = 0;
    this.#taken = 0;
    return lost;
  }
}
