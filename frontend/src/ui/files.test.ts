import assert from "node:assert/strict";
import { test } from "node:test";
import { merge, strip } from "./files";

const of = (...paths: string[]) => paths.map((path) => ({ path, file: path }));
const paths = (list: { path: string }[]) => list.map((one) => one.path);

test("a chosen folder stands for its content", () => {
  assert.deepEqual(paths(strip(of("p/Dockerfile", "p/src/a"))), ["Dockerfile", "src/a"]);
  assert.deepEqual(paths(strip(of("p/a", "q/b"))), ["p/a", "q/b"]);
  assert.deepEqual(paths(strip(of("Dockerfile", "p/a"))), ["Dockerfile", "p/a"]);
  assert.deepEqual(strip([]), []);
});

test("the Dockerfile stands first, then files, then folders", () => {
  assert.deepEqual(paths(merge(of("src/a", "z"), of("Dockerfile", "b"))), ["Dockerfile", "b", "z", "src/a"]);
});

test("a path chosen again replaces the file", () => {
  const merged = merge([{ path: "a", file: "old" }], [{ path: "a", file: "new" }]);
  assert.deepEqual(merged, [{ path: "a", file: "new" }]);
});
