import assert from "node:assert/strict";
import { test } from "node:test";
import { grown, MOST, newer, older, STRIDE, tail } from "./window";

test("a pinned view shows the newest rows and never more than the bound", () => {
  assert.deepEqual(tail(0, 50), { from: 0, to: 50 });
  assert.deepEqual(grown({ from: 0, to: 50 }, 0, 5000, true), { from: 5000 - MOST, to: 5000 });
});

test("a view that was scrolled up keeps its rows when new ones come", () => {
  const full = { from: 100, to: 100 + MOST };
  assert.deepEqual(grown(full, 0, 5000, false), full);
  assert.deepEqual(grown({ from: 0, to: 50 }, 0, 60, false), { from: 0, to: 60 });
});

test("rows that the buffer dropped stay drawn until the reader moves on", () => {
  const range = { from: 100, to: 900 };
  assert.deepEqual(grown(range, 500, 9000, false), range);
  assert.deepEqual(grown({ from: 100, to: 200 }, 500, 9000, false), { from: 100, to: 200 });
  assert.deepEqual(newer(range, 2000, 9000), { from: 2000, to: 2000 + MOST });
});

test("the edges move by a stride and stop at what there is", () => {
  const range = { from: 1000, to: 1800 };
  assert.deepEqual(older(range, 0), { from: 1000 - STRIDE, to: 1800 - STRIDE });
  assert.deepEqual(older(range, 1000), range);
  assert.deepEqual(older(range, 1200), range);
  assert.deepEqual(newer(range, 0, 5000), { from: 1000 + STRIDE, to: 1800 + STRIDE });
  assert.deepEqual(newer(range, 0, 1800), range);
});
