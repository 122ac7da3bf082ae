// Written from messages.py, which explains the fields, by python -m galviz.tools.messages

export type Value = {
  text: string;
  all: number;
  left: number;
  ticked: boolean;
};

export type Column = {
  name: string;
  unit: string;
  active: boolean;
  edges: Array<number>;
  ends: Array<number>;
  all: Array<number>;
  left: Array<number>;
  low: number | null;
  high: number | null;
  values: Array<Value>;
  more: number;
  missing: number;
  missing_left: number;
  with_missing: boolean;
};

export type State = {
  type: "state";
  total: number;
  selected: number;
  active: boolean;
  columns: Array<Column>;
  others: Array<string>;
  error: string;
  acknowledged: Record<string, number>;
};

export type Hello = {
  type: "hello";
  client: string;
};

export type Brush = {
  type: "brush";
  client: string;
  seq?: number;
  name: string;
  low: number | null;
  high: number | null;
  done: boolean;
};

export type Tick = {
  type: "tick";
  client: string;
  seq?: number;
  name: string;
  place: number;
  on: boolean;
};

export type Missing = {
  type: "missing";
  client: string;
  seq?: number;
  name: string;
  on: boolean;
};

export type Clear = {
  type: "clear";
  client: string;
  seq?: number;
  name: string;
};

export type Add = {
  type: "add";
  client: string;
  seq?: number;
  name: string;
};

export type Remove = {
  type: "remove";
  client: string;
  seq?: number;
  name: string;
};

export type ToBrowser = State;

export type FromBrowser = Hello | Brush | Tick | Missing | Clear | Add | Remove;
