import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbound, Outbound } from "./session";

function message(seq: number, text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const whole = new Uint8Array(8 + body.byteLength);
  new DataView(whole.buffer).setBigUint64(0, BigInt(seq));
  whole.set(body, 8);
  return whole;
}
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

test("output goes on where it stopped, without repeats", () => {
  const inbound = new Inbound();
  assert.equal(inbound.next, null);
  assert.equal(text(inbound.accept(message(100, "abc"))?.bytes), "abc");
  assert.equal(inbound.next, 103);
  assert.equal(inbound.accept(message(100, "abc")), null);
  const overlap = inbound.accept(message(101, "bcde"));
  assert.equal(text(overlap?.bytes), "de");
  assert.equal(overlap?.jumped, false);
  assert.equal(inbound.next, 105);
});

test("a hole in the numbers is told", () => {
  const inbound = new Inbound();
  inbound.accept(message(0, "abc"));
  assert.equal(inbound.accept(message(9, "x"))?.jumped, true);
});

test("numbers beyond 32 bits are kept", () => {
  const inbound = new Inbound();
  inbound.accept(message(2 ** 40, "abc"));
  assert.equal(inbound.next, 2 ** 40 + 3);
});

test("a message without bytes is nothing", () => {
  assert.equal(new Inbound().accept(message(5, "")), null);
  assert.equal(new Inbound().accept(new Uint8Array(3)), null);
});

test("drawing is acknowledged in strides, the rest on demand", () => {
  const inbound = new Inbound();
  assert.equal(inbound.drawn(1000), null);
  assert.equal(inbound.drawn(70_000), 70_000);
  assert.equal(inbound.drawn(70_001), null);
  assert.equal(inbound.ack(), 70_001);
  assert.equal(inbound.ack(), null);
});

test("a paste is cut into messages and waits for the window", () => {
  const outbound = new Outbound();
  const paste = new Uint8Array(1024 * 1024).map((_, i) => i % 251);
  outbound.push(paste.subarray(0, 10));
  outbound.push(paste.subarray(10));
  const received: number[] = [];
  for (;;) {
    let part = outbound.take();
    let burst = 0;
    while (part) {
      assert.ok(part.byteLength <= 16 * 1024);
      burst += part.byteLength;
      received.push(...part);
      part = outbound.take();
    }
    assert.ok(burst <= 256 * 1024);
    if (outbound.waiting === 0) break;
    outbound.taken(received.length);
  }
  assert.deepEqual(Buffer.from(received), Buffer.from(paste));
});

test("what was on its way when the connection broke is not sent twice", () => {
  const outbound = new Outbound();
  outbound.push(new Uint8Array(20_000));
  outbound.take();
  outbound.taken(6_000);
  assert.equal(outbound.broken(), 16 * 1024 - 6_000);
  assert.equal(outbound.take()?.byteLength, 20_000 - 16 * 1024);
});
