import assert from "node:assert/strict";
import { test } from "node:test";
import {
  barAt,
  besideOf,
  countsText,
  destination,
  farthestFirst,
  gridOf,
  labelledText,
  missingIn,
  moveOf,
  partAt,
  reach,
  revealedTop,
  scrolledTop,
  seenPositions,
  shortId,
  yOf,
} from "../../galviz/tools/gallery/client.js";

const SMALL = { count: 100, tile: 112, lines: 2, aspect: 1 };
const HEIGHT = 400;
const grid = gridOf(SMALL, 620); // 5 columns of 112 px, rows of 178 px
const huge = gridOf({ ...SMALL, count: 1_000_000 }, 620);

test("tiles fill the width", () => {
  assert.deepEqual(grid, {
    columns: 5,
    rows: 20,
    size: 112,
    tallness: 112,
    pitch: 178, // 112 + three lines of 16 + 8 + 10
    whole: 3570,
    physical: 3570,
    parts: [{ text: "", count: 100, open: true, first: 0, shown: 100, row: 0, rows: 20, y: 0, head: 0 }],
  });
  assert.equal(gridOf(SMALL, 619).columns, 4); // one pixel is missing
  for (let width = 30; width < 2000; width += 7) {
    const { columns, size } = gridOf(SMALL, width);
    const left = width - (columns * (size + 10) + 10);
    assert.ok(left >= 0 && left < columns, `${left} px of ${width} are left`);
  }
});

test("pictures keep their shape; without pictures tiles are lines of text", () => {
  assert.equal(gridOf({ ...SMALL, aspect: 0.5 }, 620).tallness, 56);
  const words = gridOf({ ...SMALL, aspect: 0 }, 620);
  assert.deepEqual([words.columns, words.tallness], [3, 24]);
  assert.equal(gridOf({ ...SMALL, count: 101 }, 620).rows, 21);
});

test("what a browser cannot scroll is scaled", () => {
  assert.equal(huge.whole, 35_600_010);
  assert.equal(huge.physical, 8_000_000);
  assert.equal(barAt(reach(huge, HEIGHT), huge, HEIGHT), 8_000_000 - HEIGHT);
  assert.equal(barAt(100, grid, HEIGHT), 100);
  assert.equal(barAt(0, gridOf({ ...SMALL, count: 1 }, 620), HEIGHT), 0); // nothing to scroll
});

test("a wheel moves pixel by pixel; a pull at a scaled bar goes as far as the bar", () => {
  assert.equal(scrolledTop(5000, 5000, 5100, huge, HEIGHT), 5100);
  const half = (8_000_000 - HEIGHT) / 2;
  assert.ok(Math.abs(scrolledTop(0, 0, half, huge, HEIGHT) - reach(huge, HEIGHT) / 2) < 1e-6);
  assert.equal(scrolledTop(100, 100, 3000, grid, HEIGHT), 3000); // as it is, where nothing is scaled
  assert.equal(scrolledTop(50, 50, -200, huge, HEIGHT), 0);
});

test("the bar and the top are each other's inverse", () => {
  for (const top of [0, 12_345, 20_000_000, reach(huge, HEIGHT)]) {
    const bar = barAt(top, huge, HEIGHT);
    const from = bar > 4_000_000 ? 0 : 8_000_000; // far away: a pull
    assert.ok(Math.abs(scrolledTop(0, from, bar, huge, HEIGHT) - top) < 1e-4);
  }
});

test("positions seen are whole rows that exist", () => {
  assert.deepEqual(seenPositions(0, grid, HEIGHT, 0), [0, 15]); // 400 px: two rows and a part
  assert.deepEqual(seenPositions(179, grid, HEIGHT, 0), [5, 20]);
  assert.deepEqual(seenPositions(179, grid, HEIGHT, 178), [0, 25]);
  assert.deepEqual(seenPositions(3170, grid, HEIGHT, 500), [75, 100]);
});

test("a position is revealed by the shortest way, or in the middle from afar", () => {
  assert.equal(revealedTop(3, 0, grid, HEIGHT), 0); // it is seen
  assert.equal(revealedTop(0, 100, grid, HEIGHT), 0); // at the upper edge
  assert.equal(revealedTop(10, 0, grid, HEIGHT), 2 * 178 + 178 + 10 - 400); // at the lower
  assert.equal(revealedTop(15, 0, grid, HEIGHT), 3 * 178 + 178 + 10 - 400); // not far below it
  assert.equal(revealedTop(60, 0, grid, HEIGHT), 12 * 178 - (400 - 178) / 2);
});

