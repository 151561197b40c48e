// The keys that a touch keyboard lacks: a bar below the screen, shown where the pointer is coarse.

import { button, el } from "../ui/dom";

const KEYS = [
  ["Esc", "\x1b"],
  ["Tab", "\t"],
  ["←", "\x1b[D"],
  ["↓", "\x1b[B"],
  ["↑", "\x1b[A"],
  ["→", "\x1b[C"],
] as const;
const NAMES: Record<string, string> = { "←": "Left", "↓": "Down", "↑": "Up", "→": "Right" };

/** The bar, and whether Ctrl waits for the next key. */
export class Keys {
  readonly bar = el("div", { class: "term-keys", role: "toolbar", "aria-label": "Keys" });
  #control: HTMLButtonElement;

  /** `send` types a key and gives the focus back to the screen. */
  constructor(send: (data: string) => void) {
    this.#control = button("Ctrl", "btn-small", () => {
      this.#hold(this.#control.getAttribute("aria-pressed") !== "true");
      send("");
    });
    this.#hold(false);
    this.bar.append(this.#control);
    for (const [label, data] of KEYS) {
      const key = button(label, "btn-small", () => send(data));
      if (NAMES[label]) key.setAttribute("aria-label", NAMES[label]);
      this.bar.append(key);
    }
  }

  /** What `data` becomes with Ctrl held; one key releases it. */
  apply(data: string): string {
    if (data.length !== 1 || this.#control.getAttribute("aria-pressed") !== "true") return data;
    this.#hold(false);
    return String.fromCharCode(data.toUpperCase().charCodeAt(0) & 0x1f);
  }

  #hold(on: boolean): void {
    this.#control.setAttribute("aria-pressed", String(on));
  }
}
