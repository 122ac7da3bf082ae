// Written from messages.py, which explains the fields, by python -m galviz.tools.messages
import type { Bytes } from "../shared.js";

export type State = {
  type: "state";
  version: number;
  display: number;
  marks: number;
  count: number;
  total: number;
  selected: number;
  focus: string | null;
  place: number;
  top: boolean;
  tile: number;
  lines: number;
  aspect: number;
  keys: Record<string, string>;
  acknowledged: Record<string, number>;
};

export type Tile = {
  id: string;
  lines: Array<[string, string]>;
  label: string;
  selected: boolean;
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

export type ToBrowser = State | Window;

export type FromBrowser = Hello | Request | Focus | Toggle | Label | Undo;
