// Escape sequences of log text: SGR becomes styles, everything else vanishes. Pure; no DOM.
// What may come in is hostile: titles, links, clipboard writes, cursor moves. None of it has an effect.

/** Colours are indices of the sixteen named ones; -1 is the default. */
export interface Style {
  fg: number;
  bg: number;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}

/** A stretch of text in one style. */
export interface Piece {
  text: string;
  style: Style;
}

export const PLAIN: Style = Object.freeze({
  fg: -1,
  bg: -1,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
});

// In order: CSI; OSC, DCS, SOS, PM, APC up to their end (or the end of the line); other escapes; a lone ESC;
// control characters except tab. The 8-bit introducers (0x80-0x9f) count as well.
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[\s\S]*?(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

/** Cuts one line into styled pieces, and says in which style the next line begins. */
export function parse(line: string, from: Style): { pieces: Piece[]; style: Style } {
  const text = overwritten(line);
  const pieces: Piece[] = [];
  let style = from;
  let at = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    add(pieces, text.slice(at, match.index), style);
    at = match.index + match[0].length;
    if (match[2] === "m") style = sgr(style, match[1] ?? "");
  }
  add(pieces, text.slice(at), style);
  return { pieces, style };
}

/** The class names a style stands for ("" for plain). */
export function classes(style: Style): string {
  const names: string[] = [];
  const { fg, bg } = style.inverse ? { fg: style.bg, bg: style.fg } : style;
  if (style.inverse && fg < 0) names.push("fg-paper");
  if (style.inverse && bg < 0) names.push("bg-ink");
  if (fg >= 0) names.push(`fg${fg}`);
  if (bg >= 0) names.push(`bg${bg}`);
  if (style.bold) names.push("sgr-b");
  if (style.dim) names.push("sgr-d");
  if (style.italic) names.push("sgr-i");
  if (style.underline) names.push("sgr-u");
  if (style.strike) names.push("sgr-s");
  return names.join(" ");
}

/** A carriage return writes over what stands before it: progress bars show their last state. */
function overwritten(line: string): string {
  const end = line.endsWith("\r") ? line.length - 1 : line.length;
  const cut = line.lastIndexOf("\r", end - 1);
  return line.slice(end > 0 ? cut + 1 : 0, end);
}

function add(pieces: Piece[], text: string, style: Style): void {
  if (text !== "") pieces.push({ text, style });
}

function sgr(from: Style, parameters: string): Style {
  // Colons separate sub-parameters (`38:2::r:g:b`); an empty one is 0.
  const values = parameters.split(";").map((group) => group.split(":").map((value) => Number(value) || 0));
  let style = from;
  for (let i = 0; i < values.length; i += 1) {
    const group = values[i] ?? [0];
    const code = group[0] ?? 0;
    if (code === 38 || code === 48) {
      const inline = group.length > 1;
      const rest = inline ? group.slice(1) : values.slice(i + 1, i + 5).map((one) => one[0] ?? 0);
      const { colour, used } = extended(rest, inline);
      if (!inline) i += used;
      style = code === 38 ? { ...style, fg: colour } : { ...style, bg: colour };
    } else style = simple(style, code, group[1]);
  }
  return style;
}

function simple(style: Style, code: number, detail: number | undefined): Style {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 3) return { ...style, italic: true };
  if (code === 4) return { ...style, underline: detail !== 0 };
  if (code === 7) return { ...style, inverse: true };
  if (code === 9) return { ...style, strike: true };
  if (code === 21) return { ...style, underline: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 23) return { ...style, italic: false };
  if (code === 24) return { ...style, underline: false };
  if (code === 27) return { ...style, inverse: false };
  if (code === 29) return { ...style, strike: false };
  if (code >= 30 && code <= 37) return { ...style, fg: code - 30 };
  if (code === 39) return { ...style, fg: -1 };
  if (code >= 40 && code <= 47) return { ...style, bg: code - 40 };
  if (code === 49) return { ...style, bg: -1 };
  if (code >= 90 && code <= 97) return { ...style, fg: code - 82 };
  if (code >= 100 && code <= 107) return { ...style, bg: code - 92 };
  return style;
}

/** `5;n` or `2;r;g;b`, brought down to the sixteen colours that both themes can show legibly. */
function extended(rest: number[], inline: boolean): { colour: number; used: number } {
  if (rest[0] === 5) return { colour: indexed(rest[1] ?? 0), used: 2 };
  if (rest[0] === 2) {
    // The colon form may carry a colour space before the three values.
    const at = inline && rest.length > 4 ? 2 : 1;
    return { colour: nearest(rest[at] ?? 0, rest[at + 1] ?? 0, rest[at + 2] ?? 0), used: 4 };
  }
  return { colour: -1, used: 1 };
}

function indexed(index: number): number {
  if (index < 16) return index;
  if (index > 231) {
    const grey = 8 + (index - 232) * 10;
    return nearest(grey, grey, grey);
  }
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

/** By hue, not by distance: what was meant as orange stays warm. */
function nearest(red: number, green: number, blue: number): number {
  const high = Math.max(red, green, blue);
  const low = Math.min(red, green, blue);
  if (high - low < 40) return high < 60 ? 0 : high < 150 ? 8 : high < 225 ? 7 : 15;
  const middle = (high + low) / 2;
  const bits = (red > middle ? 1 : 0) | (green > middle ? 2 : 0) | (blue > middle ? 4 : 0);
  return high > 200 ? bits + 8 : bits;
}
