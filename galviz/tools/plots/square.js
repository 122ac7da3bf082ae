// @ts-check
// Keeps a map square while its pane changes its shape: a degree is as long in x as in y.

/**
 * @param {[number, number]} x ends of an axis, which may run from high to low
 * @param {[number, number]} y
 * @param {number} width of the frame in pixels
 * @param {number} height
 * @returns {[[number, number], [number, number]]} the ends, one of them moved apart
 */
export function squared(x, y, width, height) {
  const scale = Math.max(Math.abs(x[1] - x[0]) / width, Math.abs(y[1] - y[0]) / height);
  return [apart(x, scale * width), apart(y, scale * height)];
}

/**
 * @param {[number, number]} ends
 * @param {number} span
 * @returns {[number, number]}
 */
function apart(ends, span) {
  const half = (Math.sign(ends[1] - ends[0]) * span) / 2;
  const middle = (ends[0] + ends[1]) / 2;
  return [middle - half, middle + half];
}

/**
 * Called by Bokeh when the size of the frame changes.
 *
 * @typedef {{start: number, end: number, setv: (ends: {start: number, end: number}) => void}} Range
 * @param {{x_range: Range, y_range: Range, plot: {inner_width: number, inner_height: number}}} given
 */
export default function keep({ x_range, y_range, plot }) {
  if (!(plot.inner_width > 0 && plot.inner_height > 0)) return;
  const [x, y] = squared(
    [x_range.start, x_range.end],
    [y_range.start, y_range.end],
    plot.inner_width,
    plot.inner_height,
  );
  x_range.setv({ start: x[0], end: x[1] });
  y_range.setv({ start: y[0], end: y[1] });
}