test("one request begins at the first missing object and is never longer than 96", () => {
  const there = new Set([0, 1, 4]);
  assert.deepEqual(
    missingIn([0, 8], (p) => !there.has(p)),
    [2, 6],
  );
  assert.deepEqual(
    missingIn([0, 1000], () => true),
    [0, 96],
  );
  assert.equal(
    missingIn([0, 2], (p) => !there.has(p)),
    null,
  );
});

test("the farthest from what is seen is forgotten first", () => {
  assert.deepEqual(farthestFirst([0, 50, 55, 61, 200], [50, 60]), [200, 0, 61, 50, 55]);
});

test("keys move the focus by a tile, a row, a page, or to an end", () => {
  const moves = ["ArrowLeft", "ArrowDown", "PageDown", "PageUp", "Home", "End", "x", "constructor"];
  const expected = [-1, 5, 10, -10, -Infinity, Infinity, undefined, undefined];
  assert.deepEqual(
    moves.map((key) => moveOf(key, grid, HEIGHT)),
    expected,
  );
});

test("the focus stays within the table, and where there is no row above or below", () => {
  assert.equal(destination(7, 5, grid, 100), 12);
  assert.equal(destination(2, -5, grid, 100), null);
  assert.equal(destination(95, 5, grid, 100), null);
  assert.equal(destination(0, -1, grid, 100), 0);
  assert.equal(destination(95, 10, grid, 100), 99); // a page: to the last
  assert.equal(destination(40, -Infinity, grid, 100), 0);
  assert.equal(destination(40, Infinity, grid, 100), 99);
});

const GROUPS = [
  { text: "a", count: 7, open: true },
  { text: "b", count: 50, open: false },
  { text: "c", count: 12, open: true },
];
const grouped = gridOf({ ...SMALL, count: 19, groups: GROUPS }, 620);

test("groups have headers, and one that is closed has no rows", () => {
  const parts = grouped.parts.map(({ first, shown, row, rows, y }) => [first, shown, row, rows, y]);
  assert.deepEqual(parts, [
    [0, 7, 0, 2, 0],
    [7, 0, 2, 0, 30 + 2 * 178],
    [7, 12, 2, 3, 60 + 2 * 178],
  ]);
  assert.deepEqual([grouped.rows, grouped.whole], [5, 90 + 5 * 178 + 10]);
  assert.equal(partAt(6, grouped).text, "a");
  assert.equal(partAt(7, grouped).text, "c");
  assert.deepEqual([yOf(5, grouped), yOf(7, grouped)], [30 + 178, 90 + 2 * 178]);
});

test("what is seen of groups is one range of positions", () => {
  assert.deepEqual(seenPositions(0, grouped, HEIGHT, 0), [0, 7]);
  assert.deepEqual(seenPositions(300, grouped, HEIGHT, 0), [5, 17]);
  assert.deepEqual(seenPositions(0, gridOf({ ...SMALL, count: 0, groups: [GROUPS[1]] }, 620), HEIGHT, 0), [0, 0]);
  assert.equal(revealedTop(8, 420, grouped, HEIGHT), 416); // the first row of a group, with its header
});

test("up and down go from group to group in their column", () => {
  assert.equal(destination(1, 5, grouped, 19), 6);
  assert.equal(destination(3, 5, grouped, 19), null); // a short last row
  assert.equal(destination(6, 5, grouped, 19), 8);
  assert.equal(destination(8, -5, grouped, 19), 6);
  assert.equal(destination(11, -5, grouped, 19), 6); // the row above is short
  assert.equal(destination(18, 5, grouped, 19), null);
});

test("an enlarged picture stands right of its tile, else left, and on the page", () => {
  const page = { width: 1000, height: 800 };
  assert.deepEqual(besideOf({ left: 100, right: 200, top: 300, height: 100 }, 400, 300, page), [210, 200]);
  assert.deepEqual(besideOf({ left: 800, right: 900, top: 0, height: 100 }, 400, 300, page), [390, 0]);
  assert.deepEqual(besideOf({ left: 100, right: 200, top: 760, height: 100 }, 400, 300, page), [210, 500]);
});

test("skipped objects are counted", () => {
  assert.equal(labelledText({ labelled: 1200, later: 0 }), "1,200 labelled");
  assert.equal(labelledText({ labelled: 3, later: 2 }), "3 labelled · 2 later");
});

test("a long id keeps its last digits", () => {
  assert.equal(shortId("1237648720693755918", 200), "1237648720693755918");
  assert.equal(shortId("1237648720693755918", 71), "…693755918");
});

test("counts say what is shown, of how many, and what is selected", () => {
  assert.equal(countsText({ count: 1500, total: 1500, selected: 0 }), "1,500 objects · 0 selected");
  assert.equal(countsText({ count: 12, total: 1500, selected: 3 }), "12 of 1,500 objects · 3 selected");
});
