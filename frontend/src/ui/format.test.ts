import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, bytes, lasting, percent, span } from "./format";

test("sizes keep three digits", () => {
  assert.equal(bytes(0), "0 B");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1000), "0.98 KiB");
  assert.equal(bytes(134217728), "128 MiB");
  assert.equal(bytes(1.5 * 1024 ** 3), "1.50 GiB");
});

test("a core's share is a percentage", () => {
  assert.equal(percent(0.125), "12.5 %");
  assert.equal(percent(2), "200 %");
});

test("spans use the two units that matter", () => {
  assert.equal(span(420), "0.4 s");
  assert.equal(span(12_900), "12 s");
  assert.equal(span(185_000), "3 min 5 s");
  assert.equal(span(7_500_000), "2 h 5 min");
});

test("past and future are told apart", () => {
  const now = 1_700_000_000_000;
  assert.equal(ago(now - 2000, now), "just now");
  assert.equal(ago(now - 60_000, now), "1 minute ago");
  assert.equal(ago(now - 3 * 86_400_000, now), "3 days ago");
  assert.equal(ago(now + 7_200_000, now), "in 2 hours");
  assert.equal(lasting(now - 3 * 3_600_000, now), "3 hours");
  assert.equal(ago(now - 800 * 86_400_000, now), "2 years ago");
});
