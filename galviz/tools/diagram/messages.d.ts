// Written from messages.py, which explains the fields, by python -m galviz.tools.messages
import type { Bytes } from "../shared.js";

export type Chart = {
  type: "chart";
  x: [number, number];
  y: [number, number];
  outside: number;
  missing: number;
  classes: Array<string>;
  names: Array<string>;
  unknown: [number, number];
  colours: Array<string>;
  shapes: Array<string>;
  columns: Array<string>;
  scored: boolean;
  points: number;
  wide: number;
  high: number;
  data?: Bytes;
};

export type Selected = {
  type: "selected";
  count: number;
  data?: Bytes;
};

export type Line = {
  slope: number;
  intercept: number;
  scatter: number;
  pivot: number;
};

export type Scores = {
  name: string;
  objects: number;
  values: Array<number | null>;
  ends: Array<[number | null, number | null]>;
};

export type Curve = {
  x: Array<number>;
  y: Array<number>;
  area: number;
};

export type State = {
  type: "state";
  fields: Record<string, string>;
  line: Line | null;
  words: string;
  moved: string;
  fit_to: string;
  edges: Array<number>;
  faintest: number | null;
  reddest: number | null;
  left: Record<string, number>;
  counted: number;
  region: string;
  member: string;
  regions: Array<Scores>;
  matrix: Array<Array<number>>;
  report: Array<Scores>;
  polygon: Array<[number, number]>;
  undoable: number;
  kind: string;
  curve: Curve | null;
  stars: number;
  busy: string;
  error: string;
  acknowledged: Record<string, number>;
};

export type Hello = {
  type: "hello";
};

export type Move = {
  type: "move";
  client: string;
  seq: number;
  slope: number;
  intercept: number;
  scatter: number;
  done: boolean;
};

export type Set = {
  type: "set";
  client: string;
  seq: number;
  name: string;
  value: number | string | null;
  done?: boolean;
};

export type Cell = {
  type: "cell";
  client: string;
  seq: number;
  true: number;
  given: number;
};

export type Lasso = {
  type: "lasso";
  client: string;
  seq: number;
  polygon: Array<[number, number]>;
};

export type Act = {
  type: "act";
  client: string;
  seq: number;
  name: "fit" | "refit" | "region" | "stars" | "undo";
};

export type ToBrowser = Chart | Selected | State;

export type FromBrowser = Hello | Move | Set | Cell | Lasso | Act;
