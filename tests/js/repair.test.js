import assert from "node:assert/strict";
import { test } from "node:test";
import { toggled } from "../../galviz/tools/repair/client.js";

test("a click hides a band and the next shows it again, but one is always left to fit", () => {
  assert.deepEqual(toggled([], "g", 3), ["g"]);
  assert.deepEqual(toggled(["g"], "r", 3), ["g", "r"]);
  assert.deepEqual(toggled(["g", "r"], "g", 3), ["r"]);
  assert.equal(toggled(["g", "r"], "z", 3), null);
});
