import assert from "node:assert/strict";
import { test } from "node:test";
import { delayMs } from "./backoff";

test("the wait doubles from half a second and stops growing at fifteen", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 60].map((n) => delayMs(n, 0.5)),
    [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000],
  );
});

test("jitter stays within a quarter either way", () => {
  assert.equal(delayMs(1, 0), 750);
  assert.ok(delayMs(1, 0.999) <= 1250);
});
