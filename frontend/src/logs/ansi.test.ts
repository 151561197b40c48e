import assert from "node:assert/strict";
import { test } from "node:test";
import { classes, PLAIN, parse } from "./ansi";

const shown = (line: string) =>
  parse(line, PLAIN)
    .pieces.map((piece) => piece.text)
    .join("");
const marked = (line: string) => parse(line, PLAIN).pieces.map((piece) => [piece.text, classes(piece.style)]);

test("colours and attributes become class names", () => {
  assert.deepEqual(marked("a\x1b[1;31mb\x1b[22mc\x1b[0md"), [
    ["a", ""],
    ["b", "fg1 sgr-b"],
    ["c", "fg1"],
    ["d", ""],
  ]);
  assert.deepEqual(marked("\x1b[97;44mx"), [["x", "fg15 bg4"]]);
});

test("256 colours and true colour come down to sixteen, in both notations", () => {
  assert.deepEqual(marked("\x1b[38;5;9ma\x1b[38;5;196mb\x1b[38;2;0;180;0mc"), [
    ["a", "fg9"],
    ["b", "fg9"],
    ["c", "fg2"],
  ]);
  assert.deepEqual(marked("\x1b[38:2::0:0:255mx\x1b[48:5:3my"), [
    ["x", "fg12"],
    ["y", "fg12 bg3"],
  ]);
});

test("a colour does not swallow what follows it", () => {
  assert.deepEqual(marked("\x1b[38;5;1;4mx"), [["x", "fg1 sgr-u"]]);
});

test("inverse swaps the colours, defaults too", () => {
  assert.deepEqual(marked("\x1b[7mx\x1b[31my"), [
    ["x", "fg-paper bg-ink"],
    ["y", "fg-paper bg1"],
  ]);
});

test("the style goes on in the next line", () => {
  const first = parse("\x1b[32mgreen", PLAIN);
  assert.equal(classes(parse("still", first.style).pieces[0]?.style ?? PLAIN), "fg2");
});

test("hostile sequences are gone without a trace", () => {
  assert.equal(shown("a\x1b]0;title\x07b"), "ab");
  assert.equal(shown("a\x1b]52;c;cm0gLXJmIC8=\x1b\\b"), "ab");
  assert.equal(shown("a\x1b]8;;javascript:alert(1)\x1b\\click\x1b]8;;\x1b\\b"), "aclickb");
  assert.equal(shown("a\x1bPq#0;2;0;0;0\x1b\\b"), "ab");
  assert.equal(shown("a\x9d0;t\x9cb\x9b31mc"), "abc");
  assert.equal(shown("a\x1b[2J\x1b[H\x1b[?1049h\x1b[6nb"), "ab");
  assert.equal(shown("a\x1bcb\x1b(0c\x00\x07\x08\x7fd"), "abcd");
  assert.equal(shown("never ended \x1b]0;rest of line"), "never ended ");
});

test("a half sequence at the end of a line shows nothing", () => {
  assert.equal(shown("a\x1b"), "a");
  assert.equal(shown("a\x1b[31"), "a");
});

test("a carriage return shows the last state only", () => {
  assert.equal(shown("10%\r50%\r100%"), "100%");
  assert.equal(shown("dos line\r"), "dos line");
  assert.equal(shown("10%\r50%\r"), "50%");
  assert.equal(shown("\r"), "");
  assert.equal(shown(""), "");
});

test("markup stays text", () => {
  assert.equal(shown("<img src=x onerror=alert(1)>"), "<img src=x onerror=alert(1)>");
});

test("a long line of escapes takes no long time", () => {
  const start = performance.now();
  parse("\x1b[".repeat(50_000), PLAIN);
  parse(`\x1b]${"x".repeat(200_000)}`, PLAIN);
  parse(`\x1b[${"1;".repeat(100_000)}m`, PLAIN);
  assert.ok(performance.now() - start < 1500);
});
