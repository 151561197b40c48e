import assert from "node:assert/strict";
import { test } from "node:test";
import { Buffer, type Incoming } from "./buffer";

let count = 0;
const row = (text: string, more: Partial<Incoming> = {}): Incoming => {
  count += 1;
  const cursor = `c${count}`;
  return { cursor, time: "2026-01-01T00:00:00Z", stream: "stdout", text, partial: false, ...more };
};
const texts = (buffer: Buffer) => buffer.slice(0, buffer.next).map((one) => one.text);

test("rows are numbered on, and the newest cursor is where to resume", () => {
  const buffer = new Buffer(10, 1000);
  const change = buffer.push([row("a"), row("b", { cursor: "B" })]);
  assert.deepEqual([change.from, buffer.first, buffer.next, buffer.cursor], [0, 0, 2, "B"]);
});

test("the rows of one long line may share a cursor", () => {
  const buffer = new Buffer(10, 1000);
  buffer.push([row("a", { cursor: "A", partial: true }), row("b", { cursor: "A" })]);
  assert.deepEqual(texts(buffer), ["ab"]);
  assert.equal(buffer.cursor, "A");
});

test("the pieces of a line are joined, also across batches and with another stream between", () => {
  const buffer = new Buffer(10, 1000);
  buffer.push([row("one ", { partial: true }), row("err", { stream: "stderr" })]);
  const change = buffer.push([row("two"), row("three")]);
  assert.deepEqual(texts(buffer), ["one two", "err", "three"]);
  assert.deepEqual(
    change.grown.map((one) => one.id),
    [0],
  );
  assert.equal(change.from, 2);
});

test("a line without end is cut into rows of bounded length", () => {
  const buffer = new Buffer(100, 10_000_000);
  for (let i = 0; i < 5; i += 1) buffer.push([row("x".repeat(30_000), { partial: true })]);
  assert.deepEqual(
    texts(buffer).map((text) => text.length),
    [60_000, 60_000, 30_000],
  );
});

test("the oldest rows go first, and numbers stay with their rows", () => {
  const buffer = new Buffer(100, 1_000_000);
  for (let i = 0; i < 250; i += 1) buffer.push([row(`line ${i}`)]);
  assert.ok(buffer.next - buffer.first <= 100);
  assert.equal(buffer.next, 250);
  assert.equal(buffer.slice(249, 250)[0]?.text, "line 249");
  assert.equal(buffer.slice(0, buffer.first).length, 0);
});

test("long lines count by their characters", () => {
  const buffer = new Buffer(1000, 10_000);
  for (let i = 0; i < 50; i += 1) buffer.push([row("y".repeat(1000))]);
  assert.ok(buffer.next - buffer.first <= 10);
});

test("clearing keeps the place to resume from", () => {
  const buffer = new Buffer(10, 1000);
  buffer.push([row("a", { cursor: "A" })]);
  buffer.clear();
  assert.deepEqual([texts(buffer), buffer.cursor, buffer.next], [[], "A", 1]);
});

test("a mark stands between the rows", () => {
  const buffer = new Buffer(10, 1000);
  buffer.push([row("a")]);
  buffer.mark("3 lines are missing here");
  buffer.push([row("b")]);
  assert.deepEqual(texts(buffer), ["a", "3 lines are missing here", "b"]);
});
