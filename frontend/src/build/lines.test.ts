import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines } from "./lines";

test("whole lines stand alone", () => {
  assert.deepEqual(new Lines().cut("stdout", "a\nb\n"), { first: "a", joins: false, rest: ["b"] });
});

test("an unfinished line goes on with the next piece of its stream", () => {
  const lines = new Lines();
  assert.deepEqual(lines.cut("stdout", "a\nb"), { first: "a", joins: false, rest: ["b"] });
  assert.deepEqual(lines.cut("stderr", "warning\n"), { first: "warning", joins: false, rest: [] });
  assert.deepEqual(lines.cut("stdout", "c\nd\n"), { first: "c", joins: true, rest: ["d"] });
  assert.deepEqual(lines.cut("stdout", "e\n"), { first: "e", joins: false, rest: [] });
});

test("a line end alone ends the open line, or is an empty line", () => {
  const lines = new Lines();
  lines.cut("stdout", "a");
  assert.deepEqual(lines.cut("stdout", "\n"), { first: "", joins: true, rest: [] });
  assert.deepEqual(lines.cut("stdout", "\n"), { first: "", joins: false, rest: [] });
  assert.equal(lines.cut("stdout", ""), null);
});
