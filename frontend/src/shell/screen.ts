// xterm.js, set up for us: fixed dark palette, no network, no clipboard access for programs, links only to
// http(s) and only after a question. Loaded on demand: nothing else of the console imports this file.

import { FitAddon } from "@xterm/addon-fit";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { confirm } from "../ui/confirm";
import { openStrictly } from "./styles";

const THEME = {
  background: "#0f1214",
  foreground: "#eceae5",
  cursor: "#ec9a66",
  cursorAccent: "#0f1214",
  selectionBackground: "#6b3a1c",
  black: "#22272b",
  red: "#ff8f88",
  green: "#74d391",
  yellow: "#e9ba5a",
  blue: "#86b7f0",
  magenta: "#e29be0",
  cyan: "#67d0d6",
  white: "#d6d3cc",
  brightBlack: "#8f969c",
  brightRed: "#ffa8a2",
  brightGreen: "#93e6ac",
  brightYellow: "#f5d07d",
  brightBlue: "#a6ccfa",
  brightMagenta: "#f0b8ee",
  brightCyan: "#90e6ea",
  brightWhite: "#f7f5f0",
};

/** A terminal in `parent`, and the add-on that fits it to its size. */
export function openScreen(parent: HTMLElement, label: string): { terminal: Terminal; fit: FitAddon } {
  const style = getComputedStyle(document.documentElement);
  const terminal = new Terminal({
    allowProposedApi: true,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    fontFamily: style.getPropertyValue("--mono").trim() || "monospace",
    fontSize: 14,
    lineHeight: 1.15,
    linkHandler: { activate: (_event, uri) => void visit(uri) },
    minimumContrastRatio: 1,
    scrollback: 10_000,
    theme: THEME,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new Unicode11Addon());
  terminal.loadAddon(new WebLinksAddon((_event, uri) => void visit(uri)));
  terminal.unicode.activeVersion = "11";
  openStrictly(document, () => terminal.open(parent));
  terminal.textarea?.setAttribute("aria-label", `Terminal: ${label}`);
  return { terminal, fit };
}

/** A program's hyperlink may say one thing and lead to another: show where it leads, then ask. */
async function visit(uri: string): Promise<void> {
  if (!/^https?:\/\//i.test(uri)) return;
  if (await confirm({ question: "Open this link?", explain: uri, verb: "Open", danger: false })) {
    window.open(uri, "_blank", "noopener,noreferrer");
  }
}
