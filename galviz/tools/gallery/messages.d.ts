// Written from messages.py, which explains the fields, by python -m galviz.tools.messages
import type { Bytes } from "../shared.js";

export type Group = {
  text: string;
  count: number;
  open: boolean;
};

export type Arrangement = {
  order: string;
  descending: boolean;
  group: string;
  orders: Array<string>;
  groups: Array<string>;
};

export type State = {
  type: "state";
  version: number;
  top: boolean;
  stays: boolean;
  display: number;
  marks: number;
  count: number;
  total: number;
  selected: number;
  focus: string | null;
  place: number;
  found: number;
  tile: number;
  lines: number;
  aspect: number;
  pixels: number;
  enlarge: boolean;
  groups: Array<Group>;
  controls: Array<"size" | "sort" | "group" | "more">;
  arrangement: Arrangement;
  error: string;
  keys: Record<string, string>;
  labelled: number;
  later: number;
  acknowledged: Record<string, number>;
};

export type Tile = {
  id: string;
  lines: Array<[string, string]>;
  label: string;
  later: boolean;
  selected: boolean;
  verdict: "right" | "wrong" | "";
  cell: number;
};

export type Sheet = {
  columns: number;
  width: number;
  height: number;
};

export type Window = {
  type: "window";
  client: string;
  request: number;
  version: number;
  display: number;
  marks: number;
  first: number;
  tiles: Array<Tile>;
  pictures: boolean;
  sheet: Sheet | null;
  png?: Bytes;
};

export type Hello = {
  type: "hello";
  client: string;
};

export type Request = {
  type: "window";
  client: string;
  request: number;
  version: number;
  first: number;
  count: number;
  side: number;
  pictures: boolean;
};

export type Focus = {
  type: "focus";
  client: string;
  seq?: number;
  id: string;
};

export type Toggle = {
  type: "toggle";
  client: string;
  seq?: number;
  id: string;
};

export type Range = {
  type: "range";
  client: string;
  seq?: number;
  start: string;
  end: string;
};

export type Size = {
  type: "tile";
  client: string;
  seq?: number;
  tile: number;
};

export type Arrange = {
  type: "arrange";
  client: string;
  seq?: number;
  order: string;
  descending: boolean;
  group: string;
};

export type Fold = {
  type: "fold";
  client: string;
  seq?: number;
  group: string;
  open: boolean;
};

export type More = {
  type: "more";
  client: string;
};

export type Label = {
  type: "label";
  client: string;
  seq?: number;
  id: string;
  label: string;
};

export type Undo = {
  type: "undo";
  client: string;
  seq?: number;
};

export type Skip = {
  type: "skip";
  client: string;
  seq?: number;
  id: string;
};

export type Resume = {
  type: "resume";
  client: string;
  seq?: number;
};

export type ToBrowser = State | Window;

export type FromBrowser = Hello | Request | Focus | Toggle | Range | Size | Arrange | Fold | More | Label | Undo | Skip | Resume;
