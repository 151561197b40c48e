import assert from "node:assert/strict";
import { test } from "node:test";
import { add, ceiling, KEPT, path } from "./series";

test("a minute of samples is kept", () => {
  let series: number[] = [];
  for (let i = 0; i < KEPT + 5; i += 1) series = add(series, i);
  assert.equal(series.length, KEPT);
  assert.equal(series[0], 5);
});

test("the newest sample stands at the right edge, the highest at the top", () => {
  const { line, area } = path([0, 10], 10, KEPT - 1, 100);
  assert.equal(line, "M58 100L59 0");
  assert.equal(area, "M58 100L59 0L59 100L58 100Z");
  assert.deepEqual(path([], 10, 59, 100), { line: "", area: "" });
});

test("values above the ceiling stay in the box", () => {
  assert.equal(path([20], 10, 59, 100).line, "M59 0");
});

test("the ceiling is the limit when it is near, else a round figure", () => {
  assert.equal(ceiling([300], 512), 512);
  assert.equal(ceiling([10], 512), 20);
  assert.equal(ceiling([0.07], 0), 0.1);
  assert.equal(ceiling([3.1], 0), 5);
  assert.equal(ceiling([], 0), 1);
});
